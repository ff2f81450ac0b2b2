from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.deadlines import Lane, deadlines_for, lane_of

NOON = datetime(2025, 10, 13, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.mark.parametrize(
    ("priority", "alert", "evidence"),
    [
        (0, 8 * HOUR, 72 * HOUR),
        (1, 2 * HOUR, 24 * HOUR),
        (2, 1 * HOUR, 12 * HOUR),
        (3, 15 * MINUTE, 4 * HOUR),
        (4, 15 * MINUTE, 4 * HOUR),
        (5, 8 * HOUR, 72 * HOUR),
        (-1, 8 * HOUR, 72 * HOUR),
        (None, 8 * HOUR, 72 * HOUR),
    ],
)
def test_each_urgency_has_its_times(priority: int | None, alert: timedelta, evidence: timedelta) -> None:
    deadlines = deadlines_for(priority, NOON)
    assert (deadlines.alert_at - NOON, deadlines.evidence_at - NOON) == (alert, evidence)


@pytest.mark.parametrize(("priority", "lane"), [(0, "normal"), (1, "urgent"), (2, "urgent"), (3, "urgent")])
def test_urgent_documents_have_their_own_lane(priority: int, lane: str) -> None:
    assert lane_of(priority) == lane


@pytest.mark.parametrize("priority", [None, 5, -1, 99])
def test_what_is_not_a_known_urgency_is_normal(priority: int | None) -> None:
    assert lane_of(priority) is Lane.NORMAL


def test_a_stated_hour_is_the_deadline_of_a_timed_document() -> None:
    deadlines = deadlines_for(4, NOON, NOON + 6 * HOUR)
    assert deadlines.evidence_at == NOON + 6 * HOUR
    assert deadlines.alert_at == NOON + 15 * MINUTE


def test_the_alert_never_comes_after_the_evidence() -> None:
    deadlines = deadlines_for(4, NOON, NOON + MINUTE)
    assert deadlines.alert_at == deadlines.evidence_at == NOON + MINUTE


@pytest.mark.parametrize("stated", [NOON, NOON - HOUR])
def test_an_hour_already_past_is_not_believed(stated: datetime) -> None:
    assert deadlines_for(4, NOON, stated) == deadlines_for(3, NOON)


def test_an_hour_far_off_does_not_put_the_evidence_off() -> None:
    assert deadlines_for(4, NOON, NOON + timedelta(days=30)).evidence_at == NOON + 72 * HOUR


@pytest.mark.parametrize("priority", [0, 1, 2, 3])
def test_only_a_timed_document_may_state_an_hour(priority: int) -> None:
    assert deadlines_for(priority, NOON, NOON + MINUTE) == deadlines_for(priority, NOON)


@given(st.none() | st.integers(-5, 10), st.none() | st.timedeltas(timedelta(-100), timedelta(100)))
def test_alert_and_evidence_lie_ahead_in_order(priority: int | None, offset: timedelta | None) -> None:
    deadlines = deadlines_for(priority, NOON, None if offset is None else NOON + offset)
    assert NOON < deadlines.alert_at <= deadlines.evidence_at <= NOON + 72 * HOUR
