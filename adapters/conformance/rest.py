"""Reading a recording of the hub's own REST interface."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from adapters.conformance.exchange import Exchange
from adapters.conformance.facts import Api, Facts, Offered, Sent

DOCUMENTS: Final = "/api/v1/documents"
STATUSES: Final = "/api/v1/statuses"
INBOX: Final = "/api/v1/inbox"
RECALL: Final = "/recall"
FAILED: Final = "TOTAL-FAILED"
_ACT: Final = re.compile(r"/api/v1/inbox/([0-9a-f-]{36})/(lease|content|confirm|reject)\Z")
_OK: Final = 200
_CREATED: Final = 201
_DONE: Final = frozenset({_OK, _CREATED})


class RestDialect:
    """REST: leases, receipts, recalls by a call of their own."""

    api = Api.REST

    def submits(self, method: str, path: str) -> bool:
        """Documents and statuses as edXML."""
        return method == "POST" and path == DOCUMENTS

    def parameters(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Nothing: all that counts stands in paths and JSON."""
        del headers
        return {}

    def message_in(self, path: str, answer: Any, raw: bytes) -> bytes | None:
        """None: offers say what a delivery is."""
        del path, answer, raw
        return None

    def is_accepted(self, exchange: Exchange) -> bool:
        """201, or 200 with the stored receipt."""
        return self.submits(exchange.method, exchange.path) and exchange.status in _DONE

    def callers(self, exchanges: Sequence[Exchange]) -> set[str]:
        """The systems that receipts were given to."""
        return {
            str(each.fields["receipt"]["system"])
            for each in exchanges
            if self.is_accepted(each) and "receipt" in each.fields
        }

    def facts(self, exchanges: Sequence[Exchange]) -> Facts:
        """Return what a recording shows."""
        facts = Facts()
        for each in exchanges:
            if self.submits(each.method, each.path):
                facts.sent.append(self._sent(each))
            elif each.status in _DONE:
                _note(facts, each)
        facts.note_statuses_sent()
        return facts

    def _sent(self, each: Exchange) -> Sent:
        receipt = each.fields.get("receipt") or {}
        return Sent(
            sha256=each.sha256,
            size=each.size,
            said=each.sent,
            accepted=self.is_accepted(each),
            repeated=each.repeated,
            cut=each.cut,
            conflict=each.fields.get("code") == "document_conflict",
            document=str(receipt.get("receipt_id", "")),
        )


def _note(facts: Facts, each: Exchange) -> None:
    answer = each.fields
    if each.path == INBOX:
        facts.offers.update({o["delivery_id"]: _offered(o) for o in answer.get("deliveries", ())})
    elif (act := _ACT.match(each.path)) is not None:
        if act[2] == "lease":
            facts.leases.setdefault(act[1], set()).add(int(answer["lease_token"]))
        elif act[2] == "confirm":
            facts.confirm(act[1])
    elif each.path == STATUSES and isinstance(each.order, dict):
        facts.said.add(str(each.order.get("status_code", "")))
    elif each.path.endswith(RECALL):
        facts.asked_back = True
    elif each.method == "GET" and answer.get("indication") == FAILED:
        facts.spoiled[str(answer.get("document_id"))] = FAILED


def _offered(offer: Mapping[str, Any]) -> Offered:
    return Offered(
        delivery=offer["delivery_id"],
        kind=offer["kind"],
        from_code=offer["from_code"],
        status_code=offer["status_code"],
        warnings=tuple(offer["acceptance"]["reasons"]),
    )


REST: Final = RestDialect()
