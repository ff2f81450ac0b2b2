from __future__ import annotations

import random
from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain.directory import (
    Agency,
    AgencyCode,
    CodeScheme,
    Directory,
    Level,
    Resolution,
    ResultKind,
    Succession,
    UnitState,
    may_speak_for,
)
from hub.domain.problems import PROBLEMS

TODAY = date(2025, 10, 13)
H09 = frozenset({"H09"})
SYSTEM_A, SYSTEM_B = UUID(int=1), UUID(int=2)


def unit(
    code: str,
    *,
    aliases: tuple[str | AgencyCode, ...] = (),
    state: UnitState = UnitState.ACTIVE,
    successors: tuple[Succession | str, ...] = (),
    system: UUID | None = SYSTEM_A,
    retired_on: date | None = None,
) -> Agency:
    codes = [a if isinstance(a, AgencyCode) else AgencyCode(code=a, scheme=CodeScheme.QD20) for a in aliases]
    return Agency(
        unit_id=code,
        name=f"Đơn vị {code}",
        level=Level.DEPARTMENT,
        codes=(AgencyCode(code=code, scheme=CodeScheme.QCVN102), *codes),
        state=UnitState.RETIRED if successors else state,
        successors=tuple(s if isinstance(s, Succession) else Succession(unit_id=s) for s in successors),
        retired_on=retired_on,
        system_id=system,
    )


def directory(*agencies: Agency) -> Directory:
    return Directory(agencies, province_suffixes=H09)


def resolve(where: Directory, *codes: str, relay: bool = True, today: date = TODAY) -> Resolution:
    return where.resolve(codes, today=today, relay=relay)


def reason_of(where: Directory, code: str, *, relay: bool = True, today: date = TODAY) -> str | None:
    (result,) = resolve(where, code, relay=relay, today=today).results
    assert result.result is ResultKind.UNDELIVERABLE
    return result.reason


A, B, C = "000.00.01.H09", "000.00.02.H09", "000.00.03.H09"


def test_a_known_unit_is_routed() -> None:
    found = resolve(directory(unit(A)), A)
    assert [(r.code, r.unit_id, r.result, r.reason) for r in found.results] == [
        (A, A, ResultKind.ROUTED, None)
    ]
    assert [(u.unit_id, u.system_id, u.addressed_as) for u in found.units] == [(A, SYSTEM_A, (A,))]


def test_a_code_is_found_however_it_is_written() -> None:
    assert resolve(directory(unit(A)), f"\ufeff {A.lower()}\u200b ").results[0].code == A


def test_old_and_new_code_of_one_unit_are_one_delivery() -> None:
    found = resolve(directory(unit(A, aliases=("H09.1",))), "H09.1", A)
    assert [r.result for r in found.results] == [ResultKind.ROUTED, ResultKind.ROUTED]
    assert [(u.unit_id, u.addressed_as) for u in found.units] == [(A, ("H09.1", A))]


def test_two_retired_units_with_one_successor_are_one_delivery() -> None:
    found = resolve(directory(unit(A, successors=(C,)), unit(B, successors=(C,)), unit(C)), A, B)
    assert [(r.unit_id, r.result) for r in found.results] == [(C, ResultKind.FORWARDED)] * 2
    assert [(u.unit_id, u.addressed_as) for u in found.units] == [(C, (A, B))]


def test_a_code_given_twice_is_one_delivery_with_two_results() -> None:
    found = resolve(directory(unit(A)), A, A)
    assert len(found.results) == 2
    assert [u.addressed_as for u in found.units] == [(A,)]


def test_a_split_unit_goes_to_its_named_default() -> None:
    split = unit(A, successors=(Succession(unit_id=B), Succession(unit_id=C, default=True)))
    assert [u.unit_id for u in resolve(directory(split, unit(B), unit(C)), A).units] == [C]


@pytest.mark.parametrize("defaults", [(False, False), (True, True)])
def test_a_split_unit_without_one_default_is_undeliverable(defaults: tuple[bool, bool]) -> None:
    first, second = defaults
    split = unit(A, successors=(Succession(unit_id=B, default=first), Succession(unit_id=C, default=second)))
    assert reason_of(directory(split, unit(B), unit(C)), A) == "successor_ambiguous"


def test_successions_are_followed_to_their_end() -> None:
    chain = [unit(f"000.00.{n:02}.H09", successors=(f"000.00.{n + 1:02}.H09",)) for n in range(10, 50)]
    found = resolve(directory(*chain, unit("000.00.50.H09")), "000.00.10.H09")
    assert [u.unit_id for u in found.units] == ["000.00.50.H09"]


@pytest.mark.parametrize("successors", [(A,), (B,)])
def test_a_circle_of_successors_is_told(successors: tuple[str, ...]) -> None:
    assert (
        reason_of(directory(unit(A, successors=successors), unit(B, successors=(A,))), A) == "successor_loop"
    )


def test_a_retired_unit_without_successor_is_told() -> None:
    assert reason_of(directory(unit(A, state=UnitState.RETIRED)), A) == "recipient_retired"


def test_a_successor_missing_from_the_directory_is_told() -> None:
    assert reason_of(directory(unit(A, successors=("000.00.77.H09",))), A) == "recipient_retired"


def test_a_retirement_announced_for_later_has_no_effect_yet() -> None:
    where = directory(unit(A, successors=(B,), retired_on=date(2025, 11, 1)), unit(B))
    assert resolve(where, A, today=date(2025, 10, 31)).units[0].unit_id == A
    assert resolve(where, A, today=date(2025, 11, 1)).units[0].unit_id == B


def test_a_succession_counts_from_its_day() -> None:
    split = unit(
        A,
        successors=(
            Succession(unit_id=B, from_date=date(2025, 1, 1)),
            Succession(unit_id=C, default=True, from_date=date(2026, 1, 1)),
        ),
    )
    where = directory(split, unit(B), unit(C))
    assert resolve(where, A, today=date(2025, 12, 31)).units[0].unit_id == B
    assert resolve(where, A, today=date(2026, 1, 1)).units[0].unit_id == C


def test_a_locked_unit_is_told() -> None:
    assert reason_of(directory(unit(A, state=UnitState.LOCKED)), A) == "recipient_locked"


def test_a_locked_successor_is_told() -> None:
    where = directory(unit(A, successors=(B,)), unit(B, state=UnitState.LOCKED))
    assert reason_of(where, A) == "recipient_locked"


def test_a_unit_of_ours_without_a_system_is_told_even_where_a_relay_is() -> None:
    assert reason_of(directory(unit(A, system=None)), A) == "recipient_has_no_system"


@pytest.mark.parametrize("code", ["000.00.99.H09", "H09", "H09.77", "000.01.31.h09"])
def test_an_unknown_code_of_our_province_is_unknown_even_where_a_relay_is(code: str) -> None:
    assert reason_of(directory(), code) == "recipient_unknown"


@pytest.mark.parametrize("code", ["000.00.00.G12", "G12", "H53.1", "020100107370", "000.A53.000"])
def test_a_code_from_outside_goes_to_the_relay(code: str) -> None:
    found = resolve(directory(), code)
    assert found.results[0].result is ResultKind.RELAYED
    assert found.relayed == (code,)
    assert found.routable


def test_a_code_from_outside_without_a_relay_is_undeliverable() -> None:
    assert reason_of(directory(), "G12", relay=False) == "no_relay"


@pytest.mark.parametrize("text", ["", "   ", "Sở Nội vụ tỉnh khác", "X" * 51])
def test_text_that_is_no_code_never_reaches_the_relay(text: str) -> None:
    assert reason_of(directory(), text) == "recipient_unknown"


def test_an_outside_unit_under_two_codes_is_relayed_once() -> None:
    ministry = unit("G12", aliases=("000.00.00.G12",), system=None)
    found = resolve(directory(ministry), "000.00.00.G12", "G12")
    assert [r.result for r in found.results] == [ResultKind.RELAYED] * 2
    assert found.relayed == ("000.00.00.G12",)


def test_a_document_that_nobody_can_get_is_not_routable() -> None:
    assert not resolve(directory(), "000.00.99.H09").routable


def dated(code: str, start: date | None, end: date | None) -> AgencyCode:
    return AgencyCode(code=code, scheme=CodeScheme.OTHER, valid_from=start, valid_to=end)


def test_a_code_handed_on_names_its_holder_of_the_day() -> None:
    where = directory(
        unit(A, aliases=(dated("H09.5", None, date(2025, 6, 30)),)),
        unit(B, aliases=(dated("H09.5", date(2025, 7, 1), None),)),
    )
    assert resolve(where, "H09.5", today=date(2025, 6, 30)).units[0].unit_id == A
    assert resolve(where, "H09.5", today=date(2025, 7, 1)).units[0].unit_id == B


def test_an_expired_code_still_leads_to_its_last_holder() -> None:
    where = directory(
        unit(A, aliases=(dated("H09.5", None, date(2020, 1, 1)),)),
        unit(B, aliases=(dated("H09.5", date(2021, 1, 1), date(2024, 1, 1)),)),
    )
    assert resolve(where, "H09.5").units[0].unit_id == B


def test_a_code_not_yet_valid_leads_nowhere() -> None:
    where = directory(unit(A, aliases=(dated("H09.5", date(2026, 1, 1), None),)))
    assert reason_of(where, "H09.5") == "recipient_unknown"


def test_a_units_own_code_wins_over_anothers_alias() -> None:
    where = directory(unit(A), unit(B, aliases=(A,)))
    found = where.by_code(A, TODAY)
    assert found is not None
    assert found.unit_id == A


def test_a_system_speaks_for_its_agencies_under_every_code() -> None:
    where = directory(unit(A, aliases=("H09.1",)), unit(B, system=SYSTEM_B))
    assert may_speak_for(where, SYSTEM_A, "h09.1", TODAY)
    assert not may_speak_for(where, SYSTEM_A, B, TODAY)
    assert not may_speak_for(where, SYSTEM_A, "000.00.99.H09", TODAY)


def test_nobody_speaks_for_a_unit_without_a_system() -> None:
    assert not may_speak_for(directory(unit(A, system=None)), SYSTEM_A, A, TODAY)


def test_a_locked_agency_does_not_speak() -> None:
    assert not may_speak_for(directory(unit(A, state=UnitState.LOCKED)), SYSTEM_A, A, TODAY)


def test_a_retired_agency_issues_nothing_but_answers_for_what_it_received() -> None:
    where = directory(unit(A, successors=(B,)), unit(B, system=SYSTEM_B))
    for system in (SYSTEM_A, SYSTEM_B):
        assert not may_speak_for(where, system, A, TODAY)
        assert may_speak_for(where, system, A, TODAY, about_received=True)
    assert not may_speak_for(where, UUID(int=3), A, TODAY, about_received=True)


def test_no_system_speaks_for_a_retired_agency_without_one() -> None:
    where = directory(unit(A, state=UnitState.RETIRED, system=None))
    assert not may_speak_for(where, SYSTEM_A, A, TODAY, about_received=True)


def test_the_snapshot_is_named_by_content_not_by_order() -> None:
    first, second = unit(A), unit(B, aliases=("H09.2",))
    assert directory(first, second).snapshot_id == directory(second, first).snapshot_id


@pytest.mark.parametrize(
    "changed",
    [
        replace(unit(A), name="Khác"),
        unit(A, state=UnitState.LOCKED),
        unit(A, system=SYSTEM_B),
        unit(A, aliases=("H09.1",)),
        unit(A, successors=(B,)),
    ],
)
def test_every_change_gives_another_snapshot(changed: Agency) -> None:
    assert directory(changed).snapshot_id != directory(unit(A)).snapshot_id


CODES = [f"000.00.{n:02}.H09" for n in range(8)]
OUTSIDE = ["G12", "000.00.00.G12", "H53.1", "000.00.88.H09", "chữ viết tay"]


@st.composite
def directories(draw: st.DrawFn) -> Directory:
    agencies = []
    for number, code in enumerate(CODES):
        successors = draw(st.lists(st.sampled_from(CODES), max_size=3, unique=True))
        default = draw(st.sampled_from([None, *successors]))
        agencies.append(
            Agency(
                unit_id=code,
                name=code,
                level=Level.UNIT,
                codes=(AgencyCode(code=f"H09.{number}", scheme=CodeScheme.QD20),),
                state=draw(st.sampled_from(UnitState)),
                successors=tuple(Succession(unit_id=s, default=s == default) for s in successors),
                system_id=draw(st.sampled_from([None, SYSTEM_A, SYSTEM_B])),
            )
        )
    return Directory(agencies, province_suffixes=H09)


TOS = st.lists(st.sampled_from([*CODES, *(f"h09.{n}" for n in range(8)), *OUTSIDE]), max_size=20)


@settings(max_examples=40)
@given(directories(), TOS, st.booleans())
def test_each_to_gets_exactly_one_consistent_result(where: Directory, tos: list[str], relay: bool) -> None:
    found = where.resolve(tos, today=TODAY, relay=relay)
    assert len(found.results) == len(tos)
    delivered = {code: u for u in found.units for code in u.addressed_as}
    for result in found.results:
        if result.result in {ResultKind.ROUTED, ResultKind.FORWARDED}:
            assert delivered[result.code].unit_id == result.unit_id
            assert result.reason is None
        else:
            assert result.code not in delivered
        if result.result is ResultKind.UNDELIVERABLE:
            assert result.reason in PROBLEMS
    assert len({u.unit_id for u in found.units}) == len(found.units)
    assert (ResultKind.RELAYED in {r.result for r in found.results}) == bool(found.relayed)


@settings(max_examples=40)
@given(directories(), TOS, st.randoms(use_true_random=False))
def test_the_order_of_recipients_does_not_change_who_gets_it(
    where: Directory, tos: list[str], chance: random.Random
) -> None:
    shuffled = list(tos)
    chance.shuffle(shuffled)
    one, other = (where.resolve(order, today=TODAY, relay=True) for order in (tos, shuffled))
    assert {(u.unit_id, frozenset(u.addressed_as)) for u in one.units} == {
        (u.unit_id, frozenset(u.addressed_as)) for u in other.units
    }
    assert sorted(map(repr, one.results)) == sorted(map(repr, other.results))
    assert set(one.relayed) == set(other.relayed)


@settings(max_examples=40)
@given(directories(), TOS)
def test_resolving_the_resolved_units_changes_nothing(where: Directory, tos: list[str]) -> None:
    once = where.resolve(tos, today=TODAY, relay=False)
    again = where.resolve([u.unit_id for u in once.units], today=TODAY, relay=False)
    assert [u.unit_id for u in again.units] == [u.unit_id for u in once.units]
    assert all(r.result is ResultKind.ROUTED for r in again.results)


def test_a_large_directory_and_the_longest_list_of_recipients_are_taken() -> None:
    agencies = [
        Agency(
            unit_id=f"{n % 1000:03}.{n // 1000:02}.01.H09",
            name="Đơn vị",
            level=Level.UNIT,
            system_id=SYSTEM_A,
        )
        for n in range(20_000)
    ]
    where = Directory(agencies, province_suffixes=H09)
    found = where.resolve([a.unit_id for a in agencies[:2_000]], today=TODAY, relay=False)
    assert len(found.units) == 2_000
    assert len(where) == 20_000
