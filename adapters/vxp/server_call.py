"""One call to the server side, verified, and how it is answered."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from adapters.entrance import Transfers, read_small
from adapters.vxp.answers import CONTENT_TYPE, NO_DOCUMENT, ErrorCode, WireError, failure, unaccented
from adapters.vxp.operations import OperationName
from adapters.vxp.refusals import Refused
from adapters.vxp.signing import Parameters
from hub.domain.submission import MessageKind
from hub.services.access import Caller
from hub.services.shared_secrets import Member

ERROR_CODE: Final = "XroadVnpt-ErrorCode"
ERROR_TEXT: Final = "XroadVnpt-ErrorDesc"
_KINDS: Final = {"edoc": MessageKind.DOCUMENT, "status": MessageKind.STATUS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call whose signature holds."""

    request: web.Request
    member: Member
    parameters: Parameters

    @property
    def caller(self) -> Caller:
        """The calling system."""
        return self.member.caller

    def kind(self) -> MessageKind:
        """Return the kind that `messagetype` names; raises WireError."""
        found = _KINDS.get(self.parameters.require("messagetype").lower())
        if found is None:
            raise WireError(ErrorCode.INVALID_FILE, "message_type", "messagetype phai la edoc hoac status")
        return found


Operation = Callable[[Call], Awaitable[web.StreamResponse]]


def answered(body: bytes) -> web.Response:
    """Return an answer of the protocol."""
    return web.Response(body=body, content_type=CONTENT_TYPE, charset="utf-8")


def refusal(refused: Refused, name: OperationName | None) -> web.Response:
    """Return a refusal as the operation's clients can read it: JSON, but for downloadEdoc nothing at all."""
    headers = {} if refused.retry_after is None else {"Retry-After": str(refused.retry_after)}
    if name is OperationName.DOWNLOAD:
        # Any text would be written to the file and taken for the document.
        status = refused.status if refused.status >= web.HTTPBadRequest.status_code else _status_of(refused)
        return web.Response(status=status, headers={**headers, **dict(reason_headers(refused))})
    return web.Response(
        body=refusal_body(refused, name),
        status=refused.status,
        content_type=CONTENT_TYPE,
        charset="utf-8",
        headers=headers,
    )


def reason_headers(refused: Refused) -> tuple[tuple[str, str], ...]:
    """Return the code and the text of a refusal as headers, where the body must be empty."""
    return ((ERROR_CODE, refused.code.value), (ERROR_TEXT, unaccented(refused.text)))


def refusal_body(refused: Refused, name: OperationName | None) -> bytes:
    """Return the JSON of a refusal; sendEdoc's needs a DocId to be read at all."""
    if name is OperationName.SEND:
        return failure(refused.code, refused.text, DocId=NO_DOCUMENT)
    return failure(refused.code, refused.text)


def _status_of(refused: Refused) -> int:
    return (
        web.HTTPNotFound.status_code
        if refused.code is ErrorCode.INVALID_FILE
        else web.HTTPConflict.status_code
    )


async def small_body(call: Call, transfers: Transfers) -> bytes:
    """Read the body of a call that sends no document; raises WireError if it is longer than 64 KB."""
    too_large = WireError(ErrorCode.INVALID_FILE, "body_too_large", "Noi dung qua lon")
    return await read_small(call.request, transfers, too_large)


def json_object(body: bytes) -> dict[str, object]:
    """Return a JSON object strictly; raises WireError."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise WireError(ErrorCode.INVALID_FILE, "not_json", "Noi dung khong phai JSON") from error
    if not isinstance(found, dict):
        raise WireError(ErrorCode.INVALID_FILE, "not_an_object", "Noi dung khong phai doi tuong JSON")
    return found
