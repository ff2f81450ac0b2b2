"""Dates and times as senders write them."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.edxml.dates import date_text, is_no_date, parse_time, time_text


def at(*parts: int) -> datetime:
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001 - Vietnam time, as in the format


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025/10/13", at(2025, 10, 13)),
        ("2025-10-13", at(2025, 10, 13)),
        ("13/10/2025", at(2025, 10, 13)),
        ("13-10-2025", at(2025, 10, 13)),
        ("2025/1/2", at(2025, 1, 2)),
        (" 2025/10/13 ", at(2025, 10, 13)),
        ("2025/10/13 10:25:18", at(2025, 10, 13, 10, 25, 18)),
        ("13/10/2025 10:25", at(2025, 10, 13, 10, 25)),
        ("2025-10-13T10:25:18.123456", at(2025, 10, 13, 10, 25, 18)),
        ("2025-10-13T10:25:18+07:00", at(2025, 10, 13, 10, 25, 18)),
        ("2025-10-13T23:25:18Z", at(2025, 10, 14, 6, 25, 18)),
        ("2025-10-13T00:00:00-0500", at(2025, 10, 13, 12)),
    ],
)
def test_a_date_is_understood(text: str, expected: datetime) -> None:
    assert parse_time(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "2025/02/30", "2025/13/01", "10/13/2025", "2025/10-13", "0000/01/01", "20251013",
        "２025/10/13",
        "2025/10/13 25:00:00", "2025-10-13T10:25:18+99:99", "9999-12-31T23:59:59-01:00",
        "2025/10/13 x", "2025/10",
    ],
)  # fmt: skip
def test_what_is_no_date_is_none(text: str) -> None:
    assert parse_time(text) is None


@given(st.datetimes())
def test_canonical_text_is_read_back(value: datetime) -> None:
    value = value.replace(microsecond=0)
    assert parse_time(time_text(value)) == value
    assert parse_time(date_text(value.date())) == datetime.combine(value.date(), datetime.min.time())


@given(st.text(max_size=40))
def test_any_text_is_a_date_or_none(text: str) -> None:
    assert parse_time(text) is None or len(text.strip()) >= 8


def test_an_empty_value_of_a_language_is_no_date() -> None:
    assert is_no_date(date(1900, 1, 1))
    assert not is_no_date(date(1900, 1, 2))
