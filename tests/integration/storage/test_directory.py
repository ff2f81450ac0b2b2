"""The directory in the database: replaced whole, read at one moment, searched."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from hub.domain.directory import Agency, AgencyCode, CodeScheme, Level, Succession, UnitState
from hub.ports.records import SystemRecord
from hub.storage.directory import PgDirectory
from hub.storage.unit_of_work import PgUnitOfWork
from tests.support.hub import DIRECTORY, A, B, agency

H09 = frozenset({"H09"})
FULL = Agency(
    unit_id="000.00.10.H09",
    name="Sở Khoa học và Công nghệ",
    level=Level.DEPARTMENT,
    parent=A,
    codes=(
        AgencyCode(code="000.00.10.H09", scheme=CodeScheme.QCVN102, valid_to=date(2026, 1, 1)),
        AgencyCode(code="H09.10", scheme=CodeScheme.QD20, valid_from=date(2025, 3, 1)),
    ),
    state=UnitState.RETIRED,
    retired_on=date(2026, 7, 1),
    successors=(
        Succession(unit_id=B, default=True, from_date=date(2026, 7, 1)),
        Succession(unit_id=A),
    ),
)


@pytest.fixture
def uow(pool: Any) -> PgUnitOfWork:
    return PgUnitOfWork(pool)


async def replace(uow: PgUnitOfWork, *agencies: Agency) -> None:
    async with uow.begin() as tx:
        await tx.directory.replace(agencies)


async def load(uow: PgUnitOfWork) -> dict[str, Agency]:
    async with uow.read() as query:
        return {each.unit_id: each for each in await query.directory.load(H09)}


async def system(uow: PgUnitOfWork) -> SystemRecord:
    made = SystemRecord(id=uuid4(), name="DMS", adapter="rest-pull", dialects=("x",), policy=(), active=True)
    async with uow.begin() as tx:
        await tx.systems.add(made)
    return made


async def test_an_agency_comes_back_as_it_was_put_in(uow: PgUnitOfWork) -> None:
    await replace(uow, FULL, *DIRECTORY)
    assert (await load(uow))[FULL.unit_id] == FULL


async def test_what_is_not_in_the_new_directory_is_gone_and_known_units_keep_their_system(
    uow: PgUnitOfWork,
) -> None:
    made = await system(uow)
    await replace(uow, FULL, agency(A), agency(B))
    async with uow.begin() as tx:
        assert await tx.directory.assign(A, made.id)
        assert not await tx.directory.assign("000.00.98.H09", made.id)
    await replace(uow, agency(A, "H09.1"))
    found = await load(uow)
    assert list(found) == [A]
    assert found[A].system_id == made.id


async def test_every_change_has_a_new_version(uow: PgUnitOfWork) -> None:
    versions = []
    for change in range(4):
        async with uow.begin() as tx:
            match change:
                case 0:
                    await tx.directory.replace([agency(A)])
                case 1:
                    await tx.directory.set_state(A, "locked")
                case 2:
                    await tx.directory.assign(A, None)
                case _:
                    await tx.directory.set_state("000.00.98.H09", "locked")
            versions.append(await tx.directory.version())
    assert versions == [1, 2, 3, 3]


async def test_a_directory_replaced_while_it_is_read_is_seen_whole(
    uow: PgUnitOfWork, pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await replace(uow, agency(A, "H09.1"))
    async with pool.acquire() as connection:

        class Interrupted:
            """Lets a replacement commit between any two statements."""

            def __init__(self) -> None:
                self.statements = 0

            async def fetch(self, sql: str, *arguments: object) -> Any:
                if self.statements:
                    await replace(uow, agency(B, "H09.2"))
                self.statements += 1
                return await connection.fetch(sql, *arguments)

        found = list(await PgDirectory(Interrupted()).load(H09))  # type: ignore[arg-type]
    assert [[c.code for c in each.codes] for each in found] in ([[A, "H09.1"]], [[B, "H09.2"]])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [A, B, "000.00.10.H09"]),
        ("khoa học", ["000.00.10.H09"]),
        ("h09.10", ["000.00.10.H09"]),
        ("00.02.", [B]),
        ("%", []),
        ("_", []),
        ("\\", []),
        ("'; DROP TABLE agency; --", []),
    ],
)
async def test_agencies_are_found_by_part_of_name_or_code(
    uow: PgUnitOfWork, text: str, found: list[str]
) -> None:
    await replace(uow, FULL, agency(A), agency(B))
    async with uow.read() as query:
        rows = await query.directory.search(text, limit=10, offset=0)
        assert [row.unit_id for row in rows] == found
        assert len(await query.directory.search("", limit=1, offset=1)) == 1
