"""What a log line may hold: ids, codes, counts and times; never a payload, a password or a key.

Refused content must be in no log (design section 6, "Secrecy"), so the rule stands on the way out, where no
caller can forget it:
- values under a name that says secret are replaced, values under a name that says payload are left out;
- bytes are only counted, long texts cut;
- passwords inside URLs and the DETAIL of PostgreSQL errors (it quotes the row) are cut out of every text,
  tracebacks too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from pathlib import PurePath
from typing import Final

REDACTED: Final = "[redacted]"
LEFT_OUT: Final = "[left out]"
TEXT_MAX: Final = 1_000
TRACEBACK_MAX: Final = 12_000
SCANNED_FACTOR: Final = 4
DEPTH_MAX: Final = 4
ITEMS_MAX: Final = 50

_SECRET: Final = re.compile(
    r"pass(word|phrase|wd)?|secret|token|credential|authorization|cookie|dsn|(api|private)_?key|\bpin\b",
    re.IGNORECASE,
)
# Ids and digests are what logs are for, whatever else their name says.
_HARMLESS: Final = re.compile(
    r".*_(id|ids|count|bytes|sha256|code|digest|version)|lease_token", re.IGNORECASE
)
_PAYLOAD: Final = frozenset(
    {"body", "content", "payload", "subject", "xml", "html", "statement", "query", "sql"}
)
_URL_PASSWORD: Final = re.compile(r"(?<=://)[^/@\s]*:[^/@\s]*(?=@)")
_DETAIL: Final = re.compile(r"\b(DETAIL|CONTEXT|QUERY):.*$", re.MULTILINE)


def redact(_: object, __: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """Make one event fit to be written; a structlog processor."""
    for name, value in event.items():
        limit = TRACEBACK_MAX if name in {"exception", "stack"} else TEXT_MAX
        event[name] = _value(name, value, limit=limit, depth=0)
    return event


def clean_text(text: str, limit: int = TEXT_MAX) -> str:
    """Cut secrets and quoted rows out of a text, and the text to a length."""
    text = text[: limit * SCANNED_FACTOR]  # patterns are not run over what nobody will see
    text = _DETAIL.sub(rf"\1: {LEFT_OUT}", _URL_PASSWORD.sub(REDACTED, text))
    return text if len(text) <= limit else f"{text[:limit]}…"


def _value(name: str, value: object, *, limit: int, depth: int) -> object:
    if _SECRET.search(name) and not _HARMLESS.fullmatch(name):
        return REDACTED
    if name.lower() in _PAYLOAD:
        return LEFT_OUT
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return clean_text(value, limit)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    return _compound(name, value, limit=limit, depth=depth)


def _compound(name: str, value: object, *, limit: int, depth: int) -> object:
    if isinstance(value, BaseException):
        return clean_text(f"{type(value).__name__}: {value}", limit)
    if depth >= DEPTH_MAX:
        return LEFT_OUT
    if isinstance(value, Mapping):
        items = list(value.items())[:ITEMS_MAX]
        return {str(key): _value(str(key), item, limit=limit, depth=depth + 1) for key, item in items}
    if isinstance(value, list | tuple | set | frozenset):
        return [_value(name, item, limit=limit, depth=depth + 1) for item in list(value)[:ITEMS_MAX]]
    if isinstance(value, PurePath):
        return str(value)
    return clean_text(str(value), limit)
