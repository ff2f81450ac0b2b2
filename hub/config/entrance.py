"""The way in: TLS served by the hub itself, or a proxy before it."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from hub.config.base import Group
from hub.config.reasons import refusal


class Tls(Group):
    """TLS that the hub serves itself. Files that change are read again, without a restart."""

    certificate: Path | None = Field(
        None, description="PEM file: the hub's certificate, then the CA certificates between it and the root."
    )
    key: Path | None = Field(None, description="PEM file of its private key, without a passphrase (0600).")
    client_ca: Path | None = Field(
        None,
        description="PEM file: CAs that sign clients' certificates, or such certificates themselves. With it "
        "clients are asked for one; who must show which is said per system.",
    )
    client_required: bool = Field(
        default=False, description="Let nobody connect without a certificate, health checks included."
    )

    @field_validator("certificate", "key", "client_ca")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else Path(os.path.abspath(value.expanduser()))  # noqa: PTH100 (keeps symlinks)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise refusal("certificate và key phải đi cùng nhau", "certificate and key belong together")
        if self.client_ca is not None and self.certificate is None:
            raise refusal("client_ca cần certificate và key", "client_ca needs certificate and key")
        if self.client_required and self.client_ca is None:
            raise refusal("client_required cần client_ca", "client_required needs client_ca")
        return self


class Proxy(Group):
    """A reverse proxy before the hub: whom to believe about the caller. Nobody by default."""

    networks: tuple[str, ...] = Field(
        (), description="Networks (CIDR) of proxies whose headers about the caller are believed."
    )
    address_header: str = Field(
        "X-Forwarded-For",
        pattern=r"^[A-Za-z0-9-]{1,60}$",
        description="Header in which such a proxy gives the caller's address.",
    )
    certificate_header: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9-]{1,60}$",
        description="Header in which it gives the client certificate that it has checked: RFC 9440 "
        "(`Client-Cert`), or PEM, URL-encoded. The proxy must remove it from what clients send.",
    )

    @field_validator("networks")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ipaddress.ip_network(text)) for text in value)

    @model_validator(mode="after")
    def _believed(self) -> Self:
        if self.certificate_header is not None and not self.networks:
            raise refusal(
                "certificate_header cần networks: không ai khác được nói người gọi là ai",
                "certificate_header needs networks: nobody else may say who the caller is",
            )
        return self
