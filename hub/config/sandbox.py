"""The sandbox: echo recipients for vendors to try their systems on."""

from __future__ import annotations

from pydantic import Field

from hub.config.base import Group


class Sandbox(Group):
    """Echo recipients in the directory, clearly marked."""

    in_production: bool = Field(
        default=False, description="Let `lienthong sandbox` run on a hub that is in production."
    )
