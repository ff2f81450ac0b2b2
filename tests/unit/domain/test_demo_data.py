from __future__ import annotations

from datetime import date

from hub.demo_data import PROVINCE_SUFFIXES, binh_duong_csv
from hub.domain.directory import CodeScheme, Directory, Level, UnitState
from hub.domain.directory_csv import format_csv, parse


def test_the_demo_directory_has_no_problem_and_is_written_as_it_was_read() -> None:
    parsed = parse(binh_duong_csv())
    assert parsed.problems == ()
    assert format_csv(parsed.agencies).replace("\r\n", "\n") == binh_duong_csv()


def test_the_demo_shows_every_level_state_and_scheme_that_routing_meets() -> None:
    agencies = parse(binh_duong_csv()).agencies
    assert {agency.level for agency in agencies} >= {
        Level.PROVINCE,
        Level.DEPARTMENT,
        Level.DISTRICT,
        Level.COMMUNE,
        Level.UNIT,
    }
    assert {agency.state for agency in agencies} == set(UnitState)
    schemes = {entry.scheme for agency in agencies for entry in agency.codes}
    assert schemes == {CodeScheme.QCVN102, CodeScheme.QD20}
    assert any(len(agency.successors) > 1 for agency in agencies)


def test_every_retired_unit_of_the_demo_has_someone_who_acts_for_it() -> None:
    agencies = parse(binh_duong_csv()).agencies
    where = Directory(agencies, province_suffixes=PROVINCE_SUFFIXES)
    for agency in agencies:
        final, problem = where.final_unit(agency.unit_id, today=date(2025, 6, 1))
        assert problem is None
        assert final is not None
        assert where.is_of_province(final.unit_id)
