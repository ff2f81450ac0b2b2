"""What a recorded trial shows: which messages were accepted, which deliveries were taken, in what order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from adapters.conformance.tape import Exchange

_ACT: Final = re.compile(r"/api/v1/inbox/([0-9a-f-]{36})/(lease|content|confirm|reject)\Z")
_ABOUT: Final = re.compile(r"/api/v1/documents/([0-9a-f-]{36})(/\w+)?\Z")
_OK: Final = 200
STATUSES: Final = "/api/v1/statuses"
RECALL: Final = "/recall"
Json = dict[str, Any]


@dataclass(slots=True)
class Facts:
    """Facts of one trial. Offers by delivery id; `confirmed` in the order of confirming."""

    exchanges: Sequence[Exchange]
    offers: dict[str, Json] = field(default_factory=dict)
    tokens: dict[str, set[int]] = field(default_factory=dict)
    confirmed: list[str] = field(default_factory=list)
    followed: dict[str, set[str]] = field(default_factory=dict)

    @property
    def accepted(self) -> list[Exchange]:
        """Messages that were accepted as new, with what they said."""
        return [e for e in self.exchanges if e.accepted and not e.repeated and e.sent is not None]

    def documents(self, business_type: int) -> list[Exchange]:
        """Accepted documents of a business type."""
        return [
            e
            for e in self.accepted
            if e.sent is not None and e.sent.status_code is None and e.sent.business_type == business_type
        ]

    def taken(self, kind: str) -> list[Json]:
        """Offers of a kind that were confirmed, in that order."""
        found = [self.offers[each] for each in self.confirmed if each in self.offers]
        return [offer for offer in found if offer["kind"] == kind]

    def said(self) -> list[tuple[str, str]]:
        """Statuses that the system said: (code, id of the document that it is about or empty)."""
        by_json = [
            (str(e.order.get("status_code", "")), str(e.order.get("about", "")))
            for e in self.exchanges
            if e.path == STATUSES and e.status in (200, 201) and isinstance(e.order, dict)
        ]
        by_message = [(e.sent.status_code, "") for e in self.accepted if e.sent and e.sent.status_code]
        return by_json + by_message


def facts_of(exchanges: Sequence[Exchange]) -> Facts:
    """Return what a recording shows."""
    facts = Facts(exchanges=exchanges)
    for each in exchanges:
        if each.status in (_OK, 201):
            _note(facts, each)
    return facts


def _note(facts: Facts, each: Exchange) -> None:
    answer = each.answer if isinstance(each.answer, dict) else {}
    if each.path == "/api/v1/inbox":
        facts.offers.update({offer["delivery_id"]: offer for offer in answer.get("deliveries", ())})
    elif (act := _ACT.match(each.path)) is not None:
        if act[2] == "lease":
            facts.tokens.setdefault(act[1], set()).add(int(answer["lease_token"]))
        elif act[2] == "confirm" and act[1] not in facts.confirmed:
            facts.confirmed.append(act[1])
    elif (about := _ABOUT.match(each.path)) is not None:
        facts.followed.setdefault(about[1], set()).add(about[2] or "")
