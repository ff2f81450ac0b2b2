"""The national exchange's client API, served by the hub."""

from __future__ import annotations

from pydantic import Field

from hub.config.base import Group


class Vxp(Group):
    """The client API of the national exchange, for systems that move to the hub."""

    enabled: bool = Field(default=True, description="Serve the client API of the national exchange.")
    base_path: str = Field(
        "/vxp",
        pattern=r"^(/[A-Za-z0-9._~-]+)*$",
        description="Path below which its operations hang; they hang at the root and below "
        "`/XrdAdapter/RestService/forward` too.",
    )
