"""Reading a recording of the national exchange's client API.

Lists say little of a package, so it counts by the message that was fetched. An answer calls no resend by its
name and no conflict either: a resend is the same bytes under the same DocId, a conflict a refusal (10) of
other bytes under the number of a document that was accepted before. [national format, 3]
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from adapters.conformance.exchange import Exchange
from adapters.conformance.facts import Api, Facts, Sent, offered, same_document
from adapters.vxp.wire import OK, PREFIX, ErrorCode, OperationName, PackageState, operation_of

SIGN_HEADER: Final = (PREFIX + "sign-header").lower()
_OK: Final = 200


class VxpDialect:
    """VXP: parameters are what was signed; packages are fetched and answered."""

    api = Api.VXP

    def submits(self, method: str, path: str) -> bool:
        """sendEdoc; the line end after the file is no matter to whoever reads the message."""
        return method == "POST" and _operation(path) is OperationName.SEND

    def parameters(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Return the signed parameters without their prefix; of `docId` and `docid` each its own."""
        signed = next((v for k, v in headers.items() if k.lower() == SIGN_HEADER), "")
        try:
            found = json.loads(signed)
        except (ValueError, RecursionError):
            return {}
        pairs = found.items() if isinstance(found, dict) else ()
        return {k.removeprefix(PREFIX): v for k, v in pairs if isinstance(v, str)}

    def message_in(self, path: str, answer: Any, raw: bytes) -> bytes | None:
        """Return what getEdoc or downloadEdoc hands over."""
        match _operation(path):
            case OperationName.DOWNLOAD:
                return raw or None
            case OperationName.GET if isinstance(answer, dict) and isinstance(answer.get("data"), str):
                return base64.b64decode(answer["data"])
        return None

    def is_accepted(self, exchange: Exchange) -> bool:
        """A sendEdoc that was answered with success."""
        return self.submits(exchange.method, exchange.path) and _succeeded(exchange)

    def callers(self, exchanges: Sequence[Exchange]) -> set[str]:
        """The system ids of calls that verified."""
        return {each.parameters.get("systemid", "") for each in exchanges if _succeeded(each)}

    def facts(self, exchanges: Sequence[Exchange]) -> Facts:
        """Return what a recording shows."""
        facts = Facts()
        for each in exchanges:
            name = _operation(each.path)
            if name is OperationName.SEND:
                facts.sent.append(self._sent(each, facts.sent))
            elif _succeeded(each):
                _note(facts, each, name)
        facts.note_statuses_sent()
        return facts

    def _sent(self, each: Exchange, before: Sequence[Sent]) -> Sent:
        document = str(each.fields.get("DocId", ""))
        accepted = self.is_accepted(each)
        known = [s for s in before if s.accepted]
        conflict = (
            not accepted
            and str(each.fields.get("ErrorCode")) == ErrorCode.INVALID_FILE
            and each.sent is not None
            and any(s.said and same_document(s.said, each.sent) and s.sha256 != each.sha256 for s in known)
        )
        return Sent(
            sha256=each.sha256,
            size=each.size,
            said=each.sent,
            accepted=accepted,
            repeated=any((s.sha256, s.document) == (each.sha256, document) for s in known),
            cut=each.cut,
            conflict=conflict,
            document=document,
        )


def _note(facts: Facts, each: Exchange, name: OperationName | None) -> None:
    said = each.parameters
    match name:
        case OperationName.GET | OperationName.DOWNLOAD:
            package = said.get("docId") or said.get("docid", "")
            if each.carried is not None:
                facts.offers[package] = offered(package, each.carried)
        case OperationName.UPDATE_STATUS if said.get("status", "").lower() == PackageState.DONE:
            facts.confirm(said.get("docid") or said.get("docId", ""))
        case OperationName.SENT_LIST:
            for row in each.fields.get("data") or ():
                if row.get("receiveStatus") == PackageState.FAIL:
                    facts.spoiled[str(row.get("senderDocId"))] = PackageState.FAIL.value


def _operation(path: str) -> OperationName | None:
    return operation_of(path.rstrip("/").rpartition("/")[2])


def _succeeded(each: Exchange) -> bool:
    if each.carried is not None:
        return each.status == _OK
    code = str(each.fields.get("ErrorCode"))
    return each.status == _OK and (each.fields.get("status"), code) == (OK, ErrorCode.SUCCESS)


VXP: Final = VxpDialect()
