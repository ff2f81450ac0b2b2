"""A report as bytes that cross a process boundary or wait in a table, and back: an exact inverse.

`report_json` writes for people: one language, masked numbers, times in seconds. Here nothing is lost, and
nothing is trusted: what comes back from a worker that a hostile file may have taken over is data of declared
types or `ReportInvalid`, never code. The shape follows the dataclasses of `signing.report`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from signing.errors import SigningError
from signing.report import FileReport

BYTES_MOST = 32 * 1024 * 1024


class ReportInvalid(SigningError):
    """The bytes are no report of this version."""

    code = "report_invalid"


def encode(report: FileReport) -> bytes:
    """The report, whole. Texts may hold anything, also halves of surrogates: the JSON is ASCII."""
    return json.dumps(_plain(report), separators=(",", ":")).encode("ascii")


def decode(data: bytes) -> FileReport:
    """The report that was encoded. Raises `ReportInvalid`."""
    if len(data) > BYTES_MOST:
        raise ReportInvalid("the report is too long")
    try:
        report = _typed(FileReport, json.loads(data))
    except (ValueError, TypeError, RecursionError) as error:
        raise ReportInvalid(type(error).__name__) from error
    assert isinstance(report, FileReport)  # what _typed was asked for
    return report


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value.value if isinstance(value, StrEnum) else value


@cache
def _members(kind: Any) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _typed(kind: Any, value: Any) -> Any:
    origin = get_origin(kind)
    if origin is UnionType:
        (inner,) = (each for each in get_args(kind) if each is not NoneType)
        return None if value is None else _typed(inner, value)
    if origin is tuple:
        return _tuple(get_args(kind), value)
    if is_dataclass(kind):
        made: Any = kind
        members = _members(made)
        if not isinstance(value, dict) or value.keys() != members.keys():
            raise TypeError(str(kind))
        return made(**{name: _typed(members[name], each) for name, each in value.items()})
    if kind is float:
        return float(_exactly((int, float), value))
    _exactly((str,) if kind is datetime or issubclass(kind, StrEnum) else (kind,), value)
    if kind is datetime:
        return datetime.fromisoformat(value)
    return kind(value) if issubclass(kind, StrEnum) else value


def _tuple(inner: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    items = _exactly((list,), value)
    if inner[-1] is Ellipsis:
        return tuple(_typed(inner[0], each) for each in items)
    return tuple(_typed(each, item) for each, item in zip(inner, items, strict=True))


def _exactly(kinds: tuple[type, ...], value: Any) -> Any:
    # bool is an int to Python, and not here.
    if type(value) not in kinds:
        raise TypeError(type(value).__name__)
    return value
