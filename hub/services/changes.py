"""What a revoking (1), updating (2) or replacing (3) document asks of whom: pure.

It names earlier documents by their numbers; each is a family of versions. Whom it asks:

* only units among its own recipients (or those whom an update removes) that got one of the versions;
* a replacement asks only those for whom it says that the old document is replaced, if it says so;
* to revoke or replace means all versions that a unit has, to update means the newest one;
* a unit that an update removes from the recipients is asked to give the document back;
* what was redirected to another unit is that unit's: the message follows it there.

The message waits, per recipient, for the newest delivery that it asks about. [QCVN 102; national format 1.2,
4.2; design section 4]
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

from hub.domain.directory import Directory, RecipientResult, Resolution, ResultKind, RoutedUnit
from hub.domain.transport import ENDED_STATES, DeliveryState
from hub.ports.records import DeliveryRecord, Family, FamilyDelivery, Version

REVOKE: Final = 1
UPDATE: Final = 2
REPLACE: Final = 3
NOT_ASKED: Final = 0
RELATION: Final = {REVOKE: "revokes", UPDATE: "updates", REPLACE: "replaces"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """The number of a document that is changed, and the codes for whom (all if empty)."""

    number: str
    only_for: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A delivery whose recipient is asked.

    `request` is the type of document that asks (an update asks whom it removes as a revocation would);
    `NOT_ASKED` stands where no message reaches the unit: there `take_back` says that what has not left is
    withdrawn.
    """

    delivery: DeliveryRecord
    request: int
    take_back: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePlan:
    """What becomes of a change: `waits_for` by recipient unit, `follows` from a unit to where its delivery of
    the document was redirected."""

    refers_to: UUID | None = None
    links: tuple[tuple[UUID, str], ...] = ()
    asked: tuple[Asked, ...] = ()
    waits_for: Mapping[str, UUID] = field(default_factory=dict)
    follows: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Whom the message reaches: from each unit of a recipient's line to the unit that gets the message;
    `removed` are the units that an update takes from the recipients."""

    gets: Mapping[str, str]
    removed: frozenset[str] = frozenset()

    @property
    def units(self) -> tuple[str, ...]:
        """All units at which the message may concern a delivery."""
        return tuple(dict.fromkeys((*self.gets, *sorted(self.removed))))


def plan_change(
    doc_type: int,
    namings: Collection[Naming],
    family: Family,
    *,
    reach: Reach,
    units_of: Callable[[str], Collection[str]],
) -> ChangePlan:
    """Return what a document of type 1–3 asks.

    Args:
        namings: the documents that it names; `units_of` gives the units that a code of theirs stands for.
    """
    if not family.versions:
        return ChangePlan()
    places = {version.document_id: place for place, version in enumerate(family.versions)}
    heads: dict[frozenset[str], Version] = {}
    for version in family.versions:
        heads.setdefault(version.numbers, version)
    newest_first = sorted(family.deliveries, key=lambda d: places[d.delivery.document_id])
    asked: list[Asked] = []
    waits: dict[str, UUID] = {}
    updated: set[tuple[frozenset[str], str]] = set()
    for each in newest_first:
        numbers = family.versions[places[each.delivery.document_id]].numbers
        request = _request(doc_type, each.meant, reach)
        if request is None or not _is_meant(doc_type, namings, numbers, each.meant, units_of):
            continue
        if request == UPDATE and (numbers, each.meant) in updated:
            continue
        updated.add((numbers, each.meant))
        gets = reach.gets.get(each.meant)
        if gets is not None:
            waits.setdefault(gets, each.delivery.id)
        asked.append(
            Asked(
                delivery=each.delivery,
                request=NOT_ASKED if gets is None else request,
                take_back=gets is None,
            )
        )
    follows = dict(_follows(newest_first, reach))
    return ChangePlan(
        refers_to=next(iter(heads.values())).document_id,
        links=tuple((head.document_id, RELATION[doc_type]) for head in heads.values()),
        asked=tuple(asked),
        waits_for={follows.get(unit, unit): delivery_id for unit, delivery_id in waits.items()},
        follows=follows,
    )


def follow(resolution: Resolution, follows: Mapping[str, str], directory: Directory) -> Resolution:
    """Return the resolution with recipients replaced by those to whom their document was redirected."""
    targets: dict[str, RoutedUnit] = {}
    for old, new in follows.items():
        agency = directory.unit(new)
        if agency is not None and agency.system_id is not None and old != new:
            targets[old] = RoutedUnit(unit_id=new, system_id=agency.system_id, addressed_as=())
    if not targets:
        return resolution
    units: dict[str, RoutedUnit] = {}
    for unit in resolution.units:
        goes_to = targets.get(unit.unit_id, unit)
        earlier = units.get(goes_to.unit_id)
        codes = () if earlier is None else earlier.addressed_as
        units[goes_to.unit_id] = replace(
            goes_to, addressed_as=tuple(dict.fromkeys((*codes, *unit.addressed_as)))
        )
    return replace(
        resolution,
        units=tuple(units.values()),
        results=tuple(_forwarded(result, targets) for result in resolution.results),
    )


def _forwarded(result: RecipientResult, targets: Mapping[str, RoutedUnit]) -> RecipientResult:
    target = None if result.unit_id is None else targets.get(result.unit_id)
    if target is None or result.result is ResultKind.UNDELIVERABLE:
        return result
    return replace(result, unit_id=target.unit_id, result=ResultKind.FORWARDED)


def _request(doc_type: int, unit: str, reach: Reach) -> int | None:
    if doc_type == UPDATE and unit in reach.removed:
        return REVOKE
    return doc_type if unit in reach.gets else None


def _is_meant(
    doc_type: int,
    namings: Collection[Naming],
    numbers: frozenset[str],
    unit: str,
    units_of: Callable[[str], Collection[str]],
) -> bool:
    if doc_type != REPLACE:
        return True
    named = [naming for naming in namings if naming.number in numbers]
    return any(
        not naming.only_for or any(unit in units_of(code) for code in naming.only_for) for naming in named
    )


def _follows(deliveries: Collection[FamilyDelivery], reach: Reach) -> Iterator[tuple[str, str]]:
    own = {d.meant for d in deliveries if d.delivery.redirected_from is None and _is_live(d.delivery)}
    for each in deliveries:
        gets = reach.gets.get(each.meant)
        if each.delivery.redirected_from is not None and each.meant not in own and gets is not None:
            yield gets, each.delivery.unit_id


def _is_live(delivery: DeliveryRecord) -> bool:
    return delivery.state is DeliveryState.CONFIRMED or delivery.state not in ENDED_STATES
