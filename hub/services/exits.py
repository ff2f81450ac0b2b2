"""Exits that are open on this node: one per system, kept between parcels, built anew when it is set up anew.

What an exit was built from (adapter, settings, sealed secrets) is compared before each parcel, so that a
changed password or certificate takes effect with the next attempt on every node, without a message to any.
An exit that was replaced is closed when its last parcel has ended.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog

from hub.ports.exits import Exit, Failed, Outcome, Parcel
from hub.ports.records import SystemRecord
from hub.ports.unit_of_work import UnitOfWork
from hub.services.adapters import AdapterService, ExitUnusable, SealedSecrets

log = structlog.get_logger(__name__)

UNUSABLE: Final = "adapter_unusable"
_Recipe = tuple[str, tuple[tuple[str, str], ...], SealedSecrets]


class UnusableExit:
    """Stands in for an exit that cannot be built: every attempt fails with the reason, none is lost."""

    groups_recipients = False

    def __init__(self, reason: str) -> None:
        self._failure = Failed(code=UNUSABLE, text=reason)

    async def deliver(self, parcel: Parcel) -> Outcome:  # noqa: ARG002 (of the port)
        """Say why not."""
        return self._failure

    async def probe(self) -> Failed | None:
        """Say why not."""
        return self._failure

    async def close(self) -> None:
        """Nothing to let go of."""


@dataclass(slots=True)
class _Held:
    recipe: _Recipe
    exit: Exit
    users: int = 0
    replaced: bool = False


class Exits:
    """The open exits of a node."""

    def __init__(self, uow: UnitOfWork, adapters: AdapterService) -> None:
        self._uow = uow
        self._adapters = adapters
        self._held: dict[UUID, _Held] = {}

    @asynccontextmanager
    async def of(self, system: SystemRecord) -> AsyncIterator[Exit]:
        """Lend the exit of a system for one parcel; one that cannot be built is lent as `UnusableExit`.

        Raises:
            DatabaseUnavailable: its secrets cannot be read.
        """
        held = await self._current(system)
        held.users += 1
        try:
            yield held.exit
        finally:
            held.users -= 1
            await self._close_if_done(held)

    async def close(self) -> None:
        """Close all exits; those lent are closed when they come back."""
        held, self._held = list(self._held.values()), {}
        for each in held:
            each.replaced = True
            await self._close_if_done(each)

    async def _current(self, system: SystemRecord) -> _Held:
        async with self._uow.read() as query:
            sealed = await self._adapters.sealed(query, system)
        recipe = (system.adapter, system.settings, sealed)
        old = self._held.get(system.id)
        # One that could not be built is tried anew each time: a file that was missing may be there by now.
        if old is not None and old.recipe == recipe and not isinstance(old.exit, UnusableExit):
            return old
        made = self._build(system, sealed)
        self._held[system.id] = new = _Held(recipe, made)
        if old is not None:
            old.replaced = True
            await self._close_if_done(old)
        return new

    def _build(self, system: SystemRecord, sealed: SealedSecrets) -> Exit:
        try:
            return self._adapters.build(system, sealed)
        except ExitUnusable as error:
            return UnusableExit(str(error))
        except Exception as error:
            # A kind that breaks its promise must not leave rows due that nobody ever claims.
            log.exception("exit_not_built", adapter=system.adapter, system=system.name)
            return UnusableExit(type(error).__name__)

    async def _close_if_done(self, held: _Held) -> None:
        if not held.replaced or held.users:
            return
        held.replaced = False  # closed once
        try:
            await held.exit.close()
        except Exception:
            log.exception("exit_not_closed")
