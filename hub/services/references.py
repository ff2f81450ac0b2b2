"""What a message refers to: the deliveries that it is about, and where it goes because of them.

A document of type 1–3 and a recall (13) are about what their own sender sent before; every other status is
about a document of the unit that it is addressed to. Units stand for their whole line of succession. Nobody
changes what another has sent: a document that names one of somebody else's is refused, as far as the hub can
tell; what it does not know it passes on. [national format 4.2; design sections 4 and 5]
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from hub.domain.directory import Directory, Resolution
from hub.domain.problems import Refusal
from hub.domain.submission import MessageKind
from hub.ports.records import DeliveryRecord
from hub.ports.unit_of_work import Transaction
from hub.services.business_effects import ANSWERS, RECALL
from hub.services.changes import REVOKE, Asked, Reach, follow, plan_change
from hub.services.intake_plan import Facts, Reference
from hub.services.lines import line_of
from hub.services.relay_route import outside_names

NOTHING: Final = Reference()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """Who sends and who is meant: all names of the sender, the recipients as resolved, the day.

    `from_outside`: the message was brought by the national exchange. `about` is the document that a status
    said in fields is about.
    """

    directory: Directory
    today: date
    sender_names: tuple[str, ...]
    resolution: Resolution
    from_outside: bool = False
    about: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Referring:
    """What a message refers to, and its recipients after redirects were followed."""

    reference: Reference
    resolution: Resolution


def names_of(directory: Directory, code: str, today: date) -> tuple[str, ...]:
    """Return all names under which messages for or from the unit of a code may be kept."""
    named = directory.by_code(code, today)
    line = line_of(directory, code if named is None else named.unit_id, today)
    return tuple(dict.fromkeys((*line, *outside_names(directory, code))))


async def refer(query: Transaction, facts: Facts, parties: Parties) -> Referring:
    """Find what a message refers to.

    Raises:
        Refusal: `change_not_allowed`: it would change what somebody else has sent.
    """
    if not facts.namings:
        return Referring(reference=NOTHING, resolution=parties.resolution)
    if facts.kind is MessageKind.DOCUMENT:
        return await _change(query, facts, parties)
    return await _status(query, facts, parties)


async def _status(query: Transaction, facts: Facts, parties: Parties) -> Referring:
    asks = facts.status_code == RECALL
    addressed = names_of(parties.directory, facts.recipients[0], parties.today)
    owners, concerned = (parties.sender_names, addressed) if asks else (addressed, parties.sender_names)
    answer = facts.status_code in ANSWERS
    found: tuple[DeliveryRecord, ...] = ()
    if parties.about is not None and not answer:
        rows = await query.deliveries.of_document(parties.about)
        found = tuple(row for row in rows if row.unit_id in concerned)[-1:]
    if not found:
        found = await query.documents.find_reference(
            owners, facts.namings[0].number, to_units=concerned, answer=answer, redirected=asks
        )
    if not found:
        return Referring(reference=NOTHING, resolution=parties.resolution)
    resolution = parties.resolution
    target = found[0]
    if asks and target.redirected_from is not None and target.unit_id not in concerned:
        resolution = follow(resolution, {resolution.units[0].unit_id: target.unit_id}, parties.directory)
    waits_for = {unit.unit_id: target.id for unit in resolution.units} if asks else {}
    reference = Reference(
        refers_to=target.document_id,
        asked=tuple(Asked(delivery=row, request=REVOKE, take_back=asks) for row in found),
        waits_for=waits_for,
    )
    return Referring(reference=reference, resolution=resolution)


async def _change(query: Transaction, facts: Facts, parties: Parties) -> Referring:
    def units_of(code: str) -> tuple[str, ...]:
        return names_of(parties.directory, code, parties.today)

    gets = {name: unit.unit_id for unit in parties.resolution.units for name in units_of(unit.unit_id)}
    removed = frozenset(name for code in facts.removed for name in units_of(code))
    reach = Reach(gets=gets, removed=removed)
    numbers = [naming.number for naming in facts.namings]
    family = await query.documents.find_family(parties.sender_names, numbers, to_units=reach.units)
    if not family.versions and not parties.from_outside:
        others = [number for number in numbers if number != facts.document_no]
        if others and await query.documents.others_number(parties.sender_names, others, reach.units):
            raise Refusal("change_not_allowed")
    plan = plan_change(facts.doc_type or 0, facts.namings, family, reach=reach, units_of=units_of)
    return Referring(
        reference=Reference(
            refers_to=plan.refers_to, asked=plan.asked, waits_for=plan.waits_for, links=plan.links
        ),
        resolution=follow(parties.resolution, plan.follows, parties.directory),
    )
