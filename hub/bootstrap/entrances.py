"""What the server dialects need alike to hang in the node's HTTP application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from aiohttp import web

from adapters.entrance import Transfers
from hub.services.kit import Kit
from hub.services.nothing_new import NothingNew
from hub.services.packages import PackageService
from hub.web import body
from hub.web.keys import Services
from hub.web.protocol import HEAD_ANSWERERS, HeadAnswer


class Paths(Protocol):
    """Where a dialect's operations hang, and its word for a head on them that cannot be read."""

    def routes(self) -> tuple[str, ...]: ...

    def answer(self, path: str | None, status: int) -> HeadAnswer | None: ...


def hang(
    app: web.Application,
    paths: Paths,
    handle: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> None:
    """Add a dialect's paths to the application."""
    for pattern in paths.routes():
        app.router.add_route("*", pattern, handle, expect_handler=body.hold_back)
    app[HEAD_ANSWERERS] = [*app.get(HEAD_ANSWERERS, []), paths.answer]


def packages_of(kit: Kit, services: Services) -> PackageService:
    """Return the inbox for systems that know no leases."""
    return PackageService(
        uow=kit.uow,
        inbox=services.inbox,
        replay=services.replay,
        nothing_new=NothingNew(kit.uow, services.wakeups),
        rates=services.rates,
    )


def transfers_of(services: Services) -> Transfers:
    """Return how bodies come in at the HTTP entrance."""

    def stream(request: web.Request) -> AsyncIterator[bytes]:
        return body.stream(request, services.rules.transfer)

    def refuse_declared_size(request: web.Request) -> None:
        body.refuse_declared_size(request, services.max_body_bytes)

    return Transfers(
        stream=stream,
        must_close=body.is_held_back,
        refuse_declared_size=refuse_declared_size,
        peer_of=services.peers.read,
    )
