"""Dates and times as senders write them: canonical `yyyy/MM/dd[ HH:mm:ss]`, Vietnam time, no zone.

Read are also `yyyy-MM-dd`, `dd/MM/yyyy`, an ISO `T`, fractions and a zone (turned into Vietnam time). A date
that cannot be understood is kept as text; no date of a message decides anything.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from typing import Final

DATE_FORM: Final = "yyyy/MM/dd"
TIME_FORM: Final = "yyyy/MM/dd HH:mm:ss"
VIETNAM: Final = timezone(timedelta(hours=7))

_DATE: Final = (
    r"(?:(?P<y>\d{4})(?P<s>[/-])(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})"
    r"|(?P<d2>\d{1,2})[/-](?P<m2>\d{1,2})[/-](?P<y2>\d{4}))"
)
_TIME: Final = r"(?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?:\.\d{1,9})?)?\s?(?P<zone>Z|[+-]\d{2}:?\d{2})?"
_WHOLE: Final = re.compile(rf"{_DATE}(?:[T ]\s*{_TIME})?", re.ASCII)
# What exporters write for "no date": the empty values of their languages and tools.
_NO_DATE: Final = frozenset({(1900, 1, 1), (1, 1, 1), (1753, 1, 1)})


def parse_time(text: str) -> datetime | None:
    """The value of a date or time, naive in Vietnam time; None if it is none."""
    found = _WHOLE.fullmatch(text.strip())
    if found is None:
        return None
    part = found.groupdict()
    numbers = [part["y"] or part["y2"], part["m"] or part["m2"], part["d"] or part["d2"]]
    numbers += [part["H"] or "0", part["M"] or "0", part["S"] or "0"]
    try:
        value = datetime(*map(int, numbers))  # type: ignore[arg-type]  # noqa: DTZ001 - naive
        return value if part["zone"] is None else _in_vietnam(value, part["zone"])
    except (ValueError, OverflowError):
        return None


def _in_vietnam(value: datetime, zone: str) -> datetime:
    if zone == "Z":
        offset = timedelta(0)
    else:
        digits = zone[1:].replace(":", "")
        offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:])) * (-1 if zone[0] == "-" else 1)
    return value.replace(tzinfo=timezone(offset)).astimezone(VIETNAM).replace(tzinfo=None)


def is_no_date(value: date) -> bool:
    """A placeholder such as 01/01/1900."""
    return (value.year, value.month, value.day) in _NO_DATE


def date_text(value: date) -> str:
    """Canonical date."""
    return f"{value.year:04}/{value.month:02}/{value.day:02}"


def time_text(value: datetime) -> str:
    """Canonical time."""
    return f"{date_text(value)} {value.hour:02}:{value.minute:02}:{value.second:02}"
