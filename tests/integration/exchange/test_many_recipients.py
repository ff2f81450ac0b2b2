"""A letter to a whole province: what it asks of the database does not grow with its recipients."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.cli.bench_recipients import Figures, Part, measure
from hub.config import load_settings
from tests.support.postgres import TestServer

MANY = 1000
ROUND_TRIPS_MOST = 6


async def figures(server: TestServer, template: str, folder: Path, number: int) -> Figures:
    """Send a letter to so many units of a hub of its own."""
    folder.mkdir()
    async with server.database(template) as dsn:
        return await measure(load_settings(environment={}, home=folder, database_url=dsn), number)


def writes(part: Part) -> list[int]:
    """The statements of each transaction."""
    return [unit.statements for unit in part.transactions]


@pytest.mark.timeout(120)
async def test_a_thousand_recipients_cost_the_statements_of_two_are_verified_once_and_all_queued(
    postgres_server: TestServer, database_template: str, tmp_path: Path
) -> None:
    few = await figures(postgres_server, database_template, tmp_path / "few", 2)
    many = await figures(postgres_server, database_template, tmp_path / "many", MANY)
    assert (many.queued, many.to_push, many.verified) == (MANY, MANY // 2, 1)
    intake, verification = many.parts[0], many.parts[2]
    assert len(intake.transactions) == 1
    assert writes(intake)[0] <= ROUND_TRIPS_MOST
    assert writes(intake) == writes(few.parts[0])
    assert sum(unit.statements for unit in intake.reads) == sum(u.statements for u in few.parts[0].reads)
    # Queued by the transaction that writes the verdict down, tasks of pushing included.
    assert writes(verification) == writes(few.parts[2])
