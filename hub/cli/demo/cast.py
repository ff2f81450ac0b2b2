"""Who plays in the demo: a commune, its district, departments of the province, two districts that merge.

Names of places are real, codes are illustrative (none is published), people are invented.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from adapters.simulator.dms import Unit

PROVINCE: Final = "Ủy ban nhân dân tỉnh Bình Dương"
DISTRICT_NAME: Final = "Ủy ban nhân dân huyện Dầu Tiếng"


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A simulated system and the unit it speaks for, with its acceptance policy.

    Whoever does not sign only receives: no certificates are made for them.
    """

    key: str
    system: str
    unit: Unit
    policy: tuple[tuple[str, str], ...] = ()
    signs: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who signs for a unit, and by whose authority [NĐ 30/2020 Phụ lục I]."""

    name: str = ""
    title: str = ""
    authority: str | None = None


NOBODY: Final = Signer()


def _unit(
    code: str, name: str, notation: str, place: str, *, by: Signer = NOBODY, above: str | None = PROVINCE
) -> Unit:
    return Unit(
        code=code,
        name=name,
        notation=notation,
        place=place,
        governing_body=above,
        signer=by.name,
        signer_title=by.title,
        authority=by.authority,
    )


COMMUNE: Final = Role(
    key="commune",
    system="QLVB xã Minh Hòa",
    unit=_unit(
        "000.22.38.H09",
        "Ủy ban nhân dân xã Minh Hòa",
        "UBND",
        "Minh Hòa",
        by=Signer(name="Nguyễn Văn Mẫu", title="CHỦ TỊCH", authority="TM. ỦY BAN NHÂN DÂN"),
        above=DISTRICT_NAME,
    ),
)
DISTRICT: Final = Role(
    key="district",
    system="QLVB huyện Dầu Tiếng",
    unit=_unit(
        "000.00.38.H09",
        DISTRICT_NAME,
        "UBND-VP",
        "Dầu Tiếng",
        by=Signer(name="Trần Thị Ví Dụ", title="PHÓ CHỦ TỊCH", authority="KT. CHỦ TỊCH"),
    ),
    # This district sends back what was changed after signing, without asking a person first.
    policy=(("on_failed", "refuse"),),
)
DEPARTMENT: Final = Role(
    key="department",
    system="QLVB Sở Nội vụ",
    unit=_unit(
        "000.00.02.H09",
        "Sở Nội vụ",
        "SNV-VP",
        "Bình Dương",
        by=Signer(name="Lê Minh Họa", title="GIÁM ĐỐC"),
    ),
)
FINANCE: Final = Role(
    key="finance",
    system="QLVB Sở Tài chính",
    unit=_unit("000.00.03.H09", "Sở Tài chính", "STC-VP", "Bình Dương"),
    signs=False,
)
ENDING: Final = Role(
    key="ending",
    system="QLVB huyện Bàu Bàng",
    unit=_unit("000.00.36.H09", "Ủy ban nhân dân huyện Bàu Bàng", "UBND-VP", "Bàu Bàng"),
    signs=False,
)
HEIR: Final = Role(
    key="heir",
    system="QLVB thành phố Bến Cát",
    unit=_unit("000.00.35.H09", "Ủy ban nhân dân thành phố Bến Cát", "UBND-VP", "Bến Cát"),
    signs=False,
)
ROLES: Final = (COMMUNE, DISTRICT, DEPARTMENT, FINANCE, ENDING, HEIR)
PULLING: Final = (COMMUNE, DISTRICT, DEPARTMENT, ENDING, HEIR)
UNKNOWN_UNIT: Final = _unit("000.99.38.H09", "Ủy ban nhân dân xã Không Có", "UBND", "", above=None)
