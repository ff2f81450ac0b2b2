"""The exchange's directory beside ours: pure comparison."""

from __future__ import annotations

from uuid import UUID

from hub.domain.directory import Agency, AgencyCode, CodeScheme, Directory, Level, UnitState
from hub.ports.national import ListedAgency
from hub.services.relay_directory import SyncPlan, plan

SYSTEM = UUID(int=1)


def unit(code: str, *others: str, **fields: object) -> Agency:
    """One unit of our directory."""
    codes = tuple(AgencyCode(code=c, scheme=CodeScheme.OTHER) for c in (code, *others))
    made = {"level": Level.OTHER, **fields}
    return Agency(unit_id=code, name=code, codes=codes, **made)  # type: ignore[arg-type]


def compared(*listed: ListedAgency, ours: tuple[Agency, ...] = (), made: tuple[str, ...] = ()) -> SyncPlan:
    """The plan for a province H09."""
    return plan(Directory(ours, province_suffixes=frozenset({"H09"})), listed, made)


def row(code: str, *others: str, name: str = "Bộ") -> ListedAgency:
    return ListedAgency(code=code, name=name, other_codes=others)


def test_a_new_agency_comes_with_all_its_codes() -> None:
    (put,) = compared(row("G12", "000.00.00.G12")).put
    assert [c.code for c in put.codes] == ["G12", "000.00.00.G12"]
    assert [c.scheme for c in put.codes] == [CodeScheme.QD20, CodeScheme.QCVN102]
    assert (put.level, put.system_id) == (Level.MINISTRY, None)


def test_a_known_agency_keeps_its_unit_and_gets_the_other_code() -> None:
    (put,) = compared(row("G12", "000.00.00.G12"), ours=(unit("000.00.00.G12"),)).put
    assert put.unit_id == "000.00.00.G12"
    assert [c.code for c in put.codes] == ["000.00.00.G12", "G12"]


def test_nothing_changes_if_nothing_has() -> None:
    first = compared(row("G12", "000.00.00.G12"))
    again = compared(row("G12", "000.00.00.G12"), ours=first.put, made=first.listed)
    assert again.put == ()


def test_our_own_agencies_are_left_alone_whatever_the_list_says() -> None:
    ours = (unit("000.00.01.H09"), unit("A53", system_id=SYSTEM))
    found = compared(
        row("000.00.01.H09", name="Khác"),
        row("H09.1", "X1"),
        row("A53", "X2"),
        row("X3", "000.00.01.H09"),
        ours=ours,
    )
    assert found.put == ()
    assert found.left_alone == 4


def test_two_rows_of_one_agency_are_one_unit() -> None:
    found = compared(row("G12", "000.00.00.G12"), row("000.00.00.G12", name="Bộ Tài chính"))
    assert [(a.unit_id, a.name) for a in found.put] == [("G12", "Bộ Tài chính")]


def test_a_code_that_another_unit_holds_is_not_taken_from_it() -> None:
    ours = (unit("G1", "OLD"), unit("G2"))
    found = compared(row("G2", "OLD"), ours=ours)
    assert [a.unit_id for a in found.put if "OLD" in [c.code for c in a.codes]] in ([], ["G1"])


def test_what_came_from_the_exchange_and_is_gone_is_retired_and_what_did_not_stays() -> None:
    ours = (unit("G1"), unit("G2"))
    found = compared(row("G3"), ours=ours, made=("G1",))
    assert found.gone == ("G1",)
    retired = [a.unit_id for a in found.put if a.state is UnitState.RETIRED]
    assert retired == ["G1"]


def test_an_agency_that_is_back_is_active_again() -> None:
    ours = (unit("G1", state=UnitState.RETIRED),)
    (put,) = compared(row("G1"), ours=ours, made=("G1",)).put
    assert put.state is UnitState.ACTIVE
