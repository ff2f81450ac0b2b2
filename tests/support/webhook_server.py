"""A recipient's webhook, real: an HTTPS server that checks signatures as the guide says."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from adapters.webhook.kind import WebhookKind
from tests.support.exit_contract import Received
from tests.support.rabbit import free_port
from tests.support.tls import TestAuthority

ADDRESS: Final = "127.0.0.1"
Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class WebhookServer:
    """The counterpart of the contract. `answering` takes the place of the usual answer for one call."""

    folder: Path
    changes: str = "hmac"
    adapter: str = "webhook"
    confirms: bool = True
    unanswered: str = "queued"
    port: int = field(default_factory=free_port)
    hmac: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    taken: list[Received] = field(default_factory=list)
    answering: list[Answering] = field(default_factory=list)
    generation: int = 0
    calls: int = 0
    _released: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: web.AppRunner | None = None
    _authority: TestAuthority | None = None

    @property
    def authority(self) -> TestAuthority:
        """Who has issued the certificate that it has now."""
        if self._authority is None:
            self._authority = TestAuthority(self.folder, f"ca-{self.generation}")
        return self._authority

    def kind(self) -> WebhookKind:
        """The kind of exit that leads here."""
        return WebhookKind()

    def settings(self) -> dict[str, str]:
        """Its settings."""
        return {
            "url": f"https://{ADDRESS}:{self.port}/nhan",
            "ca_file": str(self.authority.file),
            "allow_networks": "127.0.0.0/8",
            "answer_s": "1",
            "connect_s": "1",
        }

    def secrets(self) -> dict[str, bytes]:
        """Its secrets."""
        return {"hmac": self.hmac}

    async def attach(self, hub: Any, system: Any) -> None:
        """Nothing to know about the hub."""

    async def received(self) -> list[Received]:
        """What has come."""
        return self.taken

    async def start(self) -> None:
        """Listen."""
        app = web.Application(client_max_size=200 * 1024 * 1024)
        app.router.add_post("/nhan", self._take)
        app.router.add_get("/nhan", self._ping)
        self._runner = web.AppRunner(app, shutdown_timeout=0.05)
        await self._runner.setup()
        context = self.authority.server_context(ADDRESS)
        await web.TCPSite(self._runner, ADDRESS, self.port, ssl_context=context, reuse_address=True).start()

    async def stop(self) -> None:
        """Be away."""
        runner, self._runner = self._runner, None
        if runner is not None:
            self._released.set()
            await runner.cleanup()
            self._released = asyncio.Event()

    async def refuse_next(self, reason: str) -> None:
        """Refuse the next document for good."""

        async def refuse(_request: web.Request) -> web.StreamResponse:
            return web.json_response({"rejected": True, "reason": reason}, status=422)

        self.answering.append(refuse)

    async def stall_next(self) -> None:
        """Take the next document and do not answer while the server is up."""

        async def stall(_request: web.Request) -> web.StreamResponse:
            await self._released.wait()
            return web.Response()

        self.answering.append(stall)

    async def change_secret(self) -> None:
        """Sign with another secret, or show a certificate of another authority."""
        if self.changes == "hmac":
            self.hmac = secrets.token_bytes(32)
            return
        self.generation += 1
        self._authority = None
        await self.stop()
        await self.start()

    async def _ping(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=405 if self.is_ours(request, b"") else 401)

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.calls += 1
        if not self.is_ours(request, body):
            return web.Response(status=401)
        answering = self.answering.pop(0) if self.answering else None
        if answering is None or answering.__name__ == "stall":
            facts = {name: value for name, value in request.headers.items() if name.startswith("X-")}
            self.taken.append(Received(delivery_id=request.headers["X-Delivery-Id"], body=body, facts=facts))
        return await answering(request) if answering is not None else web.Response(status=204)

    def is_ours(self, request: web.Request, body: bytes) -> bool:
        """Check the signature as a receiver does."""
        headers = request.headers
        text = ".".join((headers["X-Delivery-Id"], headers["X-Timestamp"], hashlib.sha256(body).hexdigest()))
        good = "v1=" + hmac.new(self.hmac, text.encode(), "sha256").hexdigest()
        return any(hmac.compare_digest(good, each) for each in headers["X-Signature"].split(","))
