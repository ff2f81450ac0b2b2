"""Settings of a hub: read once, at the start, by the composition root and the command line alone.

Sources, the first that names an option wins:
1. arguments given to `load_settings` (command-line options),
2. the environment, `LIENTHONG_<NAME>`; options of a group as `LIENTHONG_<GROUP>__<NAME>`,
3. a TOML file: `LIENTHONG_CONFIG`, else `<LIENTHONG_HOME>/lienthong.toml` where it exists,
4. the defaults below.

A name that no option has is refused, in the file and in the environment: a misspelt limit must not be a
limit that silently does not hold. Secrets are `SecretStr` and never appear in an error's text. Every limit
of the product stands here with its default; nothing below the composition root reads settings, it is given
values. `docs/reference/settings.md` is held to this module by a test.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from hub.observability.failpoints import FAILPOINTS

ENV_PREFIX: Final = "LIENTHONG_"
ENV_CONFIG: Final = "LIENTHONG_CONFIG"
CONFIG_NAME: Final = "lienthong.toml"
DEFAULT_HOME: Final = Path("~/.lienthong")
# Read by the tests and by this module, not options of a hub.
OTHER_VARIABLES: Final = frozenset({ENV_CONFIG, "LIENTHONG_SHARED"})
OTHER_PREFIXES: Final = ("LIENTHONG_TEST_",)

KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]


class SettingsInvalid(Exception):
    """The settings cannot be used. `problems` are (option, what is wrong), without any value."""

    code = "settings_invalid"

    def __init__(self, problems: tuple[tuple[str, str], ...]) -> None:
        super().__init__("; ".join(f"{option}: {text}" for option, text in problems))
        self.problems = problems


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class Limits(_Group):
    """What one message, one sender and one node may ask for. [design section 8]"""

    body_bytes: Count = Field(150 * MIB, description="Largest body of a submission (413).")
    attachment_bytes: Count = Field(100 * MIB, description="Largest attachment, decoded (413).")
    attachments: Count = Field(100, description="Most attachments of one document (422).")
    recipients: Count = Field(2_000, description="Most recipients of one document (422).")
    unzipped_bytes: Count = Field(200 * MIB, description="Largest attachment once unzipped.")
    unzip_ratio: Count = Field(100, description="Largest ratio of unzipped to zipped size.")
    skeleton_bytes: Count = Field(2 * MIB, description="Largest edXML without its attachments.")
    depth: Count = Field(32, description="Deepest nesting of elements.")
    elements: Count = Field(50_000, description="Most elements of one message.")
    intake_per_node: Count = Field(32, description="Submissions read at once by one node (503 beyond).")
    intake_per_system: Count = Field(4, description="Submissions read at once of one system (429 beyond).")
    min_rate_bytes: Count = Field(10 * KIB, description="Slowest body accepted, bytes per second.")
    min_rate_window_s: Seconds = Field(30, description="Time over which that rate is measured.")
    request_s: Seconds = Field(600, description="Longest request.")
    drain_s: Seconds = Field(10, description="How long a refused body is still read.")
    disk_free_ratio: float = Field(
        0.05, ge=0, lt=1, description="Below this free share of the disk the normal lane is refused."
    )
    disk_free_bytes: int = Field(
        2 * GIB, ge=0, description="Below this free space the normal lane is refused."
    )
    verify_backlog: Count = Field(
        20_000, description="Above this many waiting verifications the normal lane is refused."
    )
    verify_backlog_age_s: Seconds = Field(
        600, description="When one waits longer than this the normal lane is refused."
    )
    long_poll_s: Seconds = Field(25, description="Longest wait of GET /inbox.")
    inbox_page: Count = Field(100, description="Most entries of one inbox page.")
    parked_status_s: Seconds = Field(86_400, description="How long a status waits for an unknown document.")


class Leases(_Group):
    """How long a claim on a row holds without a sign of life. [design section 3]"""

    worker_s: Seconds = Field(60, description="Lease of a worker on a task.")
    renew_s: Seconds = Field(20, description="How often a worker renews it.")
    recipient_s: Seconds = Field(
        300, description="Lease of a recipient on a delivery, unless it asks otherwise."
    )
    recipient_min_s: Seconds = Field(30, description="Shortest lease a recipient may ask for.")
    recipient_max_s: Seconds = Field(3_600, description="Longest lease a recipient may ask for.")
    sweep_after_s: Seconds = Field(30, description="A due row without a lease is published again after this.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.renew_s * 2 > self.worker_s:
            raise ValueError("renew_s must be at most half of worker_s")
        if not self.recipient_min_s <= self.recipient_s <= self.recipient_max_s:
            raise ValueError("recipient_s must lie between recipient_min_s and recipient_max_s")
        return self


class Deadlines(_Group):
    """After how many seconds an undelivered document alerts, and ends with evidence, by Priority 0–4."""

    alert_s: tuple[Seconds, ...] = Field(
        (8 * 3600, 2 * 3600, 3600, 900, 900), description="Alert, for Priority 0, 1, 2, 3, 4."
    )
    evidence_s: tuple[Seconds, ...] = Field(
        (72 * 3600, 24 * 3600, 12 * 3600, 4 * 3600, 4 * 3600),
        description="Evidence of non-delivery, for Priority 0, 1, 2, 3, 4.",
    )

    @model_validator(mode="after")
    def _five_each(self) -> Self:
        if len(self.alert_s) != 5 or len(self.evidence_s) != 5:
            raise ValueError("alert_s and evidence_s have five values each, for Priority 0 to 4")
        if any(alert >= end for alert, end in zip(self.alert_s, self.evidence_s, strict=True)):
            raise ValueError("an alert must come before its evidence of non-delivery")
        return self

    def of(self, priority: int) -> tuple[timedelta, timedelta]:
        """Return (alert, evidence) for a priority; beyond 4 counts as 4."""
        index = min(max(priority, 0), 4)
        return timedelta(seconds=self.alert_s[index]), timedelta(seconds=self.evidence_s[index])


class Settings(_Group):
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
    verify_workers: Count = Field(2, description="Processes that verify signatures.")
    verify_timeout_s: Seconds = Field(60, description="Longest verification of one file.")
    verify_memory_bytes: Count = Field(1 * GIB, description="Most memory of one verifying process.")
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
    limits: Limits = Field(Limits(), description="Limits of messages, senders and nodes.")
    leases: Leases = Field(Leases(), description="Leases of workers and recipients.")
    deadlines: Deadlines = Field(Deadlines(), description="Alerts and evidence of non-delivery.")

    @field_validator("home", "blobs_folder", "trust_folder")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else Path(os.path.abspath(value.expanduser()))  # noqa: PTH100 (keeps symlinks)

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        return _scheme(value, ("postgresql://", "postgres://"))

    @field_validator("broker_url")
    @classmethod
    def _amqp(cls, value: SecretStr | None) -> SecretStr | None:
        return _scheme(value, ("amqp://", "amqps://"))

    @field_validator("failpoint")
    @classmethod
    def _known_failpoint(cls, value: str | None) -> str | None:
        if value is not None and value not in FAILPOINTS:
            raise ValueError(f"unknown; known are {', '.join(FAILPOINTS)}")
        return value

    @model_validator(mode="after")
    def _fit_for_production(self) -> Self:
        if self.production and self.failpoint is not None:
            raise ValueError("a failpoint cannot be armed in production")
        if self.production and self.database_url is None:
            raise ValueError("production needs database_url: the embedded PostgreSQL is not backed up")
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
    def keys_path(self) -> Path:
        """The folder of the hub's own keys (0700)."""
        return self.home / "keys"


def _scheme(value: SecretStr | None, schemes: tuple[str, ...]) -> SecretStr | None:
    if value is not None and not value.get_secret_value().startswith(schemes):
        raise ValueError(f"must begin with {' or '.join(schemes)}")
    return value


def load_settings(
    *, config: Path | None = None, environment: Mapping[str, str] | None = None, **overrides: object
) -> Settings:
    """Merge command line, environment and file into settings; raises `SettingsInvalid`.

    `overrides` that are None count as not given.
    """
    env = _from_environment(os.environ if environment is None else environment)
    given = {name: value for name, value in overrides.items() if value is not None}
    home = Path(str(given.get("home", env.get("home", DEFAULT_HOME)))).expanduser()
    named = config or _path_of(env.pop(ENV_CONFIG, None))
    if named is not None and not named.is_file():
        raise SettingsInvalid(((ENV_CONFIG, f"there is no file {named}"),))
    file = _from_file(named or home / CONFIG_NAME)
    if "home" in file and named is None:
        raise SettingsInvalid((("home", f"cannot be set in {CONFIG_NAME}, which is found through it"),))
    try:
        return Settings.model_validate(_merge(file, env, given))
    except ValidationError as error:
        raise SettingsInvalid(_problems(error)) from None


def _path_of(value: object) -> Path | None:
    return Path(str(value)).expanduser() if value else None


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Take `LIENTHONG_*` apart into option names; a list is given comma-separated."""
    options: dict[str, Any] = {}
    unknown = []
    for variable, value in sorted(environment.items()):
        if not variable.startswith(ENV_PREFIX) or variable.startswith(OTHER_PREFIXES) or value == "":
            continue
        if variable == ENV_CONFIG:
            options[ENV_CONFIG] = value
            continue
        if variable in OTHER_VARIABLES:
            continue
        group, _, name = variable.removeprefix(ENV_PREFIX).lower().partition("__")
        known = group in Settings.model_fields and (not name or name in _fields_of_group(group))
        if not known or (not name and _fields_of_group(group)):
            unknown.append((variable, "no option has this name"))
        elif name:
            options.setdefault(group, {})[name] = _listed(
                type(Settings.model_fields[group].default), name, value
            )
        else:
            options[group] = _listed(Settings, group, value)
    if unknown:
        raise SettingsInvalid(tuple(unknown))
    return options


def _listed(model: type[BaseModel], name: str, value: str) -> str | list[str]:
    is_list = isinstance(model.model_fields[name].default, tuple)
    return [part.strip() for part in value.split(",")] if is_list else value


def _fields_of_group(name: str) -> frozenset[str]:
    default = Settings.model_fields[name].default
    return frozenset(type(default).model_fields) if isinstance(default, _Group) else frozenset()


def _from_file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsInvalid(((str(path), re.sub(r"\s+", " ", str(error))),)) from None


def _merge(*sources: Mapping[str, Any]) -> dict[str, Any]:
    """Later sources win, option by option inside a group."""
    merged: dict[str, Any] = {}
    for source in sources:
        for name, value in source.items():
            old = merged.get(name)
            merged[name] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _problems(error: ValidationError) -> tuple[tuple[str, str], ...]:
    """Translate pydantic's errors; inputs are left out, they may be secrets."""
    return tuple(
        (".".join(str(part) for part in item["loc"]) or "settings", item["msg"].removeprefix("Value error, "))
        for item in error.errors(include_input=False, include_url=False, include_context=False)
    )
