"""The operations of the client API as data: names, methods, what they take and answer with.

Parameters are `XroadVnpt-*` headers, never fields of the body. [national format, 3.2]
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

FORWARD_PATH: Final = "/XrdAdapter/RestService/forward"
"""Below this path the provinces' security servers offer the same operations."""


class OperationName(StrEnum):
    """What a client can ask for."""

    RECEIVED_LIST = "getReceivedEdocList"
    SENT_LIST = "getSentEdocList"
    SEND = "sendEdoc"
    GET = "getEdoc"
    DOWNLOAD = "downloadEdoc"
    UPDATE_STATUS = "updateStatus"
    COUNT_DOCUMENTS = "countReceiveEdoc"
    COUNT_STATUSES = "countReceiveStatus"
    AGENCIES = "getAgenciesList"
    AGENCIES_QD20 = "getAgenciesListQD20"
    UNITS = "getSynchronizeUnit"
    REGISTER_AGENCY = "registerAgency"
    DELETE_AGENCY = "deleteAgency"


class MessageType(StrEnum):
    """The two kinds of messages, as the `messagetype` parameter names them."""

    DOCUMENT = "edoc"
    STATUS = "status"


class PackageState(StrEnum):
    """How far the recipient is with a package, as lists and `updateStatus` name it."""

    INITIAL = "initial"
    PROCESSING = "processing"
    DONE = "done"
    FAIL = "fail"


TERMINAL_STATES: Final = frozenset({PackageState.DONE, PackageState.FAIL})


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationSpec:
    """One operation: the methods by which clients call it, the body and the parameters that they send."""

    name: OperationName
    methods: frozenset[str] = frozenset({"POST"})
    body: str = ""
    """What a client sends as the body where it sends no document: nothing, or `{}`."""
    parameters: tuple[str, ...] = ()
    raw_answer: bool = False
    """The answer is the document itself; an error has an empty body."""


OPERATIONS: Final = {
    spec.name: spec
    for spec in (
        OperationSpec(name=OperationName.RECEIVED_LIST, parameters=("servicetype", "messagetype")),
        OperationSpec(name=OperationName.SENT_LIST, parameters=("servicetype", "messagetype")),
        OperationSpec(
            name=OperationName.SEND, parameters=("from", "servicetype", "messagetype", "hash-file")
        ),
        OperationSpec(name=OperationName.GET, body="{}", parameters=("docId", "filePath")),
        OperationSpec(
            name=OperationName.DOWNLOAD,
            methods=frozenset({"GET"}),
            parameters=("docId", "filePath"),
            raw_answer=True,
        ),
        OperationSpec(name=OperationName.UPDATE_STATUS, body="{}", parameters=("docid", "status")),
        OperationSpec(
            name=OperationName.COUNT_DOCUMENTS,
            methods=frozenset({"GET", "POST"}),
            body="{}",
            parameters=("servicetype", "messagetype"),
        ),
        OperationSpec(
            name=OperationName.COUNT_STATUSES,
            methods=frozenset({"GET", "POST"}),
            body="{}",
            parameters=("servicetype", "messagetype"),
        ),
        OperationSpec(name=OperationName.AGENCIES),
        OperationSpec(name=OperationName.AGENCIES_QD20, parameters=("level",)),
        OperationSpec(name=OperationName.UNITS),
        OperationSpec(name=OperationName.REGISTER_AGENCY),
        OperationSpec(name=OperationName.DELETE_AGENCY, body="{}", parameters=("AgencyCode",)),
    )
}


def operation_of(path: str) -> OperationName | None:
    """Return the operation that a path below an endpoint names, however many slashes it has, or None."""
    try:
        return OperationName(path.strip("/"))
    except ValueError:
        return None
