"""What a sender says about its message beside the message, and what holds only if both agree.

A sender may say of what kind the message is, and for which of its recipients this submission is. The message
goes to those alone; every one of them must stand in it, under any of its codes: a recipient that would be
left out without a word is a refusal. Naming all of them is the same as naming none.

The same message may be submitted for some recipients now and for others later. The submission key counts the
recipients that were meant, so each is a submission of its own; a unit that has the message already does not
get it again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from hub.domain.directory import Directory, Resolution
from hub.domain.ids import normalise_code
from hub.domain.problems import Refusal
from hub.domain.submission import MessageKind
from hub.ports.unit_of_work import Transaction
from hub.services.intake_plan import Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """`kind`: of which kind the sender takes its message to be; `only`: for whom it is; None: not said."""

    kind: MessageKind | None = None
    only: tuple[str, ...] | None = None


NO_TERMS: Final = Terms()


def hold_to(terms: Terms, facts: Facts, directory: Directory) -> Facts:
    """Return the facts of a message for those recipients that are meant.

    Raises:
        Refusal: `message_kind_other`, `recipient_not_in_message`.
    """
    if terms.kind is not None and terms.kind is not facts.kind:
        raise Refusal("message_kind_other", params={"kind": facts.kind.value})
    if terms.only is None:
        return facts
    meant = {_unit(directory, code): code for code in terms.only}
    named = {_unit(directory, code) for code in facts.recipients}
    for unit, code in meant.items():
        if unit not in named:
            raise Refusal("recipient_not_in_message", params={"agency": code})
    kept = tuple(code for code in facts.recipients if _unit(directory, code) in meant)
    return replace(facts, recipients=kept)


async def without_served(
    query: Transaction, *, system_id: UUID, from_unit: str, document_no: str, sha256: bytes, to: Resolution
) -> tuple[Resolution, UUID | None]:
    """Return the deliveries still to be made of a message that may have been sent to others before.

    Where none is left, the second value is the earlier document: its receipt is the answer.
    """
    served = await query.packages.served(system_id, from_unit, document_no, sha256)
    left = tuple(unit for unit in to.units if unit.unit_id not in served)
    earlier = None if left or not to.units else served[to.units[0].unit_id]
    return replace(to, units=left), earlier


def _unit(directory: Directory, code: str) -> str:
    spelled = normalise_code(code)
    agency = directory.by_code(spelled)
    return spelled if agency is None else agency.unit_id
