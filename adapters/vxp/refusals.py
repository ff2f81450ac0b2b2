"""What the hub refuses, in the codes of the national exchange.

Every problem of the hub's catalogue has a code; whatever is not named is our own trouble. What the hub says
about a message comes with HTTP 200, as clients are used to; what it says about the call (who are you, not
now, too large) comes with the HTTP status that proxies and monitoring understand. Clients read the same JSON
under both. [national format, 3.3 and 3.4]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from adapters.vxp.answers import ErrorCode, WireError, unaccented
from hub.domain.problems import HubError
from hub.services.receive import MessageRefused

TEXT_MAX: Final = 300

_CODES: Final[dict[ErrorCode, frozenset[str]]] = {
    ErrorCode.WRONG_CREDENTIALS: frozenset(
        {"unauthenticated", "key_expired", "binding_refused", "forbidden", "signing_forbidden"}
    ),
    ErrorCode.UNKNOWN_RECIPIENT: frozenset(
        {
            "recipient_unknown",
            "recipient_retired",
            "recipient_has_no_system",
            "recipient_not_in_message",
            "successor_loop",
            "successor_ambiguous",
            "no_relay",
        }
    ),
    ErrorCode.LOCKED_RECIPIENT: frozenset({"recipient_locked"}),
    ErrorCode.UNREGISTERED_SENDER: frozenset(
        {"sender_not_allowed", "change_not_allowed", "channel_not_bound", "relay_sender_is_ours"}
    ),
    ErrorCode.FILE_PROCESSING: frozenset(
        {
            "base64_invalid",
            "archive_unsafe",
            "attachment_shape_unknown",
            "attachment_too_large",
            "too_many_attachments",
            "parts_invalid",
            "delivery_ended",
            "delivery_not_open",
            "delivery_not_confirmed",
            "content_erased",
            "package_not_fetched",
            "lease_lost",
            "status_not_allowed",
            "reason_missing",
            "relay_loop",
            "relay_unreadable",
        }
    ),
    ErrorCode.INVALID_FILE: frozenset(
        {
            "body_empty",
            "body_too_large",
            "body_too_slow",
            "body_cut",
            "message_too_large",
            "digest_mismatch",
            "secrecy_mark",
            "document_conflict",
            "idempotency_conflict",
            "delivery_unknown",
            "document_unknown",
            "bad_request",
            "signing_refused",
        }
    ),
    ErrorCode.WRONG_EDXML: frozenset(
        {
            "business_type_unknown",
            "code_missing",
            "doctype_forbidden",
            "document_id_missing",
            "encoding_unsupported",
            "from_missing",
            "message_kind_other",
            "message_kind_unknown",
            "namespace_wrong",
            "not_xml",
            "response_for_missing",
            "skeleton_too_large",
            "status_code_unknown",
            "status_document_unknown",
            "to_missing",
            "too_deep",
            "too_many_elements",
            "too_many_recipients",
        }
    ),
}
_CODE_OF: Final = {problem: code for code, problems in _CODES.items() for problem in problems}

_ABOUT_THE_CALL: Final = frozenset({403, 404, 405, 408, 413, 429, 431})
"""HTTP statuses of problems that are kept; other refusals go out with 200."""
_SERVER_ERROR: Final = 500
_OK: Final = 200
_FORBIDDEN: Final = 403
_PACKAGE_PROBLEMS: Final = frozenset({"delivery_unknown", "document_unknown", "sender_not_allowed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A refusal on its way out: the protocol's code and text, the HTTP status, when to try again."""

    code: ErrorCode
    text: str
    status: int
    retry_after: int | None = None


def code_of(error: HubError) -> ErrorCode:
    """Return the national code for one of the hub's problems."""
    found = _CODE_OF.get(error.code)
    if found is not None:
        return found
    if isinstance(error, MessageRefused):
        return ErrorCode.WRONG_EDXML
    return ErrorCode.SYSTEM_ERROR


def refused(error: HubError) -> Refused:
    """Return how a problem of the hub is told."""
    code = code_of(error)
    status = error.problem.status
    if code is ErrorCode.WRONG_CREDENTIALS:
        status = _FORBIDDEN
    elif error.code in _PACKAGE_PROBLEMS or (status < _SERVER_ERROR and status not in _ABOUT_THE_CALL):
        status = _OK
    return Refused(code=code, text=_short(_text_of(error)), status=status, retry_after=error.retry_after)


def refused_by_wire(error: WireError) -> Refused:
    """Return how a breach of the protocol is told."""
    status = _FORBIDDEN if error.code is ErrorCode.WRONG_CREDENTIALS else _OK
    return Refused(code=error.code, text=_short(error.text), status=status)


def _text_of(error: HubError) -> str:
    if isinstance(error, MessageRefused):
        issue = error.issues[0]
        return f"{issue.vi} ({issue.path})" if issue.path else issue.vi
    return error.text("vi")


def _short(text: str) -> str:
    plain = unaccented(text)
    return plain if len(plain) <= TEXT_MAX else plain[: TEXT_MAX - 3] + "..."
