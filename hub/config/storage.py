"""Where documents lie as sent, if not in a folder: a bucket of S3-compatible storage."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from hub.config.base import Count, Group, Seconds
from hub.config.reasons import refusal


class S3(Group):
    """A bucket that takes the place of `blobs_folder`, in which bodies are then only spooled."""

    bucket: str | None = Field(
        None,
        pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        description="Bucket of documents as sent. Without it: the folder `blobs_folder`.",
    )
    endpoint: str | None = Field(
        None,
        description="`https://host[:port]` of the storage; `http://` on the loopback address alone. "
        "Without it: Amazon's of the region.",
    )
    region: str = Field("us-east-1", pattern=r"^[a-z0-9-]{1,40}$", description="Region named in signatures.")
    prefix: str = Field(
        "",
        pattern=r"^([A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*)?$",
        description="Folder inside the bucket, so that others may use it too.",
    )
    key_id: str | None = Field(
        None, min_length=1, description="Access key. Without it: the credentials of the machine."
    )
    secret: SecretStr | None = Field(None, description="The key's secret.")
    path_style: bool = Field(
        default=True, description="Name the bucket in the path (MinIO, Ceph), not in the host (Amazon)."
    )
    ca_file: Path | None = Field(
        None, description="PEM file of a CA that the storage's certificate comes from, beside the system's."
    )
    connect_s: Seconds = Field(5, description="Longest wait for a connection.")
    timeout_s: Seconds = Field(60, description="Longest request (one part of 5 MiB, one window of 4 MiB).")
    total_s: Seconds = Field(300, description="Longest upload of one document, with repetitions.")
    capacity_bytes: Count | None = Field(
        None, description="What the bucket may hold, for the limits of free space. Without it: no limit."
    )

    @field_validator("ca_file")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else Path(os.path.abspath(value.expanduser()))  # noqa: PTH100 (keeps symlinks)

    @field_validator("endpoint")
    @classmethod
    def _safe(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        bare = not (parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc)
        if parts.scheme not in {"https", "http"} or not parts.hostname or not bare:
            raise refusal(
                "phải có dạng https://máy hoặc https://máy:cổng", "must be https://host or https://host:port"
            )
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise refusal(
                "http:// chỉ dùng trên chính máy này: nếu không, văn bản đi trên mạng không mã hóa",
                "http:// is for the loopback address alone: documents would travel in the clear",
            )
        return value.rstrip("/")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.key_id is None) is not (self.secret is None):
            raise refusal(
                "key_id và secret phải có cả hai hoặc không có cái nào",
                "key_id and secret are given together or not at all",
            )
        if self.total_s < self.timeout_s:
            raise refusal("total_s phải từ timeout_s trở lên", "total_s must be at least timeout_s")
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
