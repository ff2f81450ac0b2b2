"""Answers of the protocol: three fields always, codes, unaccented texts, strict reading.

Every answer is a JSON object with `status`, `ErrorCode` and `ErrorDesc`; where one is missing, clients
see an object with nothing in it. `sendEdoc` carries a `DocId` even when it fails, or the client cannot
read the error at all. Answers are written in ASCII: clients decode some of them as US-ASCII.
[national format, 3.3 and 3.4]
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

JsonValue = Any

CONTENT_TYPE: Final = "application/json"
NO_DOCUMENT: Final = "0"
"""The `DocId` of a sendEdoc that failed."""
SUCCESS_TEXT: Final = "Thanh cong"
OK: Final = "OK"
FAIL: Final = "FAIL"


class ErrorCode(StrEnum):
    """Error codes of the national exchange."""

    SUCCESS = "0"
    INVALID_FILE = "10"
    WRONG_CREDENTIALS = "15"
    UNKNOWN_RECIPIENT = "18"
    UNREGISTERED_SENDER = "19"
    SYSTEM_ERROR = "20"
    FILE_PROCESSING = "21"
    WRONG_EDXML = "22"
    LOCKED_RECIPIENT = "23"


class WireError(Exception):
    """A call or an answer is not what the protocol demands.

    `code` is the protocol's error code, `reason` a short stable word for logs, `text` the unaccented
    sentence for the other side. Neither repeats anything of the call.
    """

    def __init__(self, code: ErrorCode, reason: str, text: str) -> None:
        super().__init__(f"{code.value} {reason}")
        self.code = code
        self.reason = reason
        self.text = text


class AnswerUnreadable(Exception):
    """What came back is not an answer of the protocol: HTML, nothing, or JSON without the three fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer that was read: its code, its text, and the fields beside them."""

    status: str
    code: str
    text: str
    fields: Mapping[str, JsonValue]

    @property
    def ok(self) -> bool:
        """Whether the call succeeded."""
        return self.status.upper() == OK and self.code == ErrorCode.SUCCESS.value


def unaccented(text: str) -> str:
    """Return `text` in printable ASCII: accents dropped, đ as d, line ends as blanks, the rest as `?`."""
    plain = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    kept = "".join(c for c in plain if not unicodedata.combining(c))
    spaced = " ".join(kept.split())
    return "".join(c if " " <= c <= "~" else "?" for c in spaced)


def success(**fields: JsonValue) -> bytes:
    """Return the bytes of an answer that says yes, with the operation's own fields."""
    return _dump({"status": OK, "ErrorCode": ErrorCode.SUCCESS.value, "ErrorDesc": SUCCESS_TEXT, **fields})


def failure(code: ErrorCode, text: str, **fields: JsonValue) -> bytes:
    """Return the bytes of an answer that says no; `text` loses its accents."""
    return _dump({"status": FAIL, "ErrorCode": code.value, "ErrorDesc": unaccented(text), **fields})


def parse_answer(body: bytes) -> Answer:
    """Read an answer strictly.

    Raises:
        AnswerUnreadable: it is not a JSON object with the three fields.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise AnswerUnreadable("not JSON") from error
    if not isinstance(found, dict):
        raise AnswerUnreadable("not an object")
    status, code, text = (found.pop(name, None) for name in ("status", "ErrorCode", "ErrorDesc"))
    # The code is a number in some answers.
    if isinstance(code, int) and not isinstance(code, bool):
        code = str(code)
    if not (isinstance(status, str) and isinstance(code, str) and isinstance(text, str)):
        raise AnswerUnreadable("a field is missing")
    return Answer(status=status, code=code, text=text, fields=found)


def _dump(answer: dict[str, JsonValue]) -> bytes:
    return json.dumps(answer, ensure_ascii=True, separators=(",", ":")).encode("ascii")
