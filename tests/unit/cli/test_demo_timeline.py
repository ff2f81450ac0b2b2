"""The live timeline of the demo: in the order of the log, in the words of those who follow documents."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from adapters.simulator.client import HubClient, Problem
from hub.cli.demo.timeline import VALUES, LiveTimeline, line
from hub.domain.acceptance import Decision
from hub.domain.business import BusinessState


def event(number: int, kind: str = "delivery_handed_over", **data: object) -> dict[str, Any]:
    return {
        "event_id": f"e{number}",
        "seq": str(number),
        "at": "2026-11-22T07:00:00.000000Z",
        "kind": kind,
        "document_id": f"document-{number:06}",
        "unit": "000.00.03.H09",
        "data": data,
    }


class Told(HubClient):
    """A system that is told one batch of events at each look."""

    def __init__(self, *batches: list[dict[str, Any]] | Problem) -> None:
        self._batches = list(batches)

    async def events(self, after: int) -> tuple[list[dict[str, Any]], int]:
        batch = self._batches.pop(0) if self._batches else []
        if isinstance(batch, Problem):
            raise batch
        return batch, after + len(batch)


def printed(capsys: pytest.CaptureFixture[str], *clients: HubClient, looks: int) -> list[int]:
    async def play() -> None:
        timeline = LiveTimeline(clients)
        for _ in range(looks):
            await timeline.look()

    asyncio.run(play())
    return [int(text.split()[1]) for text in capsys.readouterr().out.splitlines()]


def test_what_one_system_sees_later_is_printed_where_it_stands_in_the_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked_first = Told([event(1)], [event(2), event(4)])
    asked_last = Told([event(1), event(3)], [event(4)])
    assert printed(capsys, asked_first, asked_last, looks=3) == [1, 2, 3, 4]


def test_what_was_seen_before_a_call_failed_is_not_lost(capsys: pytest.CaptureFixture[str]) -> None:
    away = Problem(503, {"code": "database_unavailable", "title": ""})
    assert printed(capsys, Told([event(1)]), Told(away, [event(2)]), looks=4) == [1, 2]


def test_what_earlier_runs_printed_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    async def play() -> None:
        timeline = LiveTimeline([Told([event(1)], [event(2)], [], [event(3)])])
        await timeline.skip_past()
        await timeline.look()
        await timeline.look()

    asyncio.run(play())
    assert [text.split()[1] for text in capsys.readouterr().out.splitlines()] == ["000003"]


def test_facts_are_told_in_vietnamese_and_times_in_vietnams() -> None:
    assert line(event(1, "verification_finished", verdict="TOTAL-FAILED")).endswith("chữ ký: không hợp lệ")
    assert line(event(1, "peer_paused", until="2026-11-22T12:23:52.517961Z")).endswith("đến 19:23:52")
    assert line(event(1, "delivery_attempt_failed", attempt=2)).endswith("(lần 2): ?")


def test_every_state_of_business_and_every_decision_to_deliver_has_its_words() -> None:
    assert {state.value for state in BusinessState} <= VALUES.keys()
    assert {Decision.DELIVER.value, Decision.DELIVER_WITH_WARNING.value} <= VALUES.keys()
