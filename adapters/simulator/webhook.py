"""A simulated system that is pushed to: it checks the hub's signature, and is away when told to be.

It knows a delivery by its id: what comes a second time is answered like the first and kept once. While it
is away nothing listens. `die_in_the_next` lets it go down between taking a document and answering: the hub
cannot know that it has it, and must hand it over again under the same id.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import socket
from collections import Counter
from contextlib import closing
from typing import Final

from aiohttp import web

HOST: Final = "127.0.0.1"
PATH: Final = "/nhan-van-ban"
LARGEST: Final = 160 * 1024 * 1024
SHUTDOWN_S: Final = 0.1


class WebhookDms:
    """A system with an address for what is pushed to it."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._runner: web.AppRunner | None = None
        self._dying = False
        self.port = _free_port()
        self.kept: dict[str, bytes] = {}
        self.handed: Counter[str] = Counter()
        self.forged = 0
        self.died = asyncio.Event()

    @property
    def url(self) -> str:
        """Where it takes documents."""
        return f"http://{HOST}:{self.port}{PATH}"

    @property
    def settings(self) -> dict[str, str]:
        """What the adapter `webhook` must know to reach it: plain HTTP, on this machine."""
        return {"url": self.url, "allow_http": HOST, "allow_networks": f"{HOST}/32", "connect_s": "2"}

    async def start(self) -> None:
        """Listen."""
        app = web.Application(client_max_size=LARGEST)
        app.router.add_post(PATH, self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self.port, reuse_address=True).start()

    async def stop(self) -> None:
        """Be away."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def die_in_the_next(self) -> None:
        """Take the next document, then break off without an answer; `died` tells when."""
        self._dying = True
        self.died.clear()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if not self._is_signed(request, body):
            self.forged += 1
            return web.Response(status=401)
        delivery_id = request.headers["X-Delivery-Id"]
        self.handed[delivery_id] += 1
        self.kept.setdefault(delivery_id, body)
        if self._dying:
            self._dying = False
            self.died.set()
            if request.transport is not None:
                request.transport.close()
        return web.Response(status=204)

    def _is_signed(self, request: web.Request, body: bytes) -> bool:
        given = request.headers
        digest = hashlib.sha256(body).hexdigest()
        text = f"{given.get('X-Delivery-Id')}.{given.get('X-Timestamp')}.{digest}"
        mine = "v1=" + hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()
        return any(hmac.compare_digest(mine, each) for each in given.get("X-Signature", "").split(","))


def _free_port() -> int:
    with closing(socket.socket()) as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((HOST, 0))
        port: int = found.getsockname()[1]
        return port
