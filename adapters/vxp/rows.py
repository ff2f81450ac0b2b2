"""Rows of the exchange's lists, read strictly: a row that is not as it should be spoils the whole answer.

To leave such a row out would be to say "no mail" of what may be a letter. [national format, 3.2 and 3.3]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from adapters.vxp.wire import Answer, PackageState
from hub.domain.ids import normalise_code
from hub.ports.national import ExchangeUnavailable, ListedAgency, MessageType, Package, SentPackage

Row = Mapping[str, Any]

PACKAGE_ID_MOST: Final = 100
CODE_MOST: Final = 100
NAME_MOST: Final = 500
# A package that its recipient has settled with the exchange is no mail.
_SETTLED: Final = frozenset({PackageState.DONE.value, PackageState.FAIL.value})


def packages(answer: Answer, kind: MessageType) -> tuple[Package, ...]:
    """Return the packages of getReceivedEdocList that wait; raises ExchangeUnavailable."""
    return tuple(
        Package(
            package_id=package_id(row.get("docId")),
            message_type=kind,
            from_code=_code(row.get("from")),
            to_code=_code(row.get("to")),
        )
        for row in _rows(answer)
        if _text(row.get("status", ""), CODE_MOST).lower() not in _SETTLED
    )


def sent_packages(answer: Answer) -> tuple[SentPackage, ...]:
    """Return the rows of getSentEdocList that name a package of ours; raises ExchangeUnavailable."""
    return tuple(
        SentPackage(
            reference=package_id(row.get("senderDocId")),
            to_code=normalise_code(_code(row.get("toCode"))),
            state=_text(row.get("receiveStatus"), CODE_MOST).lower(),
        )
        for row in _rows(answer)
        if row.get("senderDocId")
    )


def agencies(listed: Answer, pairs: Answer) -> tuple[ListedAgency, ...]:
    """Return the directory: the list's agencies with their old codes, and the pairs of the two schemes.

    Codes and names are cleaned of what directories carry along: blanks, zero-width spaces. A row without a
    code or a name is left out: there is nothing to address.
    """
    found: dict[str, tuple[str, dict[str, None]]] = {}
    for row in (*_rows(listed), *_rows(pairs)):
        code = normalise_code(_text(row.get("code"), CODE_MOST))
        name = " ".join(_text(row.get("name"), NAME_MOST).replace("\u200b", "").split())
        if not code or not name:
            continue
        _, others = found.setdefault(code, (name, {}))
        for field in ("oldCode", "code102"):
            other = normalise_code(_text(row.get(field), CODE_MOST))
            if other and other != code:
                others[other] = None
    return tuple(
        ListedAgency(code=code, name=name, other_codes=tuple(others))
        for code, (name, others) in found.items()
    )


def package_id(value: object) -> str:
    """Return the exchange's id of a package; raises ExchangeUnavailable if it cannot be one."""
    if isinstance(value, str) and _is_plain(value):
        return value
    raise ExchangeUnavailable("answer_wrong_type", "an id of a package is none")


def _is_plain(text: str) -> bool:
    return 0 < len(text) <= PACKAGE_ID_MOST and text.isascii() and text.isprintable() and " " not in text


def error_code(text: str) -> str:
    """Return an error code of the exchange in a form fit for logs."""
    return text if text.isascii() and text.isalnum() and len(text) <= 20 else "unknown"


def _rows(answer: Answer) -> Iterator[Row]:
    data = answer.fields.get("data")
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise ExchangeUnavailable("answer_wrong_type", "data is no list of objects")
    return iter(data)


def _code(value: object) -> str:
    # One package is for one recipient; some servers write the list of all of them here.
    return "" if isinstance(value, list) else _text(value, CODE_MOST)


def _text(value: object, most: int) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | dict | list | float):
        raise ExchangeUnavailable("answer_wrong_type", "a field is no text")
    return str(value)[:most]
