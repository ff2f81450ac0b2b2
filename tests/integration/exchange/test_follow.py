"""Following: the event stream, timelines, and what nobody else may see."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest

from hub.services.follow import FollowService, Reach
from hub.storage.deliveries import PgDeliveries
from hub.storage.documents import PgDocuments
from hub.storage.unit_of_work import PgUnitOfWork
from tests.support.hub import FAILED, UNKNOWN, A, B, C, HubUnderTest, Peer, at_once
from tests.support.messages import letter, status


async def events(peer: Peer, after: int = 0, limit: int = 500) -> tuple[list[dict[str, Any]], int]:
    query = {"after": str(after), "limit": str(limit)}
    page = (await peer.call("GET", "/api/v1/events", params=query)).json
    return page["events"], page["next"]


async def busy(hub: HubUnderTest, a: Peer, b: Peer, c: Peer) -> None:
    """Some traffic between three systems."""
    for n in range(3):
        await a.accepted(letter(A, [B, C] if n else B, number=n))
    await c.accepted(letter(C, A, number=9))
    await hub.settle()
    await b.take_all()
    await c.take_all()
    await b.accepted(status(B, "01", about=(A, 0)))
    await hub.settle()


async def test_numbers_have_no_gap_and_follow_the_order_of_each_document(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer
) -> None:
    await busy(hub, a, b, c)
    assert await hub.column("SELECT seq FROM event ORDER BY seq") == list(
        range(1, await hub.count("event") + 1)
    )
    assert await hub.column("SELECT seq FROM log_head") == [await hub.count("event")]
    for document in await hub.column("SELECT id FROM document"):
        kinds = await hub.column("SELECT kind FROM event WHERE document_id = $1 ORDER BY seq", document)
        assert kinds[0] in {"document_accepted", "status_accepted"}


async def test_nodes_that_number_at_once_give_each_number_once(
    hub: HubUnderTest, a: Peer, b: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.services.numbering.BATCH", 3)

    async def number() -> None:
        for _ in range(5):
            await hub.motions.numbering.number()

    async def write(first: int) -> None:
        for n in range(first, first + 5):
            await a.accepted(letter(A, B, number=n))

    await at_once(number(), number(), number(), write(0), write(10))
    while await hub.motions.numbering.number():
        pass
    count = await hub.count("event")
    assert await hub.column("SELECT seq FROM event ORDER BY seq") == list(range(1, count + 1))


async def test_a_cursor_sees_all_of_its_own_and_nothing_of_others(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer
) -> None:
    await busy(hub, a, b, c)
    for peer, unit in ((a, A), (b, B), (c, C)):
        found, _ = await events(peer)
        wanted = await hub.column(
            """SELECT e.seq FROM event e JOIN document d ON d.id = e.document_id
               LEFT JOIN delivery v ON v.id = e.delivery_id
               WHERE d.from_unit = $1 OR v.unit_id = $1 ORDER BY e.seq""",
            unit,
        )
        assert [event["seq"] for event in found] == wanted
        assert wanted


async def test_pages_of_any_size_make_up_the_whole(hub: HubUnderTest, a: Peer, b: Peer, c: Peer) -> None:
    await busy(hub, a, b, c)
    whole, end = await events(b)
    pieces, cursor = [], 0
    while True:
        page, cursor = await events(b, after=cursor, limit=2)
        if not page:
            break
        pieces += page
    assert pieces == whole
    assert await events(b, after=end) == ([], end)


async def test_a_quiet_system_reads_a_long_log_a_piece_at_a_time_and_misses_nothing(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer
) -> None:
    await busy(hub, a, b, c)
    whole, end = await events(c)
    follow = FollowService(PgUnitOfWork(hub.pool), hub.blobs, Reach(stretch=2, stretches=3))
    cursor, found, more = 0, [], True
    while more:
        page = await follow.events_after(c.caller, cursor, limit=500)
        assert page.following - cursor <= 6
        found += [event.seq for event in page.events]
        cursor, more = page.following, page.more
    assert found == [event["seq"] for event in whole]
    assert cursor == end > 6


async def test_the_stream_says_whether_there_is_more(hub: HubUnderTest, a: Peer, b: Peer, c: Peer) -> None:
    await busy(hub, a, b, c)
    first = (await a.call("GET", "/api/v1/events", params={"after": "0", "limit": "1"})).json
    assert (len(first["events"]), first["more"]) == (1, True)
    rest = (await a.call("GET", "/api/v1/events", params={"after": str(first["next"])})).json
    assert rest["more"] is False


async def test_what_was_held_back_is_not_in_its_recipients_stream_until_it_is_released(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    hub.verifier.verdict = FAILED
    await a.accepted(letter(A, B))
    await hub.settle()
    assert await hub.column("SELECT state FROM delivery") == ["held"]
    found, cursor = await events(b)
    assert (found, cursor) == ([], await hub.count("event"))
    delivery = await _delivery(hub, B)
    await hub.decisions.release(UUID(delivery), by="Văn thư", reason="đã xác minh")
    await hub.settle()
    assert {event["kind"] for event in (await events(b, after=cursor))[0]} == {"delivery_released"}


async def test_an_event_that_is_not_numbered_yet_is_not_in_the_stream(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    sent = await a.accepted(letter(A, B))
    assert await events(a) == ([], 0)
    assert await a.kinds(sent.document_id) == ["document_accepted"]
    await hub.settle()
    assert (await events(a))[0][0]["kind"] == "document_accepted"


async def test_a_timeline_shows_the_sender_all_and_a_recipient_its_own_part(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer
) -> None:
    sent = await a.accepted(letter(A, [B, C, UNKNOWN]))
    await hub.settle()
    await b.take_all()
    (token,) = [await c.lease(await c.only())]
    await c.act(await _delivery(hub, C), "reject", lease_token=token, reason="tệp hỏng")
    path = f"/api/v1/documents/{sent.document_id}/timeline"
    whole = (await a.call("GET", path)).json["events"]
    assert {e["unit"] for e in whole if e["delivery_id"]} == {B, C}
    assert "recipient_undeliverable" in {e["kind"] for e in whole}
    part = (await b.call("GET", path)).json["events"]
    assert {e["unit"] for e in part if e["delivery_id"]} == {B}
    assert UNKNOWN not in orjson.dumps(part).decode()
    assert "tệp hỏng" not in orjson.dumps(part).decode()
    shown = await b.show(sent.document_id)
    assert [d["unit"] for d in shown["deliveries"]] == [B]


async def test_a_timeline_is_told_in_the_order_of_the_hubs_time_also_by_nodes_whose_clocks_differ(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    sent = await a.accepted(letter(A, B))
    (first,) = await hub.column("SELECT id FROM event")
    a_slow_nodes = UUID(int=first.int - (5_000 << 80))
    await hub.pool.execute(
        """INSERT INTO event (id, kind, document_id, body, at)
           SELECT $1, 'verification_finished', document_id, body, at + interval '1 second' FROM event""",
        a_slow_nodes,
    )
    assert await a.kinds(sent.document_id) == ["document_accepted", "verification_finished"]


async def test_events_can_be_neither_changed_nor_deleted(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await a.accepted(letter(A, B))
    for _ in range(2):
        for change in (
            "UPDATE event SET kind = 'x'",
            "UPDATE event SET body = ''",
            "UPDATE event SET at = at + interval '1 s'",
            "UPDATE event SET document_id = gen_random_uuid()",
            "UPDATE event SET delivery_id = gen_random_uuid()",
            "UPDATE event SET system_id = gen_random_uuid(), unit_id = 'x'",
            "DELETE FROM event",
        ):
            with pytest.raises(asyncpg.RaiseError, match="never"):
                await hub.pool.execute(change)
        await hub.settle()
    for change in ("UPDATE event SET seq = seq + 1", "UPDATE event SET seq = NULL", "TRUNCATE event"):
        with pytest.raises(asyncpg.RaiseError, match="never"):
            await hub.pool.execute(change)


async def test_no_words_of_people_stand_in_events(hub: HubUnderTest, a: Peer, b: Peer, c: Peer) -> None:
    words = ("một trích yếu riêng", "một lý do riêng", "một văn thư riêng", "tep-rieng.pdf")
    sent = await a.accepted(letter(A, [B, C], subject=words[0], files=[(words[3], b"%PDF-1.4")]))
    await hub.settle()
    token = await b.lease(await b.only())
    await b.act(await _delivery(hub, B), "reject", lease_token=token, reason=words[1])
    await c.status(sent.document_id, "02", description=words[1], staff=words[2])
    bodies = b"".join(await hub.column("SELECT body FROM event")).decode()
    assert not [word for word in (*words, "Đơn vị") if word in bodies]
    for body in await hub.column("SELECT body FROM event"):
        assert orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS) == body


async def test_the_log_of_the_process_has_no_words_of_people_either(
    hub: HubUnderTest, a: Peer, b: Peer, capfd: pytest.CaptureFixture[str]
) -> None:
    await a.accepted(letter(A, B, subject="một trích yếu riêng"))
    await a.send(letter(A, B, number=2, subject="[MẬT] một việc riêng"))
    await hub.settle()
    await b.take_all()
    out, err = capfd.readouterr()
    assert "riêng" not in out + err
    assert a.key not in out + err


async def test_what_concerns_nobody_else_does_not_exist_for_them(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer
) -> None:
    sent = await a.accepted(letter(A, B))
    await hub.settle()
    for part in ("", "/receipt", "/timeline", "/evidence", "/signatures", "/content"):
        answer = await c.call("GET", f"/api/v1/documents/{sent.document_id}{part}")
        assert (answer.status, answer.code) == (404, "document_unknown"), part
    assert (await events(c))[0] == []
    unknown = await a.call("GET", "/api/v1/documents/00000000-0000-7000-8000-000000000000")
    assert unknown.code == (await a.call("GET", "/api/v1/documents/x")).code == "document_unknown"


async def _delivery(hub: HubUnderTest, unit: str) -> str:
    (found,) = await hub.column("SELECT id::text FROM delivery WHERE unit_id = $1", unit)
    return str(found)


@pytest.mark.parametrize("repository", [PgDocuments, PgDeliveries], ids=["document", "deliveries"])
async def test_a_document_is_never_shown_older_than_what_became_of_it(
    hub: HubUnderTest, a: Peer, b: Peer, monkeypatch: pytest.MonkeyPatch, repository: type
) -> None:
    sent = await a.accepted(letter(A, B))
    name = "get" if repository is PgDocuments else "of_document"
    read = getattr(repository, name)

    async def read_and_then_verified(self: object, document_id: UUID) -> object:
        found = await read(self, document_id)
        monkeypatch.setattr(repository, name, read)
        await hub.settle()
        return found

    monkeypatch.setattr(repository, name, read_and_then_verified)
    shown = (await a.call("GET", f"/api/v1/documents/{sent.document_id}")).json
    decided = shown["deliveries"][0]["state"] != "awaiting_verification"
    assert shown["indication"] is not None or not decided
