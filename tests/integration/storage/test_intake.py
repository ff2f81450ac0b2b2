"""Keys of submissions: claimed together, decided by the database, whoever comes first."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from hub.domain.submission import ChangeKind, DocumentKey, MessageKind, SubmissionKey
from hub.ports.unit_of_work import KeyClaim, KeysTaken
from hub.storage.unit_of_work import PgUnitOfWork
from tests.support.hub import A

NOW = datetime(2026, 11, 2, tzinfo=UTC)
SYSTEM = UUID(int=1)
BLOCKED = """
SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
"""
FREE = KeysTaken(submission=False, document=False, idempotency=False)


class RolledBack(Exception):
    """Undoes a transaction."""


def roll_back() -> None:
    raise RolledBack


def claim(body: int, *, number: str | None = "1", name: str | None = None, version: int = 1) -> KeyClaim:
    return KeyClaim(
        submission=SubmissionKey(
            system_id=SYSTEM,
            kind=MessageKind.DOCUMENT,
            sha256=bytes([body]) * 32,
            recipients_sha256=bytes(32),
        ),
        document=None
        if number is None
        else DocumentKey(unit_id=A, document_no=number, change_kind=ChangeKind.NEW),
        version_no=version,
        idempotency_key=name,
        document_id=uuid4(),
        receipt=b"receipt %d" % body,
        accepted_at=NOW,
    )


@pytest.fixture
def uow(pool: Any) -> PgUnitOfWork:
    return PgUnitOfWork(pool)


async def reserve(uow: PgUnitOfWork, wanted: KeyClaim) -> KeysTaken:
    async with uow.begin() as tx:
        return await tx.intake.reserve(wanted)


@pytest.mark.parametrize(
    ("second", "taken"),
    [
        (claim(1, number=None), KeysTaken(submission=True, document=False, idempotency=False)),
        (claim(2), KeysTaken(submission=False, document=True, idempotency=False)),
        (claim(2, number="2", name="k"), KeysTaken(submission=False, document=False, idempotency=True)),
        (claim(1, name="k"), KeysTaken(submission=True, document=True, idempotency=True)),
        (claim(2, version=2), FREE),
        (claim(2, number="2", name="other"), FREE),
        (claim(2, number=None), FREE),
    ],
)
async def test_each_key_is_claimed_once_and_the_answer_says_which_were_taken(
    uow: PgUnitOfWork, second: KeyClaim, taken: KeysTaken
) -> None:
    assert await reserve(uow, claim(1, name="k")) == FREE
    assert await reserve(uow, second) == taken


async def test_a_key_without_a_name_takes_no_name(uow: PgUnitOfWork, pool: Any) -> None:
    await reserve(uow, claim(1, number=None))
    assert await pool.fetchval("SELECT count(*) FROM idempotency_key") == 0
    assert await pool.fetchval("SELECT count(*) FROM document_key") == 0


@pytest.mark.parametrize("commits", [True, False])
async def test_the_loser_of_a_race_waits_for_the_winner_to_end(uow: PgUnitOfWork, commits: bool) -> None:
    wanted = claim(1)
    async with asyncio.TaskGroup() as group:
        try:
            async with uow.begin() as winner:
                assert await winner.intake.reserve(wanted) == FREE
                loser = group.create_task(reserve(uow, dataclasses.replace(wanted, document_id=uuid4())))
                while not await winner.intake._connection.fetchval(BLOCKED):  # noqa: ASYNC110 (only the server knows)
                    await asyncio.sleep(0)
                assert not loser.done()
                if not commits:
                    roll_back()
        except RolledBack:
            pass
    assert loser.result().submission is commits
    async with uow.read() as query:
        assert await query.intake.receipt(wanted.submission) == b"receipt 1"


async def test_what_was_claimed_beside_a_taken_key_goes_with_the_transaction(
    uow: PgUnitOfWork, pool: Any
) -> None:
    await reserve(uow, claim(1, name="k"))
    with pytest.raises(RolledBack):
        async with uow.begin() as tx:
            assert (await tx.intake.reserve(claim(2, number="2", name="k"))).idempotency
            raise RolledBack
    assert await pool.fetchval("SELECT count(*) FROM intake_key") == 1


async def test_the_next_version_follows_the_last_and_counts_no_other_change(uow: PgUnitOfWork) -> None:
    async with uow.read() as query:
        assert (await query.intake.next_version([A], "1")).version_no == 1
        await reserve(uow, claim(1))
        assert (await query.intake.next_version([A], "1")).version_no == 2
        revoke = DocumentKey(unit_id=A, document_no="1", change_kind=ChangeKind.REVOKE)
        await reserve(uow, dataclasses.replace(claim(2, version=7), document=revoke))
        assert (await query.intake.next_version([A], "1")).version_no == 2
