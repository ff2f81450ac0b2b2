"""What handlers find in the application: services, by typed keys."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from aiohttp import web

from hub.domain.problems import Refusal
from hub.observability.metrics import Metrics
from hub.ports.blobs import BlobStore
from hub.ports.broker import Wakeups
from hub.ports.sealing import Sealer
from hub.services.access import AccessService, Caller
from hub.services.call_rates import CallRates
from hub.services.compose import ComposeService
from hub.services.decisions import DecisionService
from hub.services.directory_snapshot import DirectorySnapshot
from hub.services.follow import FollowService
from hub.services.health import HealthService
from hub.services.inbox import InboxService
from hub.services.intake import IntakeService
from hub.services.recall import RecallService
from hub.services.replay import ReplayService
from hub.services.rules import Rules
from hub.services.signatures import SignatureService
from hub.services.statuses import StatusService
from hub.services.validator import ValidatorService
from hub.web.peer import PeerReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The use cases that the HTTP entrance offers."""

    access: AccessService
    intake: IntakeService
    rates: CallRates
    inbox: InboxService
    decisions: DecisionService
    statuses: StatusService
    recalls: RecallService
    follow: FollowService
    directory: DirectorySnapshot
    health: HealthService
    sealer: Sealer
    wakeups: Wakeups
    compose: ComposeService
    blobs: BlobStore
    max_body_bytes: int
    max_attachments: int
    validator: ValidatorService
    replay: ReplayService
    rules: Rules
    metrics: Metrics
    peers: PeerReader
    signatures: SignatureService


class UnderWay:
    """Counts the calls that are being answered, so that a stop can wait for them."""

    def __init__(self) -> None:
        self._calls = 0
        self._none = asyncio.Event()
        self._none.set()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count one call for the length of the block."""
        self._calls += 1
        self._none.clear()
        try:
            yield
        finally:
            self._calls -= 1
            if not self._calls:
                self._none.set()

    async def ended(self, within_s: float) -> bool:
        """Wait until there is none; False if there still is one after that time."""
        try:
            async with asyncio.timeout(within_s):
                await self._none.wait()
        except TimeoutError:
            return False
        return True


SERVICES = web.AppKey("services", Services)
STOPPING = web.AppKey("stopping", asyncio.Event)
UNDER_WAY = web.AppKey("under_way", UnderWay)


async def caller_of(request: web.Request) -> Caller:
    """Return the system that makes the call.

    Raises Refusal `unauthenticated`, `key_expired`, `binding_refused` or `rate_limited`.
    """
    services = request.app[SERVICES]
    given = request.headers.getall("Authorization", [])
    if len(given) > 1:
        # Two keys: a proxy and the hub might each believe another one.
        raise Refusal("bad_request", params={"field": "Authorization"})
    authorization = given[0] if given else None
    caller = await services.access.authenticate(authorization, services.peers.read(request))
    services.rates.count(caller.system)
    return caller
