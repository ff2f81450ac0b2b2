"""Who is calling: API keys of systems, and what a system is bound to beside its key.

A system is known by `Authorization: Bearer ltk_<id>_<secret>`. Only the digest of a key is stored; it
is compared in constant time. Answers are remembered for a few seconds, so that ten thousand polls do
not cost ten thousand look-ups; a revoked key therefore lives at most that much longer.

A system may be bound to client certificates and source networks (`hub.domain.binding`): then the key
alone is not enough. Every entrance that knows its caller in another way (the national client API) asks
`check_binding` itself.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from hub.domain import apikeys
from hub.domain.binding import Peer
from hub.domain.problems import Refusal
from hub.ports.records import KeyRecord, SystemRecord
from hub.ports.unit_of_work import UnitOfWork

log = structlog.get_logger(__name__)

REMEMBERED_S: Final = 5.0
REMEMBERED_MOST: Final = 10_000
TAG_KEY_BYTES: Final = 32

__all__ = ["AccessService", "Caller", "Peer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The system on whose behalf a call is made. It speaks only for the agencies registered under it."""

    system: SystemRecord
    key_id: str

    @property
    def system_id(self) -> UUID:
        """The id of the calling system."""
        return self.system.id


class AccessService:
    """Turns a bearer token into a caller."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow
        self._tag_key = secrets.token_bytes(TAG_KEY_BYTES)
        self._remembered: dict[bytes, tuple[float, Caller]] = {}
        self._hub_time: tuple[float, datetime] | None = None

    async def authenticate(self, authorization: str | None, peer: Peer) -> Caller:
        """Return the caller of a request that comes from `peer`.

        Raises:
            Refusal: `unauthenticated` (absent, malformed, unknown, revoked, system locked),
                `key_expired`, or `binding_refused`. The text does not say which part of a key was wrong;
                what it is bound to is told only to whoever has the key.
        """
        if authorization is None or not authorization.startswith("Bearer "):
            raise Refusal("unauthenticated")
        # What was remembered is found by a digest under a key of this process: polls come by the thousand,
        # and no API key stays in memory.
        tag = hashlib.blake2b(authorization.encode("utf-8", "replace"), key=self._tag_key).digest()
        remembered = self._remembered.get(tag)
        if remembered is not None and remembered[0] > time.monotonic():
            caller = remembered[1]
        else:
            parsed = apikeys.parse(authorization.removeprefix("Bearer ").strip())
            if parsed is None:
                raise Refusal("unauthenticated")
            caller = await self._look_up(parsed.key_id, apikeys.digest(parsed), tag)
        await self.check_binding(caller.system, peer)
        return caller

    async def check_binding(self, system: SystemRecord, peer: Peer) -> None:
        """Let a peer act as this system, or raise Refusal `binding_refused`: what is bound must hold."""
        if not system.binding:
            return
        problem = system.binding.problem(peer, await self._now())
        if problem is None:
            return
        shown = peer.certificate_sha256
        log.warning(
            "binding_refused",
            system=str(system.id),
            reason=problem.value,
            address=peer.address,
            certificate=None if shown is None else shown.hex(),
        )
        raise Refusal("binding_refused", params={"reason": problem.value})

    async def _look_up(self, key_id: str, digest: bytes, tag: bytes) -> Caller:
        async with self._uow.read() as query:
            key = await query.systems.key(key_id)
            if key is None or not hmac.compare_digest(key.digest, digest) or not key.usable:
                raise Refusal("unauthenticated")
            if key.expired:
                raise Refusal("key_expired")
            if key.use_unnoted:
                await query.systems.note_use(key_id)
        return self._remember(key, tag)

    def _remember(self, key: KeyRecord, tag: bytes) -> Caller:
        caller = Caller(system=key.system, key_id=key.key_id)
        if len(self._remembered) >= REMEMBERED_MOST:
            self._remembered.clear()
        self._remembered[tag] = (time.monotonic() + REMEMBERED_S, caller)
        self._hub_time = (time.monotonic(), key.looked_at)
        return caller

    async def _now(self) -> datetime:
        # The database's clock, asked at most every few seconds and carried on by our own in between.
        if self._hub_time is None or self._hub_time[0] + REMEMBERED_S < time.monotonic():
            async with self._uow.read() as query:
                self._hub_time = (time.monotonic(), await query.systems.now())
        then, hub_time = self._hub_time
        return hub_time + timedelta(seconds=time.monotonic() - then)
