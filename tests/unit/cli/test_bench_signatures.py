"""How signing and verifying are measured."""

from __future__ import annotations

from itertools import pairwise

import pytest

from hub.cli.bench_signatures import Case, Figure, Target, measure
from hub.cli.signature_cases import xml_floor


def test_limit_and_operation_take_turns_and_the_first_round_does_not_count() -> None:
    calls: list[str] = []
    figure = measure(
        Case(
            name="x",
            limit=lambda: calls.append("limit"),
            run=lambda: calls.append("run"),
            target=Target(ms=60_000),
        ),
        5,
    )
    assert len(calls) == 12
    assert all(a != b for a, b in pairwise(calls))
    assert (figure.name, figure.target, figure.met) == ("x", "60000 ms", True)


def test_few_rounds_of_long_operations_are_still_three() -> None:
    calls: list[str] = []
    measure(Case(name="x", limit=lambda: None, run=lambda: calls.append("run"), rounds_share=10), 5)
    assert len(calls) == 4


@pytest.mark.parametrize(
    ("target", "ms", "ratio", "met"),
    [
        (Target(ms=12, ratio=35), 13, 30, True),
        (Target(ms=12, ratio=35), 11, 90, True),
        (Target(ms=12, ratio=35), 13, 36, False),
        (Target(ratio=4), 1, 4.1, False),
        (Target(ms=1), 1, 900, True),
    ],
)
def test_a_target_is_met_by_either_figure(target: Target, ms: float, ratio: float, met: bool) -> None:
    assert target.met(ms, ratio) is met


def test_a_figure_without_target_is_neither_met_nor_missed() -> None:
    figure = measure(Case(name="x", limit=lambda: sum(range(100)), run=lambda: None), 3)
    assert isinstance(figure, Figure)
    assert (figure.target, figure.met) == (None, None)


def test_the_floor_of_xml_is_a_digest() -> None:
    assert len(xml_floor(b"<a b='1'/>")) == 32
