"""Answers of the Bkav eDoc dialect: JSON always, with `status`, `code` and `errors`, whatever happened.

`status` is `Success`, `Fail` (the call or the message must change) or `Error` (our trouble: the same call
again, later). `code` is `0` or `9999`; what exactly is wrong stands in `errors`, in the words of the hub's
catalogue. [national format, 3.7.1]
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from hub.domain.problems import HubError
from hub.services.receive import MessageRefused

CONTENT_TYPE: Final = "application/json"
SUCCESS: Final = "Success"
FAIL: Final = "Fail"
ERROR: Final = "Error"
CODE_OK: Final = "0"
CODE_FAILED: Final = "9999"
_OK: Final = 200
_UNAUTHORIZED: Final = 401
_SERVER_ERROR: Final = 500
_ABOUT_THE_CALL: Final = frozenset({400, 401, 403, 404, 405, 408, 413, 429, 431})
"""HTTP statuses that are kept; what is said about a message goes out with 200."""
_PACKAGE_PROBLEMS: Final = frozenset({"delivery_unknown", "document_unknown", "sender_not_allowed"})
_TOO_MANY: Final = 429


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong: a stable code, a sentence in Vietnamese, the place in the message."""

    code: str
    description: str
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A refusal on its way out."""

    faults: tuple[Fault, ...]
    status: int = _OK
    ours: bool = False
    retry_after: int | None = None


def success(**fields: object) -> bytes:
    """Return the bytes of an answer that says yes, with the operation's own field."""
    return _dump({"status": SUCCESS, "code": CODE_OK, "errors": [], **fields})


def answered(body: bytes) -> web.Response:
    """Return an answer that says yes."""
    return web.Response(body=body, content_type=CONTENT_TYPE, charset="utf-8")


def refused(error: HubError) -> Refused:
    """Return how a problem of the hub is told in this dialect."""
    status = error.problem.status
    ours = status >= _SERVER_ERROR or status == _TOO_MANY
    if error.code in _PACKAGE_PROBLEMS or not (ours or status in _ABOUT_THE_CALL):
        status = _OK
    if isinstance(error, MessageRefused):
        faults = tuple(Fault(code=i.code, description=i.vi, path=i.path) for i in error.issues)
        status = _OK
    else:
        faults = (Fault(code=error.code, description=f"{error.text('vi')} {error.action('vi')}"),)
    return Refused(faults=faults, status=status, ours=ours, retry_after=error.retry_after)


def refusal(told: Refused) -> web.Response:
    """Return a refusal as an HTTP answer."""
    headers = {} if told.retry_after is None else {"Retry-After": str(told.retry_after)}
    return web.Response(
        body=refusal_body(told),
        status=told.status,
        content_type=CONTENT_TYPE,
        charset="utf-8",
        headers=headers,
    )


def refusal_body(told: Refused) -> bytes:
    """Return the JSON of a refusal."""
    errors = [{"code": f.code, "description": f.description, "path": f.path} for f in told.faults]
    return _dump({"status": ERROR if told.ours else FAIL, "code": CODE_FAILED, "errors": errors})


def _dump(answer: dict[str, object]) -> bytes:
    # ASCII: nobody has to guess the encoding.
    return json.dumps(answer, ensure_ascii=True, separators=(",", ":")).encode("ascii")
