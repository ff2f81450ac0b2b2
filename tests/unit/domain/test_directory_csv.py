from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain.directory import Agency, AgencyCode, CodeScheme, Level, Succession, UnitState
from hub.domain.directory_csv import COLUMNS, format_csv, parse, scheme_of

HEADER = ",".join(COLUMNS)
A, B, C = "000.00.01.H09", "000.00.02.H09", "000.00.03.H09"


def lines(*rows: str) -> str:
    return "\n".join([HEADER, *rows]) + "\n"


def row(code: str, **cells: str) -> str:
    values = {"code": code, "name": f"Sở {code}", "level": "department"} | cells
    return ",".join(values.get(column, "") for column in COLUMNS)


def codes_of(text: str) -> list[tuple[int, str]]:
    return [(problem.line, problem.code) for problem in parse(text).problems]


def test_a_full_row_becomes_an_agency() -> None:
    parsed = parse(
        lines(
            row(
                A,
                code_qd20="H09.1",
                state="retired",
                retired_on="2025-03-01",
                successors=f"{B};{C}*",
                successor_from="2025-03-01",
                aliases="vxp.saas.03;H09.OLD@2020-01-01..2024-12-31",
            ),
            row(B, parent=C),
            row(C),
        )
    )
    assert parsed.problems == ()
    assert parsed.agencies[0] == Agency(
        unit_id=A,
        name=f"Sở {A}",
        level=Level.DEPARTMENT,
        codes=(
            AgencyCode(code=A, scheme=CodeScheme.QCVN102),
            AgencyCode(code="H09.1", scheme=CodeScheme.QD20),
            AgencyCode(code="VXP.SAAS.03", scheme=CodeScheme.OTHER),
            AgencyCode(
                code="H09.OLD",
                scheme=CodeScheme.QD20,
                valid_from=date(2020, 1, 1),
                valid_to=date(2024, 12, 31),
            ),
        ),
        state=UnitState.RETIRED,
        successors=(
            Succession(unit_id=B, from_date=date(2025, 3, 1)),
            Succession(unit_id=C, default=True, from_date=date(2025, 3, 1)),
        ),
        retired_on=date(2025, 3, 1),
    )
    assert parsed.agencies[1].parent == C


def test_what_spreadsheets_and_old_directories_add_is_taken_off() -> None:
    text = "\ufeff" + lines(row(f"\u200b{A.lower()} ", name="  Sở\u00a0Nội vụ\u200b ")).replace("\n", "\r\n")
    parsed = parse(text)
    assert parsed.problems == ()
    assert (parsed.agencies[0].unit_id, parsed.agencies[0].name) == (A, "Sở Nội vụ")


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_the_separators_of_other_spreadsheets_are_read(delimiter: str) -> None:
    parsed = parse(delimiter.join(["code", "name", "level"]) + "\n" + delimiter.join([A, "Sở, vụ", "unit"]))
    assert parsed.problems == ()
    assert parsed.agencies[0].name == "Sở, vụ"


def test_columns_may_stand_in_any_order_and_optional_ones_be_missing() -> None:
    assert parse(f"Level,NAME,code\nunit,Trung tâm,{A}\n").agencies[0].unit_id == A


def test_empty_and_comment_lines_are_passed_over() -> None:
    assert len(parse(f"# minh họa\n\n{lines(row(A), ',,,', '# hết')}").agencies) == 1


def test_a_name_over_several_lines_does_not_shift_the_line_numbers() -> None:
    assert codes_of(lines(row(A, name='"Sở\nNội vụ"'), row(B, level="sở"))) == [(4, "choice_invalid")]


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", [(0, "file_empty")]),
        ("\ufeff\n\n", [(0, "file_empty")]),
        ("code,name\nX,Y\n", [(1, "column_missing")]),
        (f"code,name,level,ghi chú\n{A},Sở,unit,x\n", [(1, "column_unknown")]),
        (lines(row("")), [(2, "code_missing")]),
        (lines(row("X" * 51)), [(2, "code_invalid")]),
        (lines(row("SỞ NỘI VỤ")), [(2, "code_invalid")]),
        (lines(row(A), row(f"{A}\u200b")), [(3, "code_duplicate")]),
        (lines(row(A, name="")), [(2, "name_missing")]),
        (lines(row(A, name="S" * 201)), [(2, "name_too_long")]),
        (lines(row(A, level="cấp sở")), [(2, "choice_invalid")]),
        (lines(row(A, state="đang chạy")), [(2, "choice_invalid")]),
        (lines(row(A, retired_on="01/07/2025")), [(2, "date_invalid")]),
        (lines(row(A, retired_on="2025-02-30")), [(2, "date_invalid")]),
        (lines(row(A, aliases=A)), [(2, "alias_repeated")]),
        (lines(row(A), row(B, aliases=A)), [(3, "alias_taken")]),
        (lines(row(A, aliases="H09.7"), row(B, aliases="h09.7")), [(3, "alias_taken")]),
        (lines(row(A, parent="000.00.99.H09")), [(2, "parent_unknown")]),
        (lines(row(A, parent=A)), [(2, "parent_loop")]),
        (lines(row(A, state="retired", successors="000.00.99.H09")), [(2, "successor_unknown")]),
        (lines(row(A, state="retired", successors=A)), [(2, "successor_loop")]),
        (lines(row(A, successors=B), row(B)), [(2, "successor_not_retired")]),
        (lines(row(A, state="retired", successors=B), row(B, state="retired")), [(2, "successor_ended")]),
        (lines(row(A, name='"=HYPERLINK(""http://x"")"')), [(2, "cell_formula")]),
        (lines(row("=A1")), [(2, "cell_formula")]),
        (lines(row(A, state="retired", successors=f"{B};{C}"), row(B), row(C)), [(2, "successor_default")]),
        (lines(row(A, state="retired", successors=f"{B}*;{C}*"), row(B), row(C)), [(2, "successor_default")]),
        (lines(row(A) + ",x"), [(2, "too_many_cells")]),
    ],
)
def test_each_fault_is_named_with_its_line(text: str, problems: list[tuple[int, str]]) -> None:
    assert codes_of(text) == problems


def test_a_circle_of_parents_is_cut_once() -> None:
    parsed = parse(lines(row(A, parent=B), row(B, parent=A)))
    assert [problem.code for problem in parsed.problems] == ["parent_loop"]
    assert [agency.parent for agency in parsed.agencies] == [None, A]


def test_a_circle_of_successors_is_told_of_all_whom_it_catches() -> None:
    retired = {"state": "retired"}
    text = lines(
        row(A, successors=B, **retired), row(B, successors=C, **retired), row(C, successors=B, **retired)
    )
    assert codes_of(text) == [(2, "successor_loop"), (3, "successor_loop"), (4, "successor_loop")]
    assert f"{A} → {B} → {C} → {B}" in parse(text).problems[0].vi


def test_a_circle_of_thousands_is_named_by_its_beginning() -> None:
    codes = [f"{n:03}.{m:02}.01.H09" for n in range(100) for m in range(20)]
    text = lines(
        *(row(a, state="retired", successors=b) for a, b in pairwise([*codes, codes[0]])),
    )
    told = parse(text).problems
    assert len(told) == len(codes)
    assert told[0].en.endswith("→ ….")


def test_one_code_may_pass_from_unit_to_unit() -> None:
    text = lines(row(A, aliases="H09.7@..2025-06-30"), row(B, aliases="H09.7@2025-07-01.."))
    assert codes_of(text) == []


def test_a_usable_row_survives_its_faulty_cells() -> None:
    parsed = parse(lines(row(A, retired_on="hôm qua", parent="Z", aliases="hai từ;H09.7")))
    assert len(parsed.problems) == 3
    assert [code.code for code in parsed.agencies[0].codes] == [A, "H09.7"]


def test_problems_come_in_both_languages_without_open_placeholders() -> None:
    parsed = parse(lines(row("X Y", level="?"), row(A, parent="Z"), row(A)))
    for problem in parsed.problems:
        assert "{" not in problem.vi + problem.en
        assert problem.vi != problem.en


def test_an_unbalanced_quote_does_not_crash() -> None:
    assert parse(lines(row(A), f'"{B},Sở')).agencies[0].unit_id == A


def test_an_endless_cell_is_told() -> None:
    assert "csv_broken" in [code for _, code in codes_of(lines(row(A, name="S" * 200_000)))]


def test_a_long_line_of_successors_is_read_in_reasonable_steps() -> None:
    codes = [f"{n:03}.{m:02}.01.H09" for n in range(100) for m in range(20)]
    chain = pairwise(codes)
    text = lines(*(row(a, state="retired", successors=b) for a, b in chain), row(codes[-1]))
    assert codes_of(text) == []


@pytest.mark.parametrize("name", ["=1+1", "-Sở", "@cmd", "+84"])
def test_a_name_is_never_a_formula(name: str) -> None:
    agency = Agency(unit_id=A, name=name, level=Level.UNIT)
    text = format_csv([agency])
    assert f"'{name}" in text
    assert parse(text).agencies[0].name == name


@pytest.mark.parametrize(
    ("code", "scheme"),
    [
        ("000.00.02.H09", CodeScheme.QCVN102),
        ("G12", CodeScheme.QD20),
        ("H09.1.21", CodeScheme.QD20),
        ("H37.DN.001", CodeScheme.QD20),
        ("000.A53.000", CodeScheme.OTHER),
        ("28.22.H17", CodeScheme.OTHER),
        ("020100107370", CodeScheme.OTHER),
    ],
)
def test_the_scheme_is_told_by_the_shape(code: str, scheme: CodeScheme) -> None:
    assert scheme_of(code) is scheme


DAYS = st.none() | st.dates()
LIVING, ANY = (UnitState.ACTIVE, UnitState.LOCKED), tuple(UnitState)
"""States of a unit that may be another's successor; the first unit never is."""


@st.composite
def coherent_agencies(draw: st.DrawFn) -> tuple[Agency, ...]:
    count = draw(st.integers(1, 5))
    ids = [f"000.00.{n:02}.H09" for n in range(count)]
    agencies = []
    for n, unit_id in enumerate(ids):
        later = ids[n + 1 :]
        heirs = draw(st.lists(st.sampled_from(later), unique=True, max_size=3)) if later else []
        default = draw(st.sampled_from(heirs)) if heirs else None
        codes = [unit_id, *draw(st.sampled_from([[], [f"H09.{n}"], [f"X.{n}"], [f"H09.{n}", f"X.{n}"]]))]
        agencies.append(
            Agency(
                unit_id=unit_id,
                name=draw(st.from_regex(r"[A-ZĐ][\w,;\"'()]{0,5}( [\w,;\"'()-]{1,5}){0,3}", fullmatch=True)),
                level=draw(st.sampled_from(Level)),
                parent=draw(st.sampled_from([None, *later])),
                codes=tuple(
                    AgencyCode(code=c, scheme=scheme_of(c), valid_from=draw(DAYS), valid_to=draw(DAYS))
                    for c in codes
                ),
                state=UnitState.RETIRED if heirs else draw(st.sampled_from(LIVING if n else ANY)),
                successors=tuple(
                    Succession(unit_id=h, default=h == default, from_date=draw(DAYS)) for h in heirs
                ),
                retired_on=draw(DAYS),
            )
        )
    return tuple(agencies)


@settings(max_examples=40)
@given(coherent_agencies())
def test_what_is_written_is_read_again_as_it_was(agencies: tuple[Agency, ...]) -> None:
    agencies = tuple(replace(a, name=unicodedata.normalize("NFC", a.name)) for a in agencies)
    parsed = parse(format_csv(agencies))
    assert parsed.problems == ()
    assert parsed.agencies == agencies


@given(st.text(max_size=300), st.booleans())
def test_no_text_makes_reading_fail(text: str, with_header: bool) -> None:
    parsed = parse(f"{HEADER}\n{text}" if with_header else text)
    assert parse(format_csv(parsed.agencies)).agencies == parsed.agencies
