"""The hub is killed at each failpoint, started again, and the sender repeats itself (design section 8)."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from dataclasses import dataclass

import aiohttp
import pytest

from hub.cli.doctor import examine
from hub.config import load_settings
from hub.domain.limits import RECIPIENT_LEASE
from hub.observability.failpoints import FAILPOINTS
from tests.integration.process.kit import RECIPIENT, SENDER, Letters, Seen, connected, work_inbox
from tests.support.process import Home, Hub, until
from tests.support.shared import REPOSITORY

ONE_WORKER = {"LIENTHONG_VERIFY_WORKERS": "1"}
TWO_DAYS_S = 2 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What must have happened when the hub dies at a failpoint."""

    accepted: bool
    """The document's row is there: the repeated submission is known."""
    answered: bool | None
    """The sender has its receipt; None: it depends on who is faster."""
    handed_over: bool = False
    confirmed: bool = False
    blobs: int = 1


CASES = {
    "after_temp_write": Case(accepted=False, answered=False, blobs=0),
    "after_blob_fsync": Case(accepted=False, answered=False),
    "before_commit": Case(accepted=False, answered=False),
    "after_commit_before_answer": Case(accepted=True, answered=False),
    "after_publish_before_delete": Case(accepted=True, answered=None),
    "after_verify_before_commit": Case(accepted=True, answered=None),
    "after_handover_before_record": Case(accepted=True, answered=True, handed_over=True),
    "after_confirm_before_answer": Case(accepted=True, answered=True, handed_over=True, confirmed=True),
}


def test_every_failpoint_is_tried() -> None:
    assert tuple(CASES) == FAILPOINTS


def test_every_failpoint_is_described() -> None:
    text = (REPOSITORY / "docs" / "reference" / "faults.md").read_text(encoding="utf-8")
    assert [name for name in FAILPOINTS if f"| `{name}` |" not in text] == []


async def play_until_it_dies(hub: Hub, home: Home, body: bytes, seen: Seen) -> int:
    """Send, fetch, confirm; return the exit code of the hub that died on the way."""
    async with connected(hub, home, SENDER, RECIPIENT) as (sender, recipient):
        try:
            seen.receipts.append((await sender.send(body)).raw)
            await work_inbox(recipient, seen, wait=20)
        except (aiohttp.ClientError, OSError):
            pass  # it died in the middle of a call, as it was told to
    return await hub.program.ended()


def age_blobs(home: Home) -> None:
    """Make every blob old enough to be garbage, if no row speaks of it."""
    old = time.time() - TWO_DAYS_S
    for path in home.path.glob("blobs/objects/*/*"):
        os.utime(path, (old, old))


async def counted(home: Home, sql: str, *arguments: object) -> int:
    async with home.database() as connection:
        return int(await connection.fetchval(sql, *arguments))


async def the_document_is_whole(home: Home, body: bytes) -> None:
    """One document, one original that is what was sent, nothing half-stored, nothing left to do."""
    async with home.database() as connection:
        rows = await connection.fetch("SELECT id, blob_id, sha256 FROM document WHERE kind = 'document'")
    assert [row["sha256"] for row in rows] == [hashlib.sha256(body).digest()]
    name = str(rows[0]["blob_id"])
    assert (home.path / "blobs" / "objects" / name[-2:] / name).read_bytes() == body
    assert await counted(home, "SELECT count(*) FROM intake_key") == 1

    async def settled() -> bool | None:
        left = await counted(home, "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM task)")
        return (left == 0 and home.blobs == {name} and not home.spools) or None

    await until(settled, within_s=10, what="no outbox, no task, no garbage")
    findings = await examine(load_settings(home=home.path, environment={}))
    # A test that moves the clock is told so.
    assert [f for f in findings if not f.ok and f.code != "clock_shifted"] == []


@pytest.mark.parametrize("failpoint", FAILPOINTS)
async def test_a_hub_killed_at_a_failpoint_loses_nothing_and_delivers_once(
    failpoint: str, home: Home, letters: Letters
) -> None:
    case, body, seen = CASES[failpoint], letters.new(), Seen()
    async with home.serve(failpoint=failpoint, env=ONE_WORKER) as hub:
        postmaster = home.postmaster
        assert await play_until_it_dies(hub, home, body, seen) == -signal.SIGKILL
    if case.answered is not None:
        assert bool(seen.receipts) == case.answered
    assert bool(seen.handed_over) == case.handed_over
    assert not seen.confirmed
    assert len(home.blobs) == case.blobs
    age_blobs(home)

    async with home.serve(env=ONE_WORKER) as hub:
        assert home.postmaster == postmaster
        assert hub.program.events("postgres_adopted")
        async with connected(hub, home, SENDER, RECIPIENT) as (sender, recipient):
            again = await sender.send(body)
            assert again.repeated == case.accepted
            assert again.raw in (seen.receipts or [again.raw])
            assert (await sender.send(body)).raw == again.raw

            if case.confirmed:
                # The recipient never heard that it had confirmed: it says so again.
                said = await recipient.confirm(seen.handed_over[0])
                assert said["state"] == "confirmed"
            else:
                if case.handed_over:
                    await home.move_clock(RECIPIENT_LEASE.total_seconds() + 1)
                assert await work_inbox(recipient, seen, wait=20)
            assert not await work_inbox(recipient, seen, wait=0)

            assert len(seen.delivery_ids) == 1
            assert seen.contents == {body}
            document = await sender.document(again.document_id)
            assert [d["state"] for d in document["deliveries"]] == ["confirmed"]
            assert {d["delivery_id"] for d in document["deliveries"]} == seen.delivery_ids
            assert document["indication"] == "TOTAL-PASSED"
            kinds = [event["kind"] for event in await sender.timeline(again.document_id)]
            assert kinds.count("document_accepted") == 1
            assert kinds.count("verification_finished") == 1
            assert kinds.count("delivery_confirmed") == 1
        await the_document_is_whole(home, body)
        assert await hub.stopped() == 0


async def test_a_recipient_that_got_the_content_may_confirm_after_the_hub_was_killed(
    home: Home, letters: Letters
) -> None:
    body, seen = letters.new(), Seen()
    async with home.serve(failpoint="after_handover_before_record", env=ONE_WORKER) as hub:
        assert await play_until_it_dies(hub, home, body, seen) == -signal.SIGKILL
    assert seen.contents == {body}
    async with home.serve(env=ONE_WORKER) as hub, connected(hub, home, SENDER, RECIPIENT) as clients:
        sender, recipient = clients
        assert not await recipient.inbox()
        assert (await recipient.confirm(seen.handed_over[0]))["state"] == "confirmed"
        again = await sender.send(body)
        kinds = [event["kind"] for event in await sender.timeline(again.document_id)]
        assert kinds.count("delivery_confirmed") == 1
