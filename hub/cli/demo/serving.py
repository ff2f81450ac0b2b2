"""A hub that answers calls for as long as a block lasts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hub.bootstrap import Hub, serve_until


@asynccontextmanager
async def serving(hub: Hub) -> AsyncIterator[str]:
    """Serve a hub and yield its address; it has stopped when the block ends."""
    stop = asyncio.Event()
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        # An address that cannot be opened ends the group and with it the wait.
        group.create_task(serve_until(hub, stop, on_ready=ready.set_result), name="serve")
        try:
            yield await ready
        finally:
            stop.set()
