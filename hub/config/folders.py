"""Folders of systems that know nothing but folders."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field, field_validator

from hub.config.base import Group


class Folders(Group):
    """Where the folders of the adapter `folder` lie."""

    base: Path | None = Field(
        None,
        description="Folder under which the folders of all systems of the adapter `folder` lie. "
        "Without it: `<home>/folders`.",
    )

    @field_validator("base")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else Path(os.path.abspath(value.expanduser()))  # noqa: PTH100 (keeps symlinks)
