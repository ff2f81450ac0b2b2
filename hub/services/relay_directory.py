"""The exchange's directory beside ours: names and codes of agencies outside the province, never of our own.

An agency of the exchange's list becomes an outside unit: level `ministry` or `other`, no system, with the
pairs of codes that the list tells (old and new, both schemes). So two codes of one ministry are one
recipient, and a status under the one finds the document sent to the other. Whatever touches the province is
left alone: an agency with a code of the province, or one that a system here speaks for.

Agencies that came from the exchange and are no longer in its list are retired; if they are too many,
nothing is changed at all: the list was cut short more likely than the State.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from hub.domain.directory import Agency, AgencyCode, CodeScheme, Directory, Level, UnitState
from hub.domain.ids import Uuid7Factory, is_code, normalise_code
from hub.ports.directory import ChangedUnit, NewDirectoryChange
from hub.ports.national import ListedAgency, NationalExchange
from hub.ports.unit_of_work import UnitOfWork
from hub.services.relay_route import is_outside

log = structlog.get_logger(__name__)

BY: Final = "national exchange"
ORDER_KIND: Final = "national"
# So few may always go.
GONE_ALWAYS: Final = 20
_QCVN: Final = re.compile(r"\d{3}\.\d{2}\.\d{2}\.[A-Z]\d{2}")
_QD20: Final = re.compile(r"[A-Z]\d{2}(\.[0-9A-Z]+)*")
_MINISTRY: Final = re.compile(r"(000\.00\.00\.)?G\d{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPlan:
    """What the exchange's list changes: agencies to put, those that went, how many were left alone."""

    put: tuple[Agency, ...]
    gone: tuple[str, ...]
    listed: tuple[str, ...]
    left_alone: int


def plan(directory: Directory, listed: Iterable[ListedAgency], made: Collection[str]) -> SyncPlan:
    """Compare the exchange's list with our directory.

    Args:
        made: units that came from the exchange's list before.
    """
    put: dict[str, Agency] = {}
    seen: set[str] = set()
    taken: dict[str, str] = {}
    left_alone = 0
    for row in listed:
        codes = tuple(dict.fromkeys(c for c in (row.code, *row.other_codes) if is_code(c)))
        here = {a.unit_id: a for a in map(directory.by_code, codes) if a is not None}
        touches_us = any(map(directory.is_of_province, codes))
        if not codes or touches_us or not all(is_outside(directory, a) for a in here.values()):
            left_alone += 1
            continue
        unit_id = next(iter(here), None) or next((taken[c] for c in codes if c in taken), codes[0])
        known = put.get(unit_id) or here.get(unit_id)
        agency = _agency(unit_id, row.name, codes, known, elsewhere=_held(directory, codes, unit_id, taken))
        taken.update((entry.code, unit_id) for entry in agency.codes)
        seen.add(unit_id)
        if agency != known:
            put[unit_id] = agency
    gone = tuple(sorted(set(made) - seen))
    for unit_id in gone:
        unit = directory.unit(unit_id)
        if unit is not None and is_outside(directory, unit) and unit.state is not UnitState.RETIRED:
            put[unit_id] = replace(unit, state=UnitState.RETIRED)
    going = tuple(u for u in gone if u in put)
    return SyncPlan(put=tuple(put.values()), gone=going, listed=tuple(sorted(seen)), left_alone=left_alone)


class DirectorySync:
    """Brings the exchange's directory beside ours."""

    def __init__(
        self, uow: UnitOfWork, ids: Uuid7Factory, province_suffixes: frozenset[str], most_gone: float = 0.05
    ) -> None:
        """Sync for a province; `most_gone` is the share of known agencies that may be gone at once."""
        self._uow = uow
        self._ids = ids
        self._suffixes = province_suffixes
        self._most_gone = most_gone

    async def preview(self, exchange: NationalExchange, system_id: UUID) -> SyncPlan:
        """Return what a sync would change, without changing it. Raises ExchangeError."""
        listed = await exchange.agencies()
        async with self._uow.read() as query:
            directory = await query.directory.load(self._suffixes)
            return plan(directory, listed, await query.relay.made_agencies(system_id))

    async def sync(
        self, exchange: NationalExchange, system_id: UUID, *, every: timedelta, force: bool = False
    ) -> SyncPlan:
        """Read the exchange's directory and bring ours up to it; too many losses need `force`.

        Raises:
            ExchangeError: nothing was changed.
        """
        listed = await exchange.agencies()
        async with self._uow.begin() as tx:
            await tx.directory.lock()
            before = await tx.directory.load(self._suffixes)
            made = await tx.relay.made_agencies(system_id)
            planned = plan(before, listed, made)
            most = max(GONE_ALWAYS, int(len(made) * self._most_gone))
            refused = len(planned.gone) > most and not force
            note = (
                f"{len(planned.listed)} agencies, {len(planned.put)} changed, {len(planned.gone)} gone, "
                f"{planned.left_alone} left alone"
            )
            if refused:
                note = f"refused: {note}"
                log.error("national_directory_refused", gone=len(planned.gone), known=len(made))
            elif planned.put:
                await tx.directory.put(planned.put)
                changed = tuple(ChangedUnit(before=before.unit(a.unit_id), after=a) for a in planned.put)
                await tx.directory.keep(
                    NewDirectoryChange(order_id=self._ids.new(), kind=ORDER_KIND, by=BY, units=changed)
                )
            if not refused:
                await tx.relay.note_agencies(system_id, planned.listed)
            await tx.relay.directory_looked(system_id, every, note=note, done=not refused)
        return planned


def _held(directory: Directory, codes: Iterable[str], unit_id: str, taken: dict[str, str]) -> frozenset[str]:
    """Return those of the codes that another unit holds already."""
    named = {code: directory.by_code(code) for code in codes}
    elsewhere = {code for code, a in named.items() if a is not None and a.unit_id != unit_id}
    return frozenset(elsewhere | {code for code in codes if taken.get(code, unit_id) != unit_id})


def _agency(
    unit_id: str, name: str, codes: Iterable[str], known: Agency | None, *, elsewhere: frozenset[str]
) -> Agency:
    entries = {entry.code: entry for entry in (known.codes if known is not None else ())}
    for code in (unit_id, *codes):
        if code not in elsewhere and normalise_code(code) not in map(normalise_code, entries):
            entries[code] = AgencyCode(code=code, scheme=_scheme(code))
    level = Level.MINISTRY if any(map(_MINISTRY.fullmatch, entries)) else Level.OTHER
    if known is None:
        return Agency(unit_id=unit_id, name=name, level=level, codes=tuple(entries.values()))
    return replace(known, name=name, codes=tuple(entries.values()), state=UnitState.ACTIVE, retired_on=None)


def _scheme(code: str) -> CodeScheme:
    if _QCVN.fullmatch(code):
        return CodeScheme.QCVN102
    return CodeScheme.QD20 if _QD20.fullmatch(code) else CodeScheme.OTHER
