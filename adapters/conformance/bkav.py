"""Reading a recording of the Bkav eDoc dialect: ids in lists, messages in base64, no sent list."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

from adapters.bkav.answers import SUCCESS
from adapters.bkav.call import DOC_ID, ORGAN_ID
from adapters.bkav.server import OperationName, operation_in
from adapters.conformance.exchange import Exchange
from adapters.conformance.facts import Api, Facts, Sent, offered

_SAID: Final = frozenset({DOC_ID, ORGAN_ID})


class BkavDialect:
    """Bkav: parameters are headers; a package is fetched and confirmed."""

    api = Api.BKAV

    def submits(self, method: str, path: str) -> bool:
        """sendDocument."""
        return method == "POST" and operation_in(path) is OperationName.SEND

    def parameters(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Return the package and the agency; never the token."""
        return {name.lower(): value for name, value in headers.items() if name.lower() in _SAID}

    def message_in(self, path: str, answer: Any, raw: bytes) -> bytes | None:
        """Return what getDocument hands over."""
        del raw
        data = answer.get("data") if isinstance(answer, dict) else None
        wanted = operation_in(path) is OperationName.GET and isinstance(data, str)
        return base64.b64decode(str(data)) if wanted else None

    def is_accepted(self, exchange: Exchange) -> bool:
        """A sendDocument that was answered with success."""
        return self.submits(exchange.method, exchange.path) and _succeeded(exchange)

    def callers(self, exchanges: Sequence[Exchange]) -> set[str]:
        """The agencies, or names of systems, of calls that got through."""
        return {each.parameters.get(ORGAN_ID, "").strip() for each in exchanges if _succeeded(each)}

    def facts(self, exchanges: Sequence[Exchange]) -> Facts:
        """Return what a recording shows."""
        facts = Facts()
        for each in exchanges:
            name = operation_in(each.path)
            package = each.parameters.get(DOC_ID, "").strip()
            if name is OperationName.SEND:
                facts.sent.append(self._sent(each, facts.sent))
            elif name is OperationName.GET and each.carried is not None:
                facts.offers[package] = offered(package, each.carried)
            elif name is OperationName.CONFIRM and _succeeded(each):
                facts.confirm(package)
        facts.note_statuses_sent()
        return facts

    def _sent(self, each: Exchange, before: Sequence[Sent]) -> Sent:
        document = str(each.fields.get("docId", ""))
        faults = {fault.get("code") for fault in each.fields.get("errors") or ()}
        return Sent(
            sha256=each.sha256,
            size=each.size,
            said=each.sent,
            accepted=self.is_accepted(each),
            repeated=any(s.accepted and (s.sha256, s.document) == (each.sha256, document) for s in before),
            cut=each.cut,
            conflict="document_conflict" in faults,
            document=document,
        )


def _succeeded(each: Exchange) -> bool:
    return each.fields.get("status") == SUCCESS


BKAV: Final = BkavDialect()
