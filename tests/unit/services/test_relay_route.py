"""Where the province ends: pure."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from hub.domain.directory import Agency, AgencyCode, CodeScheme, Directory, Level
from hub.services.relay_route import (
    outside_names,
    outside_unit,
    passed_through,
    served_here,
    with_relay,
)
from schemas.edxml.model import DocumentMessage, Organization, TraceHeader

SYSTEM, WAY_OUT = UUID(int=1), UUID(int=2)
TODAY = date(2026, 11, 2)


def unit(code: str, *others: str, system_id: UUID | None = None) -> Agency:
    codes = tuple(AgencyCode(code=c, scheme=CodeScheme.OTHER) for c in (code, *others))
    return Agency(unit_id=code, name=code, level=Level.OTHER, codes=codes, system_id=system_id)


DIRECTORY = Directory(
    [
        unit("000.00.01.H09", system_id=SYSTEM),
        unit("000.00.02.H09"),
        unit("A53", system_id=SYSTEM),
        unit("000.00.00.G12", "G12"),
    ],
    province_suffixes=frozenset({"H09"}),
)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("G12", "000.00.00.G12"),
        ("000.00.00.G22", "000.00.00.G22"),
        ("000.00.01.H09", None),
        ("000.00.02.H09", None),
        ("H09.77", None),
        ("A53", None),
        ("hai từ", None),
        ("", None),
    ],
)
def test_outside_is_what_is_neither_of_the_province_nor_connected_here(code: str, found: str | None) -> None:
    assert outside_unit(DIRECTORY, code) == found


def test_all_names_of_an_outside_unit_are_looked_for() -> None:
    assert outside_names(DIRECTORY, "G12") == ("000.00.00.G12", "G12")
    assert outside_names(DIRECTORY, "G99") == ("G99",)


def test_what_goes_outside_is_one_delivery_for_each_unit() -> None:
    codes = ["000.00.01.H09", "G12", "000.00.00.G12", "G99"]
    resolved = with_relay(DIRECTORY.resolve(codes, today=TODAY, relay=True), WAY_OUT, DIRECTORY)
    assert [(u.unit_id, u.system_id, u.addressed_as) for u in resolved.units] == [
        ("000.00.01.H09", SYSTEM, ("000.00.01.H09",)),
        ("000.00.00.G12", WAY_OUT, ("G12", "000.00.00.G12")),
        ("G99", WAY_OUT, ("G99",)),
    ]


def test_what_came_from_outside_is_served_to_our_own_alone() -> None:
    codes = ["000.00.01.H09", "G12", "000.00.02.H09"]
    served = served_here(DIRECTORY.resolve(codes, today=TODAY, relay=True))
    assert [r.code for r in served.results] == ["000.00.01.H09", "000.00.02.H09"]
    assert [u.unit_id for u in served.units] == ["000.00.01.H09"]
    assert served.relayed == ()


@pytest.mark.parametrize(
    ("hops", "found"),
    [(("00.09.w00 ",), True), (("", "null", "00.00.W00"), False), ((), False), (("x", "00.09.W00"), True)],
)
def test_our_own_hop_is_seen_in_any_spelling(hops: tuple[str, ...], found: bool) -> None:
    message = DocumentMessage(
        from_=Organization(organ_id="G12"),
        to=(),
        trace_headers=tuple(TraceHeader(organ_id=hop) for hop in hops),
    )
    assert passed_through(message, "00.09.W00") is found
