"""Options of signing: keys with which the hub signs for systems."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from hub.config.base import GIB, MIB, Count, Group, Seconds
from hub.config.reasons import refusal


class SigningKey(Group):
    """One key, and which systems may sign with it."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="Name of the key in calls.")
    key: str = Field(min_length=1, description="PKCS#12 or PEM file, or a `pkcs11:` URI without the PIN.")
    certificate: Path | None = Field(None, description="The certificate, if it is not with the key.")
    secret: SecretStr | None = Field(None, description="Passphrase of the file, PIN of the token.")
    secret_file: Path | None = Field(None, description="File that holds the passphrase or PIN instead.")
    systems: tuple[str, ...] = Field((), description="Names of the systems that may sign with it.")

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if self.secret is not None and self.secret_file is not None:
            raise refusal(
                "chỉ dùng một trong hai: secret, secret_file", "secret and secret_file exclude each other"
            )
        return self


class Signing(Group):
    """Signing for systems: with keys of the hub, or with keys that are with the caller."""

    keys: tuple[SigningKey, ...] = Field((), description="Keys with which the hub signs.")
    systems: tuple[str, ...] = Field(
        (),
        description="Systems that may prepare and finish signatures with keys of their own. "
        "`*`: every system with an API key.",
    )
    tsa: tuple[str, ...] = Field((), description="Timestamp authorities, asked in turn.")
    tsa_policies: tuple[str, ...] = Field(
        (), description="Policies (dotted numbers) under which a timestamp counts. Empty: any."
    )
    tsa_seconds: Seconds = Field(10, description="Longest wait for one authority.")
    workers: Count = Field(1, description="Processes that sign.")
    per_system: Count = Field(2, description="Signatures of one system under way at a time.")
    timeout_s: Seconds = Field(90, description="Longest signing of one call, all authorities included.")
    memory_bytes: Count = Field(1 * GIB, description="Most memory of one signing process.")
    max_bytes: Count = Field(100 * MIB, description="Most bytes of the files of one call.")

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len({key.name for key in self.keys}) != len(self.keys):
            raise refusal("hai khóa trùng tên", "two keys have the same name")
        return self

    @property
    def offered(self) -> bool:
        """Whether anybody may sign at all."""
        return bool(self.keys or self.systems)
