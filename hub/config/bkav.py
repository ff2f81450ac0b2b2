"""The Bkav eDoc REST dialect, served by the hub."""

from __future__ import annotations

from pydantic import Field

from hub.config.base import Group


class Bkav(Group):
    """The Bkav eDoc REST dialect, for systems of a provincial exchange that move to the hub."""

    enabled: bool = Field(default=True, description="Serve the Bkav eDoc REST dialect.")
    base_path: str = Field(
        "/EdocService",
        pattern=r"^(/[A-Za-z0-9._~-]+)+$",
        description="Path below which its operations hang.",
    )
