"""Who is calling: API keys of systems.

A system is known by `Authorization: Bearer ltk_<id>_<secret>`. Only the digest of a key is stored; it
is compared in constant time. Answers are remembered for a few seconds, so that ten thousand polls do
not cost ten thousand look-ups; a revoked key therefore lives at most that much longer.
"""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from hub.domain import apikeys
from hub.domain.problems import Refusal
from hub.ports.records import SystemRecord
from hub.ports.unit_of_work import UnitOfWork

REMEMBERED_S: Final = 5.0
REMEMBERED_MOST: Final = 10_000


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
        self._remembered: dict[bytes, tuple[float, Caller]] = {}

    async def authenticate(self, authorization: str | None) -> Caller:
        """Return the caller of a request.

        Raises:
            Refusal: `unauthenticated` (absent, malformed, unknown, revoked, system locked) or
                `key_expired`. The text does not say which part was wrong.
        """
        if authorization is None or not authorization.startswith("Bearer "):
            raise Refusal("unauthenticated")
        parsed = apikeys.parse(authorization.removeprefix("Bearer ").strip())
        if parsed is None:
            raise Refusal("unauthenticated")
        digest = apikeys.digest(parsed)
        remembered = self._remembered.get(digest)
        if remembered is not None and remembered[0] > time.monotonic():
            return remembered[1]
        async with self._uow.read() as query:
            key = await query.systems.key(parsed.key_id)
        if key is None or not hmac.compare_digest(key.digest, digest) or not key.usable:
            raise Refusal("unauthenticated")
        if key.expired:
            raise Refusal("key_expired")
        caller = Caller(system=key.system, key_id=key.key_id)
        if len(self._remembered) >= REMEMBERED_MOST:
            self._remembered.clear()
        self._remembered[digest] = (time.monotonic() + REMEMBERED_S, caller)
        return caller
