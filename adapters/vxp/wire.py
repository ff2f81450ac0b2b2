"""The wire of the national exchange's client API: what server, client and simulator share.

Pure: no sockets, no clock, no database. The parts stand in `signing` (the signed head), `digests`
(`hash-file`), `stamps` (times), `operations` (the table of calls) and `answers`.
"""

from __future__ import annotations

from adapters.vxp.answers import (
    FAIL,
    NO_DOCUMENT,
    OK,
    SUCCESS_TEXT,
    Answer,
    AnswerUnreadable,
    ErrorCode,
    WireError,
    failure,
    parse_answer,
    success,
    unaccented,
)
from adapters.vxp.digests import LINE_END, checked_document, file_digest, names_digest, padded, unpadded
from adapters.vxp.operations import (
    FORWARD_PATH,
    OPERATIONS,
    TERMINAL_STATES,
    MessageType,
    OperationName,
    OperationSpec,
    PackageState,
    operation_of,
)
from adapters.vxp.signing import (
    CONTENT_TYPE_BYTES,
    CONTENT_TYPE_JSON,
    DOC_ID,
    DOC_ID_LOWER,
    PREFIX,
    Head,
    Parameters,
    read_head,
    sign,
    sign_header,
    signed_headers,
    verify,
)
from adapters.vxp.stamps import is_fresh, read_listed, read_stamp, write_listed, write_stamp

__all__ = [
    "CONTENT_TYPE_BYTES",
    "CONTENT_TYPE_JSON",
    "DOC_ID",
    "DOC_ID_LOWER",
    "FAIL",
    "FORWARD_PATH",
    "LINE_END",
    "NO_DOCUMENT",
    "OK",
    "OPERATIONS",
    "PREFIX",
    "SUCCESS_TEXT",
    "TERMINAL_STATES",
    "Answer",
    "AnswerUnreadable",
    "ErrorCode",
    "Head",
    "MessageType",
    "OperationName",
    "OperationSpec",
    "PackageState",
    "Parameters",
    "WireError",
    "checked_document",
    "failure",
    "file_digest",
    "is_fresh",
    "names_digest",
    "operation_of",
    "padded",
    "parse_answer",
    "read_head",
    "read_listed",
    "read_stamp",
    "sign",
    "sign_header",
    "signed_headers",
    "success",
    "unaccented",
    "unpadded",
    "verify",
    "write_listed",
    "write_stamp",
]
