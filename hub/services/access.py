"""Who is calling: API keys of systems, and what a system is bound to beside its key.

A system is known by `Authorization: Bearer ltk_<id>_<secret>`. Only the digest of a key is stored; it
is compared in constant time. Answers are remembered for a few seconds, so that ten thousand polls do
not cost ten thousand look-ups; a revoked key therefore lives at most that much longer. When the time of
one is up, the others that were used meanwhile are looked up with it, in one question.

A system may be bound to client certificates and source networks (`hub.domain.binding`): then the key
alone is not enough. Every entrance that knows its caller in another way (the national client API) asks
`check_binding` itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
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
TOGETHER_MOST: Final = 500
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


@dataclass(slots=True)
class _Known:
    # A key that was right a moment ago.
    caller: Caller
    digest: bytes
    until: float
    used: bool = False


class AccessService:
    """Turns a bearer token into a caller."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow
        self._tag_key = secrets.token_bytes(TAG_KEY_BYTES)
        self._known: dict[bytes, _Known] = {}
        self._renewing = asyncio.Lock()
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
        known = self._known.get(tag)
        if known is None:
            parsed = apikeys.parse(authorization.removeprefix("Bearer ").strip())
            if parsed is None:
                raise Refusal("unauthenticated")
            caller = await self._look_up(parsed.key_id, apikeys.digest(parsed), tag)
        else:
            known.used = True
            caller = known.caller if known.until > time.monotonic() else await self._renew(tag, known)
        await self.check_binding(caller.system, peer)
        return caller

    def forget(self) -> None:
        """Look every key up anew with its next call."""
        self._known.clear()

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
        until = time.monotonic() + REMEMBERED_S
        async with self._uow.read() as query:
            found = await query.systems.keys([key_id])
            key = _checked(found[0] if found else None, digest)
            if key.use_unnoted:
                await query.systems.note_use([key_id])
        if len(self._known) >= REMEMBERED_MOST:
            self._known.clear()
        caller = self._caller_by(key)
        self._known[tag] = _Known(caller, digest, until)
        return caller

    async def _renew(self, tag: bytes, known: _Known) -> Caller:
        async with self._renewing:
            if known.until <= time.monotonic():
                await self._renew_with_others(tag, known)
        return known.caller

    async def _renew_with_others(self, tag: bytes, known: _Known) -> None:
        until = time.monotonic() + REMEMBERED_S
        due = ((t, k) for t, k in self._known.items() if k.used and k.until <= until - REMEMBERED_S / 2)
        together = {tag: known, **dict(islice(due, TOGETHER_MOST))}
        key_ids = [each.caller.key_id for each in together.values()]
        async with self._uow.read() as query:
            found = {key.key_id: key for key in await query.systems.keys(key_ids)}
            unnoted = [key.key_id for key in found.values() if key.usable and key.use_unnoted]
            if unnoted:
                await query.systems.note_use(unnoted)
        for each, entry in together.items():
            try:
                key = _checked(found.get(entry.caller.key_id), entry.digest)
            except Refusal:
                # Its next call is looked at as one that nobody remembers.
                self._known.pop(each, None)
                if each == tag:
                    raise
            else:
                entry.caller, entry.until, entry.used = self._caller_by(key), until, False

    def _caller_by(self, key: KeyRecord) -> Caller:
        self._hub_time = (time.monotonic(), key.looked_at)
        return Caller(system=key.system, key_id=key.key_id)

    async def _now(self) -> datetime:
        # The database's clock, asked at most every few seconds and carried on by our own in between.
        if self._hub_time is None or self._hub_time[0] + REMEMBERED_S < time.monotonic():
            async with self._uow.read() as query:
                self._hub_time = (time.monotonic(), await query.systems.now())
        then, hub_time = self._hub_time
        return hub_time + timedelta(seconds=time.monotonic() - then)


def _checked(key: KeyRecord | None, digest: bytes) -> KeyRecord:
    if key is None or not hmac.compare_digest(key.digest, digest) or not key.usable:
        raise Refusal("unauthenticated")
    if key.expired:
        raise Refusal("key_expired")
    return key
