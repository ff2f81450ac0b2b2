"""What vendors use while they connect, and systems after a restore: validation that keeps nothing, replay."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from schemas.validate import run_validate
from tests.support.hub import RAW_XML, UNKNOWN, A, Answer, B, HubUnderTest, Peer
from tests.support.messages import letter, status

SAMPLES = sorted((Path(__file__).parents[2] / "assets/edxml").glob("*.edxml"))


async def validate(peer: Peer, body: bytes, **query: str) -> Answer:
    return await peer.call("POST", "/api/v1/validate", data=body, headers=RAW_XML, params=query)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
async def test_the_answer_is_that_of_the_command(a: Peer, sample: Path) -> None:
    out = StringIO()
    run_validate([str(sample)], as_json=True, lang="vi", out=out, err=StringIO())
    answer = await validate(a, sample.read_bytes(), name=str(sample))
    assert answer.status == 200
    assert [answer.json] == json.loads(out.getvalue())


async def test_what_is_wrong_is_told_with_its_place_and_nothing_is_kept(hub: HubUnderTest, a: Peer) -> None:
    for body, code in ((b"no XML", "not_xml"), (b"<!DOCTYPE x><x/>", "doctype_forbidden")):
        answer = await validate(a, body)
        assert (answer.status, answer.json["ok"], answer.json["kind"]) == (200, False, "unknown")
        assert answer.json["errors"][0]["code"] == code
    good = await validate(a, letter(A, UNKNOWN))
    assert (good.json["ok"], good.json["summary"]["to"], good.json["file"]) == (True, [UNKNOWN], "message")
    assert await hub.holds_nothing()
    assert await hub.count("refusal") == 0


async def test_texts_are_in_the_language_that_is_asked_for(a: Peer) -> None:
    headers = RAW_XML | {"Accept-Language": "en"}
    english = await a.call("POST", "/api/v1/validate", data=b"no XML", headers=headers)
    assert english.json["errors"][0]["text"] != (await validate(a, b"no XML")).json["errors"][0]["text"]


@pytest.mark.parametrize(
    ("body", "options", "code"),
    [
        (b"", {}, "body_empty"),
        (b"x", {"params": {"name": "a" * 201}}, "bad_request"),
        (b"x", {"params": {"name": "a\n"}}, "bad_request"),
        (b"x", {"headers": {"Content-Type": "application/pdf"}}, "media_type_unsupported"),
        (b"x", {"headers": {"Authorization": "Bearer sai"}}, "unauthenticated"),
    ],
)
async def test_calls_that_cannot_be_answered_are_problems(
    hub: HubUnderTest, a: Peer, body: bytes, options: dict[str, Any], code: str
) -> None:
    given = {"headers": RAW_XML, **options}
    assert (await a.call("POST", "/api/v1/validate", data=body, **given)).code == code
    assert await hub.holds_nothing()


async def confirmed(hub: HubUnderTest, a: Peer, b: Peer, *numbers: int) -> list[str]:
    """The ids of letters that B has confirmed."""
    for number in numbers:
        await a.accepted(letter(A, B, number=number))
    await hub.settle()
    ids = [str(offer["delivery_id"]) for offer in await b.inbox()]
    for delivery_id in ids:
        await b.take(delivery_id)
    return ids


async def history(peer: Peer, **query: str) -> Answer:
    return await peer.call("GET", "/api/v1/inbox/history", params=query)


async def test_a_restored_system_finds_what_it_has_confirmed_since_a_day_and_fetches_it_again(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    ids = await confirmed(hub, a, b, 1, 2, 3)
    first = (await history(b, since="2020-01-01", limit="2")).json
    rest = (await history(b, since="2020-01-01", limit="2", after=first["next"])).json
    listed = [*first["deliveries"], *rest["deliveries"]]
    assert sorted(row["delivery_id"] for row in listed) == sorted(ids)
    assert rest["next"] is None
    assert all(row["content_kept"] and row["confirmed_at"] for row in listed)
    before = await b.show(listed[0]["document_id"])
    again = await b.call("POST", f"/api/v1/inbox/{listed[0]['delivery_id']}/replay")
    assert (again.status, again.raw) == (200, letter(A, B, number=1))
    assert again.headers["X-Delivery-Id"] == listed[0]["delivery_id"]
    assert await b.show(listed[0]["document_id"]) == before
    await hub.settle()
    kinds = await b.kinds(listed[0]["document_id"])
    assert kinds.count("delivery_replayed") == 1
    assert await b.inbox() == []


async def test_the_history_begins_at_the_moment_that_is_asked_for(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    (first,) = await confirmed(hub, a, b, 1)
    at = (await history(b, since="2020-01-01")).json["deliveries"][0]["confirmed_at"]
    await hub.later(hours=1)
    (second,) = await confirmed(hub, a, b, 2)
    since = at.replace("Z", "+00:00")
    both = (await history(b, since=since)).json["deliveries"]
    assert [row["delivery_id"] for row in both] == [first, second]
    later = (await history(b, since="2099-01-01")).json
    assert later == {"deliveries": [], "next": None}


async def test_only_the_own_and_only_what_was_confirmed_is_fetched_again(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer
) -> None:
    (done,) = await confirmed(hub, a, b, 1)
    await a.accepted(letter(A, B, number=2))
    await hub.settle()
    waiting = await b.only()
    assert (await c.call("POST", f"/api/v1/inbox/{done}/replay")).code == "delivery_unknown"
    assert (await b.call("POST", "/api/v1/inbox/khong-co/replay")).code == "delivery_unknown"
    assert (await b.call("POST", f"/api/v1/inbox/{waiting}/replay")).code == "delivery_not_confirmed"
    assert (await history(c, since="2020-01-01")).json["deliveries"] == []


async def test_content_that_is_kept_no_more_is_said_to_be_gone(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    (done,) = await confirmed(hub, a, b, 1)
    await hub.pool.execute("UPDATE document SET body_state = 'erased'")
    assert (await history(b, since="2020-01-01")).json["deliveries"][0]["content_kept"] is False
    assert (await b.call("POST", f"/api/v1/inbox/{done}/replay")).code == "content_erased"


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"since": ""},
        {"since": "hôm qua"},
        {"since": "2026-11-20T08:00:00"},
        {"since": "1900-01-01"},
        {"since": "2026-11-20", "after": "x"},
        {"since": "2026-11-20", "limit": "-1"},
    ],
)
async def test_a_history_that_cannot_be_asked_for_is_a_bad_request(b: Peer, query: dict[str, str]) -> None:
    assert (await history(b, **query)).code == "bad_request"


async def test_statuses_are_in_the_history_too(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await confirmed(hub, a, b, 1)
    await b.accepted(status(B, "03", about=(A, 1)))
    await hub.settle()
    await a.take(await a.only())
    (row,) = (await history(a, since="2020-01-01")).json["deliveries"]
    assert (row["kind"], row["status_code"]) == ("status", "03")
