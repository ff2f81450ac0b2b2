"""Who a message is from, and whether the system that brings it may speak for that unit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from hub.domain.directory import Directory, may_speak_for
from hub.domain.problems import Refusal
from hub.services.intake_commit import Submission
from hub.services.lines import line_of
from hub.services.relay_route import outside_names, outside_unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The unit that a message is from, and all names under which messages for or from it may be kept."""

    unit_id: str
    names: tuple[str, ...]


def sender_of(directory: Directory, submission: Submission, today: date, *, about_received: bool) -> Sender:
    """Return the unit that a message is from, if its system may send for it.

    Raises:
        Refusal: `sender_not_allowed`, `relay_sender_is_ours`.
    """
    code = submission.facts.from_code
    if submission.arrival is not None:
        # Nobody outside speaks for one of ours.
        unit_id = outside_unit(directory, code)
        if unit_id is None:
            raise Refusal("relay_sender_is_ours", params={"agency": code})
        return Sender(unit_id=unit_id, names=outside_names(directory, code))
    named = directory.by_code(code, today)
    system_id = submission.caller.system_id
    if named is None or not may_speak_for(directory, system_id, code, today, about_received=about_received):
        raise Refusal("sender_not_allowed", params={"agency": code})
    return Sender(unit_id=named.unit_id, names=line_of(directory, named.unit_id, today))
