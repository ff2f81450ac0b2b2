"""Running a node until it is told to stop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from hub.bootstrap.entrance import tls_of
from hub.bootstrap.node import Hub
from hub.web.server import serve_http


async def serve_until(
    hub: Hub,
    stop: asyncio.Event,
    *,
    on_ready: Callable[[str], None],
    listening: socket.socket | None = None,
) -> None:
    """Serve HTTP and run the loops until `stop` is set, then finish what is under way and return.

    Args:
        on_ready: called with the address once calls are answered.
        listening: a socket that listens already; without it the settings say where to listen.

    A stop lets calls end (long-polls answer at once), then ends the loops; whatever they had leased is
    given back or comes back when its lease ends.
    """
    async with asyncio.TaskGroup() as group:
        loops = group.create_task(hub.loops.run(), name="loops")
        settings = hub.settings
        async with serve_http(
            hub.app,
            host=settings.http_host,
            port=settings.http_port,
            drain_s=settings.limits.drain_s,
            tls=tls_of(settings),
            listening=listening,
        ) as url:
            on_ready(settings.public_url or url)
            stopping = group.create_task(stop.wait(), name="stop")
            await asyncio.wait((stopping, loops), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        loops.cancel()
