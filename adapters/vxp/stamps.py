"""Times on the wire.

`timestamp` looks as if it had a zone and has none: `ddMMyyyy'T'HHmmss+SSSS`, where SSSS are milliseconds,
local time of the client, which is Vietnam's. A client sets it once when it starts and sends it for ever,
so its age says nothing by itself. [national format, 3.1]
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

VIETNAM: Final = ZoneInfo("Asia/Ho_Chi_Minh")
_STAMP: Final = re.compile(r"(\d{2})(\d{2})(\d{4})T(\d{2})(\d{2})(\d{2})\+(\d{4})", re.ASCII)
_LISTED: Final = re.compile(r"(\d{2})/(\d{2})/(\d{4}) (\d{2}):(\d{2}):(\d{2})", re.ASCII)
_MILLISECONDS: Final = 1_000


def write_stamp(moment: datetime) -> str:
    """Return a `timestamp` parameter for an aware `moment`."""
    local = moment.astimezone(VIETNAM)
    return f"{local:%d%m%YT%H%M%S}+{local.microsecond // _MILLISECONDS:04d}"


def read_stamp(text: str) -> datetime | None:
    """Return the moment that a `timestamp` parameter names, or None if it names none."""
    found = _STAMP.fullmatch(text)
    if found is None:
        return None
    day, month, year, hour, minute, second, thousandths = map(int, found.groups())
    if thousandths >= _MILLISECONDS:
        return None
    try:
        return datetime(year, month, day, hour, minute, second, thousandths * 1_000, tzinfo=VIETNAM)
    except ValueError:
        return None


def is_fresh(text: str, *, now: datetime, window: timedelta) -> bool:
    """Say whether a `timestamp` parameter lies within `window` of `now`, before or after."""
    moment = read_stamp(text)
    return moment is not None and abs(moment - now) <= window


def write_listed(moment: datetime) -> str:
    """Return a time as lists show it: `dd/MM/yyyy HH:mm:ss`, Vietnam time."""
    return f"{moment.astimezone(VIETNAM):%d/%m/%Y %H:%M:%S}"


def read_listed(text: str) -> datetime | None:
    """Return the moment of a `fromDate` or `toDate` parameter, or None if it is not one."""
    found = _LISTED.fullmatch(text.strip())
    if found is None:
        return None
    day, month, year, hour, minute, second = map(int, found.groups())
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=VIETNAM)
    except ValueError:
        return None
