"""What the options of changes mean: days, lists, and when a change is asked for."""

from __future__ import annotations

import json
import sys
from datetime import date
from types import MappingProxyType

import pytest
import typer

from hub.cli import agency
from hub.cli.agency_view import preview_json, preview_lines
from hub.cli.options import day_of, items_of
from hub.domain.directory import Agency, AgencyCode, CodeScheme, Directory, Level, Succession, UnitState
from hub.domain.directory_diff import compare
from hub.ports.directory import OpenMail
from hub.services.directory_admin import Preview

A, B = "000.00.01.H09", "000.00.02.H09"


def unit(code: str, *others: str, **fields: object) -> Agency:
    codes = tuple(AgencyCode(code=c, scheme=CodeScheme.QCVN102) for c in (code, *others))
    return Agency(unit_id=code, name=f"Sở {code}", level=Level.DEPARTMENT, codes=codes, **fields)  # type: ignore[arg-type]


def preview(before: list[Agency], after: list[Agency], **mail: int) -> Preview:
    return Preview(
        diff=compare(before, after),
        mail={B: OpenMail(deliveries=mail["open"], parked=mail["parked"])} if mail else {},
        systems=MappingProxyType({}),
        version=7,
        before=Directory(before, province_suffixes=frozenset({"H09"})),
    )


RETIRED = unit(
    B,
    state=UnitState.RETIRED,
    retired_on=date(2027, 1, 1),
    successors=(Succession(unit_id=A, from_date=date(2027, 1, 1)),),
)


def test_days_are_read_strictly() -> None:
    assert (day_of(None), day_of("2027-01-31")) == (None, date(2027, 1, 31))
    with pytest.raises(typer.BadParameter):
        day_of("31/01/2027")


def test_lists_may_be_given_one_by_one_or_with_commas() -> None:
    assert items_of(["A,B", " C ", ""]) == ("A", "B", "C")
    assert items_of(None) == ()


def test_a_preview_names_what_ends_and_what_lies_open_there() -> None:
    lines = "\n".join(preview_lines(preview([unit(A), unit(B)], [unit(A), RETIRED], open=3, parked=1)))
    assert f"{B} từ 2027-01-01 → {A}" in lines
    assert f"{B}: 3 lần giao chưa xong, 1 trạng thái chờ" in lines


def test_a_preview_names_codes_that_move_and_codes_that_vanish() -> None:
    moved = preview([unit(A, "H09.1", "X.1"), unit(B)], [unit(A), unit(B, "H09.1")])
    assert [(m.code, m.from_unit, m.to_unit) for m in moved.diff.moves] == [("H09.1", A, B)]
    assert moved.diff.vanished == ("X.1",)
    assert "H09.1: 000.00.01.H09 → 000.00.02.H09" in "\n".join(preview_lines(moved))


def test_a_preview_for_programs_is_json() -> None:
    told = json.loads(json.dumps(preview_json(preview([unit(A), unit(B)], [unit(A), RETIRED]))))
    assert told["loses"] is False
    assert told["units"][0]["changes"] == ["retired", "successors"]
    assert told["directory_version"] == 7


@pytest.mark.parametrize(
    ("after", "goes_on"), [([unit(A), RETIRED], True), ([unit(A)], False)], ids=["retired", "removed"]
)
def test_without_a_terminal_only_what_loses_nothing_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], after: list[Agency], goes_on: bool
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    assert agency._confirmed(preview([unit(A), unit(B)], after)) is goes_on
    assert ("[confirmation_needed]" in capsys.readouterr().err) is not goes_on
