"""Systems that sign their calls with a secret that the hub holds too: who is who, remembered for seconds.

Such a client names itself by a text of its own (`system_id` among the settings of its adapter; else the
system's name) and signs with a secret that lies sealed in the database. That a system has a secret of this
name is its permission to use the entrance, whatever its adapter; the way *out* to the national exchange
(adapter `national`) uses secrets of its own and is never let in by them.

Whether the members have changed is asked at most every few seconds, and only then are they read, all at
once: an unknown name costs no look-up, a poll none, and a secret that was taken away lives at most that much
longer. Two secrets are valid while one replaces the
other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from uuid import UUID

import structlog

from hub.domain.adapters import NATIONAL
from hub.ports.records import SystemRecord
from hub.ports.secrets import SecretBox, SecretUnreadable
from hub.ports.unit_of_work import Transaction, UnitOfWork
from hub.services.access import Caller
from hub.services.adapters import secret_context

log = structlog.get_logger(__name__)

REMEMBERED_S: Final = 5.0
AGAIN_AFTER_S: Final = 0.5
"""A name or secret that is not known may be new: so soon the members are read again for it."""
SYSTEM_ID: Final = "system_id"
VALID_AT_ONCE: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A system that may sign: the name that it uses, its secrets, newest first, its adapter's settings."""

    name: str
    caller: Caller
    secrets: tuple[str, ...]
    settings: Mapping[str, str]


def called_by(system: SystemRecord) -> str:
    """Return the name by which a system calls: its setting `system_id`, else its own."""
    return dict(system.settings).get(SYSTEM_ID, "").strip() or system.name


def is_header_text(name: str) -> bool:
    """Whether clients can send a name in a header as it is: printable ASCII."""
    return name.isascii() and name.isprintable()


class SharedSecrets:
    """Finds the system behind the name in a signed call."""

    def __init__(self, *, uow: UnitOfWork, box: SecretBox, secret: str) -> None:
        """Know the systems with a secret named `secret`."""
        self._uow = uow
        self._box = box
        self._secret = secret
        self._members: Mapping[str, Member] = {}
        self._by_system: Mapping[UUID, Member] = {}
        self._mark: str | None = None
        self._fresh_until = 0.0
        self._looked_at = 0.0
        self._reading = asyncio.Lock()
        # What was opened stays open while it is valid: opening each anew every few seconds costs more.
        self._opened: dict[bytes, str | None] = {}

    async def member(self, name: str) -> Member | None:
        """Return the active system that goes by this name, or None.

        Raises:
            DatabaseUnavailable: the members cannot be read.
        """
        await self._keep_fresh()
        return self._members.get(name)

    async def of_system(self, system_id: UUID) -> Member | None:
        """Return an active system that has such a secret, by its id; raises as `member`."""
        await self._keep_fresh()
        return self._by_system.get(system_id)

    async def renewed(self, name: str) -> Member | None:
        """Return the system that goes by this name now: for a call that could not be verified.

        However many such calls come, the members are read at most every `AGAIN_AFTER_S`.
        """
        await self._renew()
        return self._members.get(name)

    async def renewed_of_system(self, system_id: UUID) -> Member | None:
        """Return a system by its id as it is now, as `renewed`."""
        await self._renew()
        return self._by_system.get(system_id)

    def forget(self) -> None:
        """Read the members anew with the next call."""
        self._mark = None
        self._fresh_until = 0.0

    async def _keep_fresh(self) -> None:
        if time.monotonic() >= self._fresh_until:
            async with self._reading:
                if time.monotonic() >= self._fresh_until:
                    await self._look()

    async def _renew(self) -> None:
        async with self._reading:
            if time.monotonic() >= self._looked_at + AGAIN_AFTER_S:
                await self._look()

    async def _look(self) -> None:
        looked_at = time.monotonic()
        async with self._uow.read() as query:
            # Asked for before the reading: what changes in between is read again the next time.
            mark = await query.secrets.mark(self._secret)
            if mark != self._mark:
                self._members = await self._read(query)
                self._by_system = {member.caller.system_id: member for member in self._members.values()}
                self._mark = mark
        self._looked_at = looked_at
        self._fresh_until = looked_at + REMEMBERED_S

    async def _read(self, query: Transaction) -> Mapping[str, Member]:
        sealed = await query.secrets.all_named(self._secret)
        systems = await query.systems.many(list(dict.fromkeys(system_id for system_id, _ in sealed)))
        by_system: dict[UUID, list[bytes]] = {}
        for system_id, each in sealed:
            by_system.setdefault(system_id, []).append(each)
        kept = {each for _, each in sealed}
        self._opened = {each: opened for each, opened in self._opened.items() if each in kept}
        found: dict[str, Member] = {}
        for system_id, secrets in by_system.items():
            system = systems.get(system_id)
            if system is None or not system.active or system.adapter == NATIONAL:
                continue
            member = self._member(system, secrets[:VALID_AT_ONCE])
            if member.name in found:
                log.error("shared_secret_name_taken", system=str(system.id), secret=self._secret)
                continue
            found[member.name] = member
        return MappingProxyType(found)

    def _member(self, system: SystemRecord, sealed: list[bytes]) -> Member:
        settings = dict(system.settings)
        name = called_by(system)
        opened = (self._open(system, each) for each in sealed)
        return Member(
            name=name,
            caller=Caller(system=system, key_id=f"{self._secret}:{name}"),
            secrets=tuple(secret for secret in opened if secret is not None),
            settings=MappingProxyType(settings),
        )

    def _open(self, system: SystemRecord, sealed: bytes) -> str | None:
        if sealed not in self._opened:
            try:
                opened = self._box.open(sealed, context=secret_context(system, self._secret))
                self._opened[sealed] = opened.decode().strip()
            except (SecretUnreadable, UnicodeDecodeError):
                log.exception("shared_secret_unreadable", system=str(system.id), secret=self._secret)
                self._opened[sealed] = None
        return self._opened[sealed] or None
