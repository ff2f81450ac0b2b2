"""What must hold in a directory as a whole, whoever changes it: a file, a command, the national list.

One code names one unit on one day; parents and successors exist and lead nowhere in a circle; who takes over
is there to take over; of several successors exactly one is the default. The sentences to the codes stand in
``directory_csv_texts``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from hub.domain.directory import Agency, AgencyCode, UnitState

PARENTS_MAX = 50
"""No administration is deeper; a longer chain is a circle further up."""
CHAIN_SHOWN = 10
"""So many members of a circle are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleProblem:
    """A rule that a unit breaks: a key of the texts, and what fills them."""

    unit_id: str
    code: str
    values: tuple[tuple[str, str], ...]


def problems(known: Mapping[str, Agency]) -> Iterator[RuleProblem]:
    """Everything that is wrong in a directory, unit by unit."""
    yield from _taken_codes(known)
    circles = looping(known)
    for agency in known.values():
        broken = None if agency.parent is None else parent_problem(agency, known)
        if broken is not None:
            yield _problem(agency, broken, code=agency.parent or "")
        yield from successor_problems(agency, known, circles)


def overlap(one: AgencyCode, other: AgencyCode) -> bool:
    """Whether there is a day on which both are valid."""
    starts_before_end = (one.valid_from or date.min) <= (other.valid_to or date.max)
    return starts_before_end and (other.valid_from or date.min) <= (one.valid_to or date.max)


def parent_problem(agency: Agency, known: Mapping[str, Agency]) -> str | None:
    """What is wrong with the chain of units above one."""
    above = agency.parent
    if above not in known:
        return "parent_unknown"
    for _ in range(PARENTS_MAX):
        if above is None or above not in known:
            return None
        if above == agency.unit_id:
            return "parent_loop"
        above = known[above].parent
    return "parent_loop"


def successor_problems(
    agency: Agency, known: Mapping[str, Agency], circles: Collection[str]
) -> Iterator[RuleProblem]:
    """What is wrong with who takes over from a unit; ``circles`` are those whom ``looping`` has found."""
    own = agency.unit_id
    for succession in agency.successors:
        after = known.get(succession.unit_id)
        if after is None:
            yield _problem(agency, "successor_unknown", code=succession.unit_id)
        elif after.state is UnitState.RETIRED and not after.successors:
            yield _problem(agency, "successor_ended", code=own, successor=after.unit_id)
    if own in circles:
        yield _problem(agency, "successor_loop", code=own, chain=_chain(own, known, circles))
    if agency.successors and agency.state is not UnitState.RETIRED:
        yield _problem(agency, "successor_not_retired", code=own)
    if len(agency.successors) > 1 and sum(s.default for s in agency.successors) != 1:
        yield _problem(agency, "successor_default", code=own)


def looping(known: Mapping[str, Agency]) -> frozenset[str]:
    """Units whose successions run into a circle: what remains when all that end are taken away [Kahn]."""
    waiting = {
        unit_id: len({s.unit_id for s in agency.successors if s.unit_id in known})
        for unit_id, agency in known.items()
    }
    predecessors: dict[str, set[str]] = {}
    for unit_id, agency in known.items():
        for succession in agency.successors:
            predecessors.setdefault(succession.unit_id, set()).add(unit_id)
    ended = [unit_id for unit_id, count in waiting.items() if count == 0]
    while ended:
        unit_id = ended.pop()
        del waiting[unit_id]
        for before in predecessors.get(unit_id, ()):
            waiting[before] -= 1
            if waiting[before] == 0:
                ended.append(before)
    return frozenset(waiting)


def _chain(start: str, known: Mapping[str, Agency], circles: Collection[str]) -> str:
    chain = [start]
    while len(chain) <= CHAIN_SHOWN:
        following = next(s.unit_id for s in known[chain[-1]].successors if s.unit_id in circles)
        repeated = following in chain
        chain.append(following)
        if repeated:
            return " → ".join(chain)
    return " → ".join([*chain, "…"])


def _taken_codes(known: Mapping[str, Agency]) -> Iterator[RuleProblem]:
    holders: dict[str, list[tuple[str, AgencyCode]]] = {}
    for agency in known.values():
        for entry in agency.codes:
            holders.setdefault(entry.code, []).append((agency.unit_id, entry))
    for code, claims in holders.items():
        for index, (unit_id, entry) in enumerate(claims):
            if any(overlap(entry, other) for _, other in claims[:index]):
                yield RuleProblem(unit_id=unit_id, code="alias_taken", values=(("code", code),))


def _problem(agency: Agency, rule: str, /, **values: str) -> RuleProblem:
    return RuleProblem(unit_id=agency.unit_id, code=rule, values=tuple(values.items()))
