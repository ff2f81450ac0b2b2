"""Times as people read them at the command line."""

from __future__ import annotations

from datetime import UTC, datetime

from hub.cli.times import minute


def test_a_time_is_vietnams_whatever_the_machine_is_set_to() -> None:
    assert minute(datetime(2026, 11, 25, 17, 3, 59, tzinfo=UTC)) == "2026-11-26 00:03"


def test_no_time_is_a_dash() -> None:
    assert minute(None) == "–"
