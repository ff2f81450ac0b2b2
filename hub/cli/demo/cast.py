"""Who plays in the demo: a commune, its district, departments of the province, two districts that merge.

Names of places are real, codes are illustrative (none is published), people are invented.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from adapters.simulator.dms import Unit


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


COMMUNE: Final = Role(
    key="commune",
    system="QLVB xã Minh Hòa",
    unit=Unit(
        code="000.22.38.H09",
        name="Ủy ban nhân dân xã Minh Hòa",
        notation="UBND",
        place="Minh Hòa",
        governing_body="Ủy ban nhân dân huyện Dầu Tiếng",
        signer="Nguyễn Văn Mẫu",
        signer_title="CHỦ TỊCH",
        authority="TM. ỦY BAN NHÂN DÂN",
    ),
)
DISTRICT: Final = Role(
    key="district",
    system="QLVB huyện Dầu Tiếng",
    unit=Unit(
        code="000.00.38.H09",
        name="Ủy ban nhân dân huyện Dầu Tiếng",
        notation="UBND-VP",
        place="Dầu Tiếng",
        governing_body="Ủy ban nhân dân tỉnh Bình Dương",
        signer="Trần Thị Ví Dụ",
        signer_title="PHÓ CHỦ TỊCH",
        authority="KT. CHỦ TỊCH",
    ),
    # This district sends back what was changed after signing, without asking a person first.
    policy=(("on_failed", "refuse"),),
)
DEPARTMENT: Final = Role(
    key="department",
    system="QLVB Sở Nội vụ",
    unit=Unit(
        code="000.00.02.H09",
        name="Sở Nội vụ",
        notation="SNV-VP",
        place="Bình Dương",
        governing_body="Ủy ban nhân dân tỉnh Bình Dương",
        signer="Lê Minh Họa",
        signer_title="GIÁM ĐỐC",
        authority=None,
    ),
)
FINANCE: Final = Role(
    key="finance",
    system="QLVB Sở Tài chính",
    unit=Unit(
        code="000.00.03.H09",
        name="Sở Tài chính",
        notation="STC-VP",
        place="Bình Dương",
        governing_body="Ủy ban nhân dân tỉnh Bình Dương",
        signer="",
        signer_title="",
        authority=None,
    ),
    signs=False,
)
ENDING: Final = Role(
    key="ending",
    system="QLVB huyện Bàu Bàng",
    unit=Unit(
        code="000.00.36.H09",
        name="Ủy ban nhân dân huyện Bàu Bàng",
        notation="UBND-VP",
        place="Bàu Bàng",
        governing_body="Ủy ban nhân dân tỉnh Bình Dương",
        signer="",
        signer_title="",
        authority=None,
    ),
    signs=False,
)
HEIR: Final = Role(
    key="heir",
    system="QLVB thành phố Bến Cát",
    unit=Unit(
        code="000.00.35.H09",
        name="Ủy ban nhân dân thành phố Bến Cát",
        notation="UBND-VP",
        place="Bến Cát",
        governing_body="Ủy ban nhân dân tỉnh Bình Dương",
        signer="",
        signer_title="",
        authority=None,
    ),
    signs=False,
)
ROLES: Final = (COMMUNE, DISTRICT, DEPARTMENT, FINANCE, ENDING, HEIR)
PULLING: Final = (COMMUNE, DISTRICT, DEPARTMENT, ENDING, HEIR)
UNKNOWN_UNIT: Final = Unit(
    code="000.99.38.H09",
    name="Ủy ban nhân dân xã Không Có",
    notation="UBND",
    place="",
    governing_body=None,
    signer="",
    signer_title="",
    authority=None,
)
