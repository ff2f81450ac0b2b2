"""The HTTP server around the application: where it listens, its limits, how it stops."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Final

from aiohttp import web

from hub.web.heads import LINE_MAX, LINES_MAX
from hub.web.keys import UNDER_WAY
from hub.web.protocol import Runner
from hub.web.tls import ServerTls

# Headers repeat recipients and keys in some clients: more than the library's 8 KB.
HEADER_LINE_MAX: Final = LINE_MAX
HEADERS_MAX: Final = LINES_MAX
STOP_AFTER_S: Final = 10.0
CLOSE_AFTER_S: Final = 1.0
KEEPALIVE_S: Final = 75.0


class PortTaken(Exception):
    """The address is in use or may not be used: choose another with `--port` or LIENTHONG_HTTP_PORT."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"{host}:{port}")
        self.host = host
        self.port = port


@asynccontextmanager
async def serve_http(
    app: web.Application,
    *,
    host: str,
    port: int,
    drain_s: float,
    tls: ServerTls | None = None,
    listening: socket.socket | None = None,
) -> AsyncIterator[str]:
    """Listen and yield the address; at the end, let calls under way finish for up to 10 s.

    The end has two steps, because the library throws away what still arrives once it cleans up: first
    nobody new is let in and the calls under way are told; then, when they have ended, the rest is closed.

    Args:
        drain_s: how long the rest of a refused body is still read, so that the client sees the answer.
        tls: to serve HTTPS; its files are read again when they change.
        listening: a socket that listens already, in place of host and port.

    Raises:
        PortTaken: the address cannot be used.
    """
    runner = Runner(
        app,
        access_log=None,
        handle_signals=False,
        keepalive_timeout=KEEPALIVE_S,
        lingering_time=drain_s,
        shutdown_timeout=CLOSE_AFTER_S,
        max_line_size=HEADER_LINE_MAX,
        max_field_size=HEADER_LINE_MAX,
        max_headers=HEADERS_MAX,
    )
    await runner.setup()
    try:
        context = None if tls is None else tls.context
        site: web.BaseSite
        if listening is None:
            site = web.TCPSite(runner, host, port, reuse_address=True, ssl_context=context)
        else:
            site = web.SockSite(runner, listening, ssl_context=context)
        try:
            await site.start()
        except OSError as error:
            raise PortTaken(host, port) from error
        bound = runner.addresses[0][1]
        shown = f"[{host}]" if ":" in host else host
        async with tls.watched() if tls is not None else nullcontext():
            yield f"{'http' if tls is None else 'https'}://{shown}:{bound}"
        await site.stop()
        await app.shutdown()
        await app[UNDER_WAY].ended(STOP_AFTER_S)
    finally:
        await runner.cleanup()
