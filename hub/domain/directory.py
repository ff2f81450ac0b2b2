"""The directory of agencies at one moment, and where a document's recipients lead in it.

A snapshot is immutable and named by a digest (``snapshot_id``), which stands in every receipt: who was meant
by a code is provable later. All look-ups are dictionary look-ups, whatever the size.

Resolving, for each To in order [national format 2, 3.5; NĐ 30/2020]:

* a code names a unit by any of its codes, of either scheme, current or former; the code valid today wins,
  an expired one still leads to the unit that held it last, one not yet valid leads nowhere;
* a retired unit leads to its successor, through as many successions as it takes; a unit that was split leads
  to its named default; a circle is ``successor_loop``;
* what resolves to one unit is one delivery, with every code under which it was addressed;
* units and codes outside the province go to the relay if there is one.

Whatever happens, each To gets exactly one result.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from hub.domain.ids import is_code, normalise_code


class Level(StrEnum):
    PROVINCE = "province"
    DEPARTMENT = "department"
    DISTRICT = "district"
    COMMUNE = "commune"
    UNIT = "unit"
    MINISTRY = "ministry"
    OTHER = "other"


class CodeScheme(StrEnum):
    QCVN102 = "qcvn102"
    QD20 = "qd20"
    OTHER = "other"


class UnitState(StrEnum):
    ACTIVE = "active"
    LOCKED = "locked"
    RETIRED = "retired"


class ResultKind(StrEnum):
    ROUTED = "routed"
    FORWARDED = "forwarded"
    RELAYED = "relayed"
    UNDELIVERABLE = "undeliverable"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgencyCode:
    """One code of a unit and the days on which it is valid, both inclusive."""

    code: str
    scheme: CodeScheme
    valid_from: date | None = None
    valid_to: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Succession:
    """A unit that takes over from a retired one; ``default`` names the one of several."""

    unit_id: str
    default: bool = False
    from_date: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agency:
    """One canonical unit. ``unit_id`` is its canonical code; ``codes`` are all it answers to."""

    unit_id: str
    name: str
    level: Level
    parent: str | None = None
    codes: tuple[AgencyCode, ...] = ()
    state: UnitState = UnitState.ACTIVE
    successors: tuple[Succession, ...] = ()
    retired_on: date | None = None
    system_id: UUID | None = None

    def is_retired(self, today: date) -> bool:
        """Retired today; a retirement announced for a later day has no effect yet."""
        return self.state is UnitState.RETIRED and (self.retired_on is None or self.retired_on <= today)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientResult:
    """What became of one To: ``reason`` is a problem code and stands only beside undeliverable."""

    code: str
    unit_id: str | None
    result: ResultKind
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedUnit:
    """One delivery to make."""

    unit_id: str
    system_id: UUID
    addressed_as: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """Results in the order of the Tos; deliveries and relayed codes in the order first met."""

    results: tuple[RecipientResult, ...]
    units: tuple[RoutedUnit, ...]
    relayed: tuple[str, ...]

    @property
    def routable(self) -> bool:
        """Whether the document has anywhere to go."""
        return bool(self.units or self.relayed)


class Directory:
    """An immutable snapshot of all agencies."""

    __slots__ = ("_by_code", "_by_id", "_provinces", "_snapshot_id")

    def __init__(self, agencies: Iterable[Agency], *, province_suffixes: frozenset[str]) -> None:
        ordered = sorted(agencies, key=lambda agency: agency.unit_id)
        self._by_id: Mapping[str, Agency] = MappingProxyType({agency.unit_id: agency for agency in ordered})
        self._provinces = frozenset(normalise_code(suffix) for suffix in province_suffixes)
        self._by_code = _index(self._by_id.values())
        self._snapshot_id = _digest(self._by_id.values(), self._provinces)

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Agency]:
        return iter(self._by_id.values())

    @property
    def snapshot_id(self) -> str:
        """SHA-256 of the directory's content, in hexadecimal; independent of the order of its units."""
        return self._snapshot_id

    @property
    def province_suffixes(self) -> frozenset[str]:
        return self._provinces

    def unit(self, unit_id: str) -> Agency | None:
        """The unit of this canonical code."""
        return self._by_id.get(unit_id)

    def by_code(self, code: str, today: date | None = None) -> Agency | None:
        """The unit that a code names on a day; without a day, whoever holds or held it last."""
        claims = self._by_code.get(normalise_code(code))
        if claims is None:
            return None
        if len(claims) == 1 and claims[0].valid_from is None:
            return self._by_id[claims[0].unit_id]
        usable = [c for c in claims if today is None or c.valid_from is None or c.valid_from <= today]
        best = max(usable, key=lambda claim: claim.rank(today), default=None)
        return None if best is None else self._by_id[best.unit_id]

    def is_of_province(self, code: str) -> bool:
        """Whether a code is of the province's range: L1 at its end (QCVN 102) or M1 in front (QĐ 20)."""
        groups = normalise_code(code).split(".")
        return groups[-1] in self._provinces or groups[0] in self._provinces

    def final_unit(self, unit_id: str, *, today: date) -> tuple[Agency | None, str | None]:
        """The unit that acts for this one today: (unit, None), or (None, problem code) where none does."""
        seen: set[str] = set()
        current = self._by_id.get(unit_id)
        while current is not None and current.is_retired(today):
            if current.unit_id in seen:
                return None, "successor_loop"
            seen.add(current.unit_id)
            due = [s for s in current.successors if s.from_date is None or s.from_date <= today]
            chosen = _one_successor(due)
            if chosen is None:
                return None, "successor_ambiguous" if due else "recipient_retired"
            current = self._by_id.get(chosen)
        return (current, None) if current is not None else (None, "recipient_retired")

    def resolve(self, codes: Sequence[str], *, today: date, relay: bool) -> Resolution:
        """Where the Tos of a message lead on a day. ``relay``: a way to the national exchange exists."""
        cache: dict[str, RecipientResult] = {}
        results: list[RecipientResult] = []
        addressed: dict[str, dict[str, None]] = {}
        relayed: dict[str, str] = {}
        for raw in codes:
            code = normalise_code(raw)
            result = cache.get(code)
            if result is None:
                result = cache[code] = self._resolve_one(code, today=today, relay=relay)
            results.append(result)
            if result.result is ResultKind.RELAYED:
                relayed.setdefault(result.unit_id or code, code)
            elif result.result is not ResultKind.UNDELIVERABLE and result.unit_id is not None:
                addressed.setdefault(result.unit_id, {})[code] = None
        return Resolution(
            results=tuple(results),
            units=tuple(self._routed(unit_id, tuple(as_codes)) for unit_id, as_codes in addressed.items()),
            relayed=tuple(relayed.values()),
        )

    def _resolve_one(self, code: str, *, today: date, relay: bool) -> RecipientResult:
        named = self.by_code(code, today)
        if named is None:
            # Text that cannot be a code is never sent on to the nation.
            if self.is_of_province(code) or not is_code(code):
                return _undeliverable(code, None, "recipient_unknown")
            return _outside(code, None, relay=relay)
        final, problem = self.final_unit(named.unit_id, today=today)
        if final is None:
            return _undeliverable(code, named.unit_id, problem)
        if final.state is UnitState.LOCKED:
            return _undeliverable(code, final.unit_id, "recipient_locked")
        if final.system_id is None:
            if self._is_ours(final):
                return _undeliverable(code, final.unit_id, "recipient_has_no_system")
            return _outside(code, final.unit_id, relay=relay)
        kind = ResultKind.ROUTED if final is named else ResultKind.FORWARDED
        return RecipientResult(code=code, unit_id=final.unit_id, result=kind)

    def _is_ours(self, agency: Agency) -> bool:
        return any(map(self.is_of_province, (agency.unit_id, *(entry.code for entry in agency.codes))))

    def _routed(self, unit_id: str, addressed_as: tuple[str, ...]) -> RoutedUnit:
        system_id = self._by_id[unit_id].system_id
        assert system_id is not None  # _resolve_one routes only to units with a system
        return RoutedUnit(unit_id=unit_id, system_id=system_id, addressed_as=addressed_as)


def may_speak_for(
    directory: Directory, system_id: UUID, code: str, today: date, *, about_received: bool = False
) -> bool:
    """Whether a system may send in the name of this code: no one acts for another.

    It may for an agency registered under it that is active. A retired agency issues nothing any more; only
    statuses of what it received (``about_received``) may still come in its name, from its own system or from
    its successor's, which answers for what was forwarded.
    """
    named = directory.by_code(code, today)
    if named is None or named.state is UnitState.LOCKED:
        return False
    if not named.is_retired(today):
        return named.system_id == system_id
    if not about_received:
        return False
    final, _ = directory.final_unit(named.unit_id, today=today)
    successor = final if final is not None and final.state is not UnitState.LOCKED else None
    return system_id in {named.system_id, successor.system_id if successor is not None else None}


@dataclass(frozen=True, slots=True)
class _Claim:
    """That a unit holds a code for a time."""

    unit_id: str
    own: bool
    valid_from: date | None
    valid_to: date | None

    def rank(self, today: date | None) -> tuple[date, date, bool, str]:
        """Valid today before expired, late before early, a unit's canonical code before another's alias."""
        until = self.valid_to or date.max
        expiry = date.max if today is not None and until >= today else until
        return expiry, self.valid_from or date.min, self.own, self.unit_id


def _index(agencies: Iterable[Agency]) -> Mapping[str, tuple[_Claim, ...]]:
    claims: dict[str, tuple[_Claim, ...]] = {}
    for agency in agencies:
        canonical = normalise_code(agency.unit_id)
        held = [(normalise_code(entry.code), entry.valid_from, entry.valid_to) for entry in agency.codes]
        if not any(code == canonical for code, _, _ in held):
            held.append((canonical, None, None))
        for code, valid_from, valid_to in held:
            claim = _Claim(agency.unit_id, code == canonical, valid_from, valid_to)
            claims[code] = (*claims.get(code, ()), claim)
    return MappingProxyType(claims)


def _one_successor(due: Sequence[Succession]) -> str | None:
    if len(due) == 1:
        return due[0].unit_id
    defaults = [succession.unit_id for succession in due if succession.default]
    return defaults[0] if len(defaults) == 1 else None


def _undeliverable(code: str, unit_id: str | None, reason: str | None) -> RecipientResult:
    return RecipientResult(code=code, unit_id=unit_id, result=ResultKind.UNDELIVERABLE, reason=reason)


def _outside(code: str, unit_id: str | None, *, relay: bool) -> RecipientResult:
    if not relay:
        return _undeliverable(code, unit_id, "no_relay")
    return RecipientResult(code=code, unit_id=unit_id, result=ResultKind.RELAYED)


def _digest(agencies: Iterable[Agency], provinces: frozenset[str]) -> str:
    digest = hashlib.sha256(json.dumps(sorted(provinces)).encode())
    for agency in agencies:
        row = [
            agency.unit_id,
            agency.name,
            agency.level,
            agency.parent,
            [[c.code, c.scheme, _day(c.valid_from), _day(c.valid_to)] for c in agency.codes],
            agency.state,
            [[s.unit_id, s.default, _day(s.from_date)] for s in agency.successors],
            _day(agency.retired_on),
            None if agency.system_id is None else agency.system_id.hex,
        ]
        digest.update(b"\n" + json.dumps(row).encode())
    return digest.hexdigest()


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
