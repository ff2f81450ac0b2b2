"""What users of other exchange hubs complain of, each turned into a test (pains 1 to 8)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from hub.ports.blobs import BlobStoreFailed, BlobStoreFull
from hub.ports.unit_of_work import DatabaseUnavailable
from hub.services.intake import Submitted
from hub.services.receive import BATCH_BYTES, FEED_BYTES, receive
from hub.services.rendition import render
from schemas.limits import DEFAULT_LIMITS
from schemas.split import MessageSplitter
from tests.support.hub import A, Answer, B, C, FaultyPool, HubUnderTest, Peer, at_once, hub_on, sha256
from tests.support.messages import PDF, letter

ONLY_UNPREFIXED = ("qcvn-default-ns",)
MIB = 1024 * 1024


@pytest.fixture
async def watched(database_url: str, tmp_path: Path) -> AsyncIterator[tuple[HubUnderTest, FaultyPool]]:
    """A hub whose database breaks where the test says."""
    pools: list[FaultyPool] = []

    def watch(pool: Any) -> FaultyPool:
        pools.append(FaultyPool(pool))
        return pools[0]

    async with hub_on(database_url, tmp_path, watch=watch) as made:
        yield made, pools[0]


async def test_pain_1_twenty_messages_at_once_reach_each_recipient_as_they_were_sent(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer
) -> None:
    chance = random.Random(1)
    to = {n: ((B,), (C,), (B, C))[n % 3] for n in range(20)}
    bodies = {
        n: letter(A, to[n], number=n, files=[(f"{n}.pdf", PDF + chance.randbytes(1000 + 9000 * n))])
        for n in to
    }
    sent = await at_once(*(a.accepted(body) for body in bodies.values()))
    await hub.settle()
    for peer, unit in ((b, B), (c, C)):
        got = await at_once(*(peer.take(str(o["delivery_id"])) for o in await peer.inbox()))
        assert sorted(g.raw for g in got) == sorted(bodies[n] for n in to if unit in to[n])
        for answer in got:
            assert answer.headers["X-Content-SHA256"] == sha256(answer.raw)
    assert [s.json["receipt"]["sha256"] for s in sent] == [sha256(body) for body in bodies.values()]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_pain_2_a_failed_commit_gives_no_receipt_unless_the_server_had_committed(
    watched: tuple[HubUnderTest, FaultyPool], when: str
) -> None:
    hub, pool = watched
    a, b = await hub.system("DMS A", A), await hub.system("DMS B", B)
    body = letter(A, B)
    pool.fail_commit = when
    first = await a.send(body)
    if when == "before":
        assert (first.status, first.code) == (503, "database_unavailable")
        assert first.headers["Retry-After"]
        assert await hub.count("document") == 0
    else:
        assert first.status == 201
    again = await a.send(body)
    assert again.status == (201 if when == "before" else 200)
    await hub.settle()
    assert await b.take_all() == [body]


async def test_pain_2_a_duplicate_of_an_unfinished_message_gets_the_receipt_and_the_message_goes_on(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    body = letter(A, B)
    first = await a.accepted(body)
    again = await a.send(body)
    assert (again.status, again.raw) == (200, first.raw)
    await hub.settle()
    assert await b.take_all() == [body]


async def test_pain_2_a_hand_over_that_breaks_off_is_neither_recorded_nor_the_end(
    hub: HubUnderTest, a: Peer, b: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = await a.accepted(letter(A, B))
    await hub.settle()
    delivery_id = await b.only()
    token = await b.lease(delivery_id)
    with monkeypatch.context() as broken:
        broken.setattr(hub.services.inbox, "handed_over", _refuse)
        await b.content(delivery_id, token)
    assert "delivery_handed_over" not in await a.kinds(sent.document_id)
    await hub.later(minutes=6)
    await hub.sweep()
    assert (await b.take(delivery_id)).raw == letter(A, B)


async def test_pain_3_a_message_sent_again_and_again_is_delivered_once(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    body = letter(A, B)
    for moment in range(4):
        await a.send(body)
        if moment > 0:
            await hub.settle()
        if moment == 2:
            assert len(await b.take_all()) == 1
    assert await b.inbox() == []
    assert await hub.count("delivery") == 1


async def test_pain_4_a_resend_after_a_lost_answer_gets_the_same_receipt_byte_for_byte(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    body = letter(A, B)
    first = await a.accepted(body)
    again = await a.send(body)
    assert (again.status, again.headers["X-Repeated"], again.raw) == (200, "true", first.raw)
    assert again.headers["Location"] == first.headers["Location"]


async def test_pain_4_ten_equal_submissions_at_once_are_one_document_with_ten_equal_receipts(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    body = letter(A, B)
    answers = await at_once(*(a.send(body) for _ in range(10)))
    assert [answer.code for answer in answers] == [None] * 10
    assert len({answer.raw for answer in answers}) == 1
    assert sorted(answer.status for answer in answers) == [200] * 9 + [201]
    assert (await hub.count("document"), len(await hub.stored_blobs())) == (1, 1)


async def test_pain_4_a_resend_that_met_its_first_submission_between_look_and_write_gets_its_receipt(
    hub: HubUnderTest, a: Peer, b: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = letter(A, B)
    intake = hub.services.intake
    judge = intake._judge
    first: list[Submitted] = []

    async def while_another_wins(*arguments: Any) -> Any:
        monkeypatch.setattr(intake, "_judge", judge)
        first.append(await intake.submit(a.caller, _stream(body)))
        return await judge(*arguments)

    monkeypatch.setattr(intake, "_judge", while_another_wins)
    answer = await a.send(body)
    assert (answer.code, answer.status) == (None, 200)
    assert answer.raw == first[0].receipt


async def test_pain_4_the_receipt_stays_the_same_when_the_directory_has_changed_since(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer
) -> None:
    body = letter(A, [B, C])
    first = await a.accepted(body)
    await hub.pool.execute("UPDATE agency SET state = 'locked' WHERE unit_id = ANY($1)", [A, B, C])
    await hub.pool.execute("UPDATE directory_version SET version = version + 1")
    assert (await a.send(body)).raw == first.raw


async def test_pain_5_after_the_deadline_nothing_vanishes(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    body = letter(A, B)
    sent = await a.accepted(body)
    await hub.settle()
    delivery_id = await b.only()
    await b.lease(delivery_id)
    await hub.later(hours=73)
    await hub.sweep()
    shown = (await a.show(sent.document_id))["deliveries"][0]
    assert (shown["state"], shown["delivery_id"]) == ("undeliverable", delivery_id)
    assert [e["kind"] for e in await a.evidence(sent.document_id)] == ["non_delivery"]
    original = await a.call("GET", f"/api/v1/documents/{sent.document_id}/content")
    assert (original.status, original.raw) == (200, body)
    assert await hub.motions.housekeeping.tidy() == 0
    assert len(await hub.stored_blobs()) == 1


async def test_pain_6_every_hand_over_has_the_same_delivery_id(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await a.accepted(letter(A, B))
    await hub.settle()
    seen = []
    for _ in range(3):
        delivery_id = await b.only()
        token = await b.lease(delivery_id)
        fetched = await b.content(delivery_id, token)
        seen.append((delivery_id, fetched.headers["X-Delivery-Id"], fetched.raw))
        await hub.later(minutes=6)
        await hub.sweep()
    assert len(set(seen)) == 1
    assert (await b.inbox())[0]["attempts"] == 3


async def broken_off(pool: FaultyPool, peer: Peer, body: bytes, statement: int) -> Answer:
    """Send while the n-th statement inside a transaction fails; accepted if there are fewer."""
    pool.fail_at = statement
    answer = await peer.send(body)
    pool.fail_at = None
    return answer


async def test_pain_7_a_transaction_that_breaks_at_any_statement_leaves_nothing(
    watched: tuple[HubUnderTest, FaultyPool],
) -> None:
    hub, pool = watched
    a, b = await hub.system("DMS A", A), await hub.system("DMS B", B)
    body = letter(A, [B, "000.00.99.H09"])
    broken_at = 0
    while (answer := await broken_off(pool, a, body, broken_at + 1)).status != 201:
        broken_at += 1
        assert (answer.status, answer.code) == (503, "database_unavailable")
        assert await hub.holds_nothing()
    assert broken_at >= 2
    await hub.settle()
    assert await b.take_all() == [body]


@pytest.mark.parametrize("error", [BlobStoreFull("no space"), BlobStoreFailed("i/o error"), OSError(5, "x")])
@pytest.mark.parametrize("step", ["new_spool", "first put", "second put"])
async def test_pain_7_a_blob_store_that_fails_leaves_nothing(
    hub: HubUnderTest, a: Peer, monkeypatch: pytest.MonkeyPatch, step: str, error: Exception
) -> None:
    await hub.system("DMS B", B, dialects=ONLY_UNPREFIXED)
    body = letter(A, B)
    put, puts = hub.blobs.put, 0

    async def failing_put(*arguments: Any) -> None:
        nonlocal puts
        puts += 1
        if step == ("first put", "second put")[puts - 1]:
            raise error
        await put(*arguments)

    with monkeypatch.context() as broken:
        broken.setattr(hub.blobs, "put", failing_put)
        if step == "new_spool":
            broken.setattr(hub.blobs, "new_spool", _raising(error))
        answer = await a.send(body)
    assert (answer.status, answer.code) == (503, "storage_unavailable")
    assert answer.headers["Retry-After"]
    assert await hub.holds_nothing()
    assert (await a.send(body)).status == 201


async def test_pain_7_row_blob_and_receipt_speak_of_the_same_bytes(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    body = letter(A, B)
    sent = await a.accepted(body)
    row = await hub.pool.fetchrow(
        "SELECT d.*, r.body AS receipt FROM document d JOIN receipt r ON r.document_id = d.id"
    )
    assert row is not None
    assert row["receipt"] == sent.raw
    assert row["sha256"].hex() == sent.json["receipt"]["sha256"] == sha256(body)
    assert await hub.stored_blobs() == {row["blob_id"]}
    assert b"".join([chunk async for chunk in hub.blobs.read(row["blob_id"])]) == body


async def test_pain_8_a_large_message_is_never_held_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = letter(A, B, files=[("to.pdf", PDF + random.Random(2).randbytes(15 * MIB))])
    assert len(body) > 20 * MIB
    fed: list[int] = []
    feed = MessageSplitter.feed

    def noted(splitter: MessageSplitter, chunk: bytes) -> None:
        fed.append(len(chunk))
        feed(splitter, chunk)

    monkeypatch.setattr(MessageSplitter, "feed", noted)
    received = await receive(_stream(body), tmp_path, limits=DEFAULT_LIMITS, max_bytes=len(body))
    assert (received.size, received.sha256.hex()) == (len(body), sha256(body))
    assert max(fed) <= FEED_BYTES
    assert sum(fed) == len(body)
    assert BATCH_BYTES <= MIB
    rendered, _ = render(received, tmp_path, uuid4())
    assert rendered.read_bytes() == body


async def test_pain_8_a_large_message_is_handed_over_in_pieces(
    hub: HubUnderTest, a: Peer, b: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = letter(A, B, files=[("to.pdf", PDF + random.Random(3).randbytes(15 * MIB))])
    await a.accepted(body)
    await hub.settle()
    pieces: list[int] = []
    read = hub.blobs.read

    async def noted(*arguments: Any, **options: Any) -> AsyncIterator[bytes]:
        async for chunk in read(*arguments, **options):
            pieces.append(len(chunk))
            yield chunk

    monkeypatch.setattr(hub.blobs, "read", noted)
    assert (await b.take(await b.only())).raw == body
    assert max(pieces) <= 256 * 1024
    assert sum(pieces) == len(body)


async def _refuse(*_arguments: Any) -> None:
    raise DatabaseUnavailable("the test cut the line")


def _raising(error: Exception) -> Callable[..., Any]:
    async def fail(*_arguments: Any) -> None:
        raise error

    return fail


async def _stream(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 100_000):
        await asyncio.sleep(0)
        yield body[start : start + 100_000]
