"""All options of a hub; groups of them stand in modules of their own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from hub.config.base import GIB, Count, Group, Seconds, require_address
from hub.config.bkav import Bkav
from hub.config.entrance import Proxy, Tls
from hub.config.exits import Push
from hub.config.folders import Folders
from hub.config.limits import Deadlines, Leases, Limits
from hub.config.reasons import refusal
from hub.config.relay import Relay
from hub.config.sandbox import Sandbox
from hub.config.signing import Signing
from hub.config.storage import S3
from hub.config.trust import Revocation
from hub.config.vxp import Vxp
from hub.observability.failpoints import FAILPOINTS

DEFAULT_HOME: Final = Path("~/.lienthong")


class Settings(Group):
    """Every option of a hub. Build it with `load_settings`."""

    model_config = ConfigDict(hide_input_in_errors=True)

    home: Path = Field(
        DEFAULT_HOME, description="The one folder in which the embedded default keeps everything."
    )
    production: bool = Field(
        default=False, description="Refuse what suits only a demonstration: embedded PostgreSQL, failpoints."
    )
    database_url: SecretStr | None = Field(
        None, description="PostgreSQL 15–18, `postgresql://…`. Without it: an embedded PostgreSQL in `home`."
    )
    broker_url: SecretStr | None = Field(
        None,
        description="RabbitMQ 3.10 or later, `amqp://…` or `amqps://…`. Without it: the in-process broker, "
        "which serves one node.",
    )
    broker_prefix: str = Field(
        "lienthong",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$",
        description="What the hub's exchanges and queues are named by; nodes of one hub share it.",
    )
    node_name: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="Name of this node in leases, the same after a restart. Without it: host and home.",
    )
    processes: int = Field(1, ge=1, le=64, description="Processes of `lienthong serve` behind one address.")
    http_host: str = Field("127.0.0.1", min_length=1, description="Address the hub listens on.")
    http_port: int = Field(8090, ge=0, le=65_535, description="Port the hub listens on; 0 takes a free one.")
    public_url: str | None = Field(
        None, pattern=r"^https?://[^/\s]+$", description="Scheme and host under which others reach the hub."
    )
    hub_code: str = Field(
        "00.09.W00",
        min_length=1,
        max_length=50,
        description="Code of this exchange axis, in receipts and traces.",
    )
    province_codes: tuple[str, ...] = Field(
        ("H09",), description="First or last groups of codes that are of this province (`H09`)."
    )
    blobs_folder: Path | None = Field(
        None, description="Folder of documents as sent. Without it: `<home>/blobs`."
    )
    blobs_shared: bool = Field(
        default=False, description="`blobs_folder` is one file system shared by all nodes."
    )
    trust_folder: Path | None = Field(None, description="Folder of trusted CA certificates for verification.")
    secrets_key_file: Path | None = Field(
        None,
        description="Key file under which secrets of adapters are sealed; all nodes of a hub need the same. "
        "Without it: `<home>/keys/secrets.key`, made at the first start.",
    )
    revocation: Revocation = Field(
        Revocation(), description="What verification asks of certification authorities."
    )
    verify_workers: Count = Field(2, description="Processes that verify signatures.")
    verify_timeout_s: Seconds = Field(60, description="Longest verification of one file.")
    verify_document_s: Seconds = Field(300, description="Longest verification of all files of a document.")
    verify_memory_bytes: Count = Field(1 * GIB, description="Most memory of one verifying process.")
    verify_receipt_proves: bool = Field(
        default=True,
        description="A document that the hub accepted is proof that its signatures existed by then: "
        "certificates that expire or are revoked later do not undo them.",
    )
    pool_size: int = Field(16, ge=2, le=500, description="Database connections of one node.")
    statement_timeout_s: Seconds = Field(5, description="Longest SQL statement of a pooled connection.")
    lock_timeout_s: Seconds = Field(2, description="Longest wait of a statement for a lock.")
    api_key_grace_days: Count = Field(
        7, description="How long an API key still works after its successor is made."
    )
    intake_key_days: Count = Field(400, description="How long a repeated submission is recognised.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level logged.")
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="`auto`: for people on a terminal, JSON lines elsewhere."
    )
    failpoint: str | None = Field(None, description="Kill the process at this named place. For tests alone.")
    tls: Tls = Field(Tls(), description="TLS served by the hub itself.")
    proxy: Proxy = Field(Proxy(), description="A reverse proxy before the hub.")
    s3: S3 = Field(S3(), description="S3-compatible storage of documents as sent.")
    folders: Folders = Field(Folders(), description="Folders of systems that know nothing but folders.")
    limits: Limits = Field(Limits(), description="Limits of messages, senders and nodes.")
    leases: Leases = Field(Leases(), description="Leases of workers and recipients.")
    push: Push = Field(Push(), description="Delivery to systems that are pushed to.")
    relay: Relay = Field(Relay(), description="The relay to the national exchange.")
    vxp: Vxp = Field(Vxp(), description="The client API of the national exchange, served by the hub.")
    bkav: Bkav = Field(Bkav(), description="The Bkav eDoc REST dialect, served by the hub.")
    sandbox: Sandbox = Field(Sandbox(), description="Echo recipients for vendors to try their systems on.")
    signing: Signing = Field(Signing(), description="Signing for systems.")
    deadlines: Deadlines = Field(Deadlines(), description="Alerts and evidence of non-delivery.")

    @field_validator("home", "blobs_folder", "trust_folder", "secrets_key_file")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else Path(os.path.abspath(value.expanduser()))  # noqa: PTH100 (keeps symlinks)

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        return require_address(value, ("postgresql://", "postgres://"))

    @field_validator("broker_url")
    @classmethod
    def _amqp(cls, value: SecretStr | None) -> SecretStr | None:
        return require_address(value, ("amqp://", "amqps://"))

    @field_validator("failpoint")
    @classmethod
    def _known_failpoint(cls, value: str | None) -> str | None:
        if value is not None and value not in FAILPOINTS:
            known = ", ".join(FAILPOINTS)
            raise refusal(f"không có tên này; có: {known}", f"unknown; known are {known}")
        return value

    @model_validator(mode="after")
    def _fit_for_production(self) -> Self:
        if self.production and self.failpoint is not None:
            raise refusal(
                "không đặt failpoint trên trục chạy thật", "a failpoint cannot be armed in production"
            )
        if self.production and self.database_url is None:
            raise refusal(
                "trục chạy thật cần database_url: PostgreSQL kèm theo không được sao lưu",
                "production needs database_url: the embedded PostgreSQL is not backed up",
            )
        return self

    @property
    def blobs_path(self) -> Path:
        """The folder of documents as sent."""
        return self.blobs_folder or self.home / "blobs"

    @property
    def trust_path(self) -> Path:
        """The folder of trusted CA certificates."""
        return self.trust_folder or self.home / "trust"

    @property
    def authorities_cache_path(self) -> Path:
        """The folder of what was fetched from certification authorities; may be emptied at any time."""
        return self.home / "cache" / "authorities"

    @property
    def keys_path(self) -> Path:
        """The folder of the hub's own keys (0700)."""
        return self.home / "keys"

    @property
    def secrets_key_path(self) -> Path:
        """The file of keys under which secrets of adapters are sealed."""
        return self.secrets_key_file or self.keys_path / "secrets.key"
