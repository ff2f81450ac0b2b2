"""Changes of the directory that a person orders: pure; each gives the units as they are to be.

A retirement, a merger and a split are one thing: units end on a day and others take over from that day; what
is addressed to the old codes goes on to them. Nothing is forgotten: a retired unit and all its codes stay. A
plan that would break a rule of the directory (a circle of successors, a split without a default, one code for
two units on one day) is refused with the rule's own sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import assert_never

from hub.domain.directory import Agency, AgencyCode, Directory, Level, Succession, UnitState
from hub.domain.directory_csv import NAME_MAX, scheme_of
from hub.domain.directory_csv_texts import TEXTS
from hub.domain.directory_order_texts import ORDER_TEXTS
from hub.domain.directory_rules import problems
from hub.domain.ids import is_code, normalise_code


class OrderRefused(Exception):
    """The order cannot be carried out: a stable code, and what to do in both languages."""

    def __init__(self, code: str, /, **values: str) -> None:
        vi, en = ORDER_TEXTS.get(code) or TEXTS[code]
        self.code = code
        self.vi = vi.format_map(values)
        self.en = en.format_map(values)
        super().__init__(f"{code}: {self.en}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retire:
    """Units end on a day; successors take over. Of several, ``default`` gets what is addressed to the old."""

    codes: tuple[str, ...]
    successors: tuple[str, ...]
    on: date
    default: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """A unit has another name from now on."""

    code: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddUnit:
    """A unit that was not there."""

    code: str
    name: str
    level: Level
    parent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCode:
    """A unit answers to one more code, in a time (days included)."""

    code: str
    new: str
    valid_from: date | None = None
    valid_to: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndCode:
    """A unit answers to a code for the last time on ``valid_to``."""

    code: str
    valid_to: date


@dataclass(frozen=True, slots=True, kw_only=True)
class SetState:
    """A unit is locked, or unlocked."""

    code: str
    locked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopen:
    """A unit that had ended goes on, without successors; what went on to them stays there."""

    code: str


Order = Retire | Rename | AddUnit | AddCode | EndCode | SetState | Reopen


def plan(directory: Directory, order: Order, today: date) -> tuple[Agency, ...]:
    """The units that an order changes, as they are to be. Raises OrderRefused."""
    match order:
        case Retire():
            changed = _retire(directory, order, today)
        case Rename():
            changed = (_renamed(_unit(directory, order.code, today), order.name),)
        case AddUnit():
            changed = (_new_unit(directory, order, today),)
        case AddCode():
            changed = (_with_code(_unit(directory, order.code, today), order),)
        case EndCode():
            changed = (_without_code(_unit(directory, order.code, today), order),)
        case SetState():
            changed = (_set_state(_unit(directory, order.code, today), locked=order.locked),)
        case Reopen():
            changed = (_reopened(_unit(directory, order.code, today)),)
        case _:
            assert_never(order)
    _check(directory, changed)
    return changed


def _unit(directory: Directory, code: str, today: date) -> Agency:
    # A code that begins only later already names its unit for whoever arranges it.
    found = directory.by_code(code, today) or directory.by_code(code)
    if found is None:
        raise OrderRefused("agency_unknown", code=code)
    return found


def _retire(directory: Directory, order: Retire, today: date) -> tuple[Agency, ...]:
    heirs = [_unit(directory, code, today).unit_id for code in order.successors]
    default = None if order.default is None else _unit(directory, order.default, today).unit_id
    if default is not None and default not in heirs:
        raise OrderRefused("default_not_successor", code=default)
    ending = [_unit(directory, code, today) for code in order.codes]
    # A unit that takes in another one lives on: "merge A and B into A" ends B alone.
    ending = [unit for unit in ending if len(order.codes) == 1 or unit.unit_id not in heirs]
    if not ending:
        raise OrderRefused("nothing_to_retire")
    for unit in ending:
        if unit.is_retired(today):
            raise OrderRefused("agency_retired", code=unit.unit_id)
    successors = tuple(
        Succession(unit_id=unit_id, default=len(heirs) > 1 and unit_id == default, from_date=order.on)
        for unit_id in dict.fromkeys(heirs)
    )
    ended: Iterable[Agency] = (
        replace(unit, state=UnitState.RETIRED, retired_on=order.on, successors=successors) for unit in ending
    )
    return tuple({unit.unit_id: unit for unit in ended}.values())


def _renamed(unit: Agency, name: str) -> Agency:
    return replace(unit, name=_name(name, unit.unit_id))


def _new_unit(directory: Directory, order: AddUnit, today: date) -> Agency:
    code = _code(order.code)
    holder = directory.unit(code) or directory.by_code(code, today)
    if holder is not None:
        raise OrderRefused("code_taken", code=code, holder=holder.unit_id)
    parent = None if order.parent is None else _unit(directory, order.parent, today).unit_id
    entry = AgencyCode(code=code, scheme=scheme_of(code))
    return Agency(
        unit_id=code, name=_name(order.name, code), level=order.level, parent=parent, codes=(entry,)
    )


def _with_code(unit: Agency, order: AddCode) -> Agency:
    code = _code(order.new)
    if order.valid_from is not None and order.valid_to is not None and order.valid_to < order.valid_from:
        raise OrderRefused("period_empty", code=code)
    if any(entry.code == code for entry in unit.codes):
        raise OrderRefused("alias_repeated", code=code)
    added = AgencyCode(
        code=code, scheme=scheme_of(code), valid_from=order.valid_from, valid_to=order.valid_to
    )
    return replace(unit, codes=(*unit.codes, added))


def _without_code(unit: Agency, order: EndCode) -> Agency:
    code = normalise_code(order.code)
    kept = []
    for entry in unit.codes:
        if entry.code == code and entry.valid_from is not None and order.valid_to < entry.valid_from:
            raise OrderRefused("period_empty", code=code)
        kept.append(replace(entry, valid_to=order.valid_to) if entry.code == code else entry)
    return replace(unit, codes=tuple(kept))


def _set_state(unit: Agency, *, locked: bool) -> Agency:
    if unit.state is UnitState.RETIRED:
        raise OrderRefused("agency_retired", code=unit.unit_id)
    return replace(unit, state=UnitState.LOCKED if locked else UnitState.ACTIVE)


def _reopened(unit: Agency) -> Agency:
    return replace(unit, state=UnitState.ACTIVE, retired_on=None, successors=())


def _name(text: str, code: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > NAME_MAX or not name.isprintable():
        raise OrderRefused("name_missing" if not name else "name_unusable", code=code)
    return name


def _code(text: str) -> str:
    code = normalise_code(text)
    if not is_code(code):
        raise OrderRefused("code_unusable", code=code[:60])
    return code


def _check(directory: Directory, changed: Sequence[Agency]) -> None:
    """Refuse what breaks a rule that was not broken before."""
    known: Mapping[str, Agency] = {agency.unit_id: agency for agency in directory}
    after = {**known, **{agency.unit_id: agency for agency in changed}}
    broken_before = set(problems(known))
    for problem in problems(after):
        if problem not in broken_before:
            raise OrderRefused(problem.code, **dict(problem.values))
