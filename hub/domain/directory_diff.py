"""What a change of the directory does, said before it is done and kept afterwards.

The two directories are compared unit by unit and code by code; so the same words serve a whole file, one
command and one line of the history. What may lose something for somebody is told apart (``loses``): a unit
that is no longer there, a code that leads nowhere any more, a system that no longer speaks for a unit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from hub.domain.directory import Agency, AgencyCode, UnitState


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeMove:
    """A code that passes from one unit to another, from a day on (None: at once)."""

    code: str
    from_unit: str
    to_unit: str
    on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitDiff:
    """One unit before and after; at least one of them is there."""

    before: Agency | None
    after: Agency | None

    @property
    def unit_id(self) -> str:
        """The unit's canonical code."""
        one = self.after or self.before
        assert one is not None  # compare() makes no empty pair
        return one.unit_id

    @property
    def renamed(self) -> bool:
        return self._both(lambda a: a.name)

    @property
    def rearranged(self) -> bool:
        """Whether its level or the unit above it changed."""
        return self._both(lambda a: (a.level, a.parent))

    @property
    def retired(self) -> bool:
        """Whether it is now retired, or on another day than before."""
        after = self.after
        if after is None or after.state is not UnitState.RETIRED:
            return False
        before = self.before
        return before is None or (before.state, before.retired_on) != (after.state, after.retired_on)

    @property
    def revived(self) -> bool:
        return self._was(UnitState.RETIRED) and not self._is(UnitState.RETIRED)

    @property
    def locked(self) -> bool:
        return self._is(UnitState.LOCKED) and not self._was(UnitState.LOCKED)

    @property
    def unlocked(self) -> bool:
        return self._was(UnitState.LOCKED) and self._is(UnitState.ACTIVE)

    @property
    def succeeded(self) -> bool:
        """Whether it is known by others now who takes over from it."""
        before = () if self.before is None else self.before.successors
        return self.after is not None and self.after.successors != before

    @property
    def reassigned(self) -> bool:
        """Whether another system, or none, speaks for it now."""
        return self._both(lambda a: a.system_id)

    @property
    def gained_codes(self) -> tuple[AgencyCode, ...]:
        return _missing(self.after, self.before)

    @property
    def lost_codes(self) -> tuple[AgencyCode, ...]:
        return _missing(self.before, self.after)

    @property
    def changed_codes(self) -> tuple[tuple[AgencyCode, AgencyCode], ...]:
        """Codes that it keeps, with other days: as they were and as they are."""
        if self.before is None or self.after is None:
            return ()
        old = {entry.code: entry for entry in self.before.codes}
        both = [(old[entry.code], entry) for entry in self.after.codes if entry.code in old]
        return tuple((was, now) for was, now in both if was != now)

    def _both(self, part: Callable[[Agency], object]) -> bool:
        return self.before is not None and self.after is not None and part(self.before) != part(self.after)

    def _was(self, state: UnitState) -> bool:
        return self.before is not None and self.before.state is state

    def _is(self, state: UnitState) -> bool:
        return self.after is not None and self.after.state is state


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryDiff:
    """All units that differ, by their codes, and the codes that pass between them."""

    units: tuple[UnitDiff, ...]
    moves: tuple[CodeMove, ...]
    vanished: tuple[str, ...]
    """Codes that led to a unit and lead nowhere any more."""

    def __bool__(self) -> bool:
        return bool(self.units)

    @property
    def added(self) -> tuple[Agency, ...]:
        return tuple(u.after for u in self.units if u.before is None and u.after is not None)

    @property
    def removed(self) -> tuple[Agency, ...]:
        return tuple(u.before for u in self.units if u.after is None and u.before is not None)

    @property
    def leaving(self) -> Mapping[UUID, tuple[str, ...]]:
        """Units that leave the system that speaks for them (removed or retired), by system."""
        found: dict[UUID, list[str]] = {}
        for unit in self.units:
            system = None if unit.before is None else unit.before.system_id
            if system is not None and (unit.after is None or unit.retired or unit.reassigned):
                found.setdefault(system, []).append(unit.unit_id)
        return {system: tuple(units) for system, units in found.items()}

    @property
    def concerned(self) -> tuple[str, ...]:
        """Units whose open deliveries are concerned: removed, retired or locked ones."""
        return tuple(
            u.unit_id for u in self.units if u.before is not None and (not u.after or u.retired or u.locked)
        )

    @property
    def loses(self) -> bool:
        """Whether a unit goes, a code leads nowhere any more, or a living unit loses its system."""
        dropped = any(u.reassigned and u.before is not None and u.before.system_id for u in self.units)
        return bool(self.removed or self.vanished or dropped)


def compare(
    before: Iterable[Agency], after: Iterable[Agency], *, keep_systems: bool = False
) -> DirectoryDiff:
    """The differences of two directories.

    Args:
        keep_systems: units of ``after`` without a system keep the one they have (a file does not name them).
    """
    old = {agency.unit_id: agency for agency in before}
    new = {agency.unit_id: agency for agency in after}
    units = []
    for unit_id in sorted(old.keys() | new.keys()):
        was, now = old.get(unit_id), new.get(unit_id)
        if keep_systems and was is not None and now is not None and now.system_id is None:
            now = _with_system(now, was.system_id)
        if was != now:
            units.append(UnitDiff(before=was, after=now))
    holders = {entry.code for agency in new.values() for entry in agency.codes} | new.keys()
    lost = [(u.unit_id, entry) for u in units for entry in u.lost_codes]
    return DirectoryDiff(
        units=tuple(units),
        moves=_moves(units),
        vanished=tuple(sorted({entry.code for _, entry in lost if entry.code not in holders})),
    )


def _moves(units: Iterable[UnitDiff]) -> tuple[CodeMove, ...]:
    """Codes that one unit gains while another loses them or has them end."""
    left: dict[str, str] = {}
    gained: list[tuple[str, AgencyCode]] = []
    for unit in units:
        ended = [now for was, now in unit.changed_codes if was.valid_to is None and now.valid_to is not None]
        left |= {entry.code: unit.unit_id for entry in (*unit.lost_codes, *ended)}
        gained += [(unit.unit_id, entry) for entry in unit.gained_codes]
    return tuple(
        CodeMove(code=entry.code, from_unit=left[entry.code], to_unit=unit_id, on=entry.valid_from)
        for unit_id, entry in gained
        if left.get(entry.code, unit_id) != unit_id
    )


def _missing(one: Agency | None, other: Agency | None) -> tuple[AgencyCode, ...]:
    held = set() if other is None else {entry.code for entry in other.codes}
    return () if one is None else tuple(entry for entry in one.codes if entry.code not in held)


def _with_system(agency: Agency, system_id: UUID | None) -> Agency:
    return agency if system_id is None else replace(agency, system_id=system_id)
