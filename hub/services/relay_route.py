"""Where the province ends: who is outside, what goes to the national exchange, what came from there.

Outside is every code that is not of the province and that no system of this hub speaks for. What is addressed
outside becomes one delivery for each outside unit, of the one system that is the way out; what came from
outside is served to our own units alone: the others have theirs from the exchange, and sending it out again
would be a loop. [national format, 3.5; design section 4]
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from uuid import UUID

from hub.domain.directory import Agency, Directory, Resolution, ResultKind, RoutedUnit
from hub.domain.ids import is_code, normalise_code
from schemas.edxml.model import DocumentMessage, Organization, StatusMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A message that came in from the national exchange.

    `to_codes` are the recipients of its package, which need not stand in the message; `released` says that a
    person has looked at what was held as a loop.
    """

    to_codes: tuple[str, ...] = ()
    released: bool = False


def is_outside(directory: Directory, agency: Agency) -> bool:
    """Tell whether an agency of the directory is outside the province and not connected here."""
    codes = (agency.unit_id, *(entry.code for entry in agency.codes))
    return agency.system_id is None and not any(map(directory.is_of_province, codes))


def outside_unit(directory: Directory, code: str) -> str | None:
    """Return the unit under which an outside code is kept, or None if the code is ours or no code at all."""
    named = directory.by_code(code)
    if named is not None:
        return named.unit_id if is_outside(directory, named) else None
    return code if is_code(code) and not directory.is_of_province(code) else None


def outside_names(directory: Directory, code: str) -> tuple[str, ...]:
    """Return all names under which the unit of an outside code may have been kept.

    The directory may have learnt that two codes are one unit after a message was taken in under one of them.
    """
    named = directory.by_code(code)
    if named is None:
        return (code,)
    return tuple(dict.fromkeys((named.unit_id, *(normalise_code(c.code) for c in named.codes), code)))


def with_relay(resolution: Resolution, system_id: UUID, directory: Directory) -> Resolution:
    """Return the resolution with one delivery for each outside unit, of the system that is the way out.

    The exchange is asked for the unit by the codes of the unit itself: that of one of ours which has ended,
    and whose successor it is, would bring the message back to us.
    """
    addressed: dict[str, dict[str, None]] = {}
    for result in resolution.results:
        if result.result is ResultKind.RELAYED:
            unit_id = result.unit_id or result.code
            named = directory.by_code(result.code)
            by_own = named is None or named.unit_id == unit_id
            addressed.setdefault(unit_id, {})[result.code if by_own else unit_id] = None
    outside = (
        RoutedUnit(unit_id=unit_id, system_id=system_id, addressed_as=tuple(codes))
        for unit_id, codes in addressed.items()
    )
    return replace(resolution, units=(*resolution.units, *outside))


def heirs_outside(resolution: Resolution, directory: Directory) -> tuple[Organization, ...]:
    """Return the outside units that are reached in place of units of ours: the sender does not name them."""
    written = {result.code for result in resolution.results}
    relayed = {r.unit_id for r in resolution.results if r.result is ResultKind.RELAYED}
    codes = [c for unit in resolution.units if unit.unit_id in relayed for c in unit.addressed_as]
    found = ((code, directory.by_code(code)) for code in codes if code not in written)
    return tuple(
        Organization(organ_id=code, organ_name=unit.name) for code, unit in found if unit is not None
    )


def served_here(resolution: Resolution) -> Resolution:
    """Return the part of a resolution that concerns our own units."""
    own = tuple(r for r in resolution.results if r.result is not ResultKind.RELAYED)
    return Resolution(results=own, units=resolution.units, relayed=())


def passed_through(message: DocumentMessage | StatusMessage, hub_code: str) -> bool:
    """Tell whether our own centre stands among the hops of a message: it has been here before."""
    if isinstance(message, StatusMessage):
        return False
    own = normalise_code(hub_code)
    return own in _codes(hop.organ_id for hop in message.trace_headers)


def _codes(texts: Iterable[str]) -> set[str]:
    return {normalise_code(text) for text in texts}
