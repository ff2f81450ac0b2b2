"""Intake of good messages: keys, versions, recipients, renditions, receipts, evidence."""

from __future__ import annotations

import dataclasses
from typing import Any

import orjson
import pytest
from joserfc import jws
from joserfc.jwk import KeySet

from schemas.edxml.xsd import check_written
from tests.support.hub import (
    ALONE,
    B_NEW,
    B_SECOND,
    LOCKED,
    MERGED,
    MERGED_TOO,
    OUTSIDE,
    UNKNOWN,
    A,
    Answer,
    B,
    C,
    FaultyPool,
    HubUnderTest,
    Peer,
    agency,
    at_once,
    hub_on,
    sha256,
)
from tests.support.messages import letter, number_of, status, unprefixed, update

PREFIXED, UNPREFIXED = "qcvn-prefixed", "qcvn-default-ns"


async def opened(hub: HubUnderTest, peer: Peer, token: str) -> dict[str, Any]:
    """The statement in a JWS of the hub, checked with the keys that it publishes."""
    keys: Any = (await peer.call("GET", "/api/v1/keys")).json
    sealed = jws.deserialize_compact(token, KeySet.import_key_set(keys), algorithms=["ES256"])
    found: dict[str, Any] = orjson.loads(sealed.payload)
    return found


def results(answer: Answer) -> list[tuple[str, str | None, str, str | None]]:
    return [
        (r["code"], r["unit"], r["result"], r.get("reason")) for r in answer.json["receipt"]["recipients"]
    ]


# ---------------------------------------------------------------------------- receipts


async def test_the_receipt_is_sealed_by_a_published_key_and_says_the_same_as_its_seal(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    body = letter(A, B)
    sent = await a.accepted(body)
    receipt = sent.json["receipt"]
    assert await opened(hub, a, sent.json["jws"]) == receipt
    assert (receipt["sha256"], receipt["size"]) == (sha256(body), len(body))
    assert (receipt["system"], receipt["from"], receipt["kind"]) == ("DMS A", A, "document")
    assert (receipt["document_no"], receipt["version_no"]) == (number_of(A, 1), 1)
    again = await a.call("GET", f"/api/v1/documents/{sent.document_id}/receipt")
    assert again.raw == sent.raw


async def test_the_receipt_lists_every_to_in_order_with_what_becomes_of_it(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer
) -> None:
    sent = await a.accepted(letter(A, [C, UNKNOWN, MERGED, LOCKED, ALONE, OUTSIDE, B]))
    assert results(sent) == [
        (C, C, "routed", None),
        (UNKNOWN, None, "undeliverable", "recipient_unknown"),
        (MERGED, B, "forwarded", None),
        (LOCKED, LOCKED, "undeliverable", "recipient_locked"),
        (ALONE, ALONE, "undeliverable", "recipient_has_no_system"),
        (OUTSIDE, None, "undeliverable", "no_relay"),
        (B, B, "routed", None),
    ]


async def test_for_each_to_that_cannot_be_reached_there_is_sealed_evidence_at_once(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    body = letter(A, [B, UNKNOWN, LOCKED])
    sent = await a.accepted(body)
    statements = [await opened(hub, a, e["jws"]) for e in await a.evidence(sent.document_id)]
    assert [(s["kind"], s["recipient"], s["reason"]) for s in statements] == [
        ("non_delivery", UNKNOWN, "recipient_unknown"),
        ("non_delivery", LOCKED, "recipient_locked"),
    ]
    assert {(s["sha256"], s["document_id"]) for s in statements} == {(sha256(body), sent.document_id)}
    assert (await a.kinds(sent.document_id)).count("recipient_undeliverable") == 2


# ---------------------------------------------------------------------------- recipients


async def test_a_letter_to_a_merged_unit_goes_to_its_successor(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await a.accepted(letter(A, MERGED))
    await hub.settle()
    (offer,) = await b.inbox()
    assert (offer["unit"], offer["addressed_as"]) == (B, [MERGED])


async def test_old_and_new_code_of_a_unit_and_its_forerunners_are_one_delivery(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    sent = await a.accepted(letter(A, [B, B_NEW, MERGED, MERGED_TOO]))
    await hub.settle()
    (offer,) = await b.inbox()
    assert offer["addressed_as"] == [B, B_NEW, MERGED, MERGED_TOO]
    assert [result for _, _, result, _ in results(sent)] == ["routed", "routed", "forwarded", "forwarded"]


async def test_two_units_of_one_system_are_two_deliveries(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await a.accepted(letter(A, [B, B_SECOND]))
    await hub.settle()
    assert {offer["unit"] for offer in await b.inbox()} == {B, B_SECOND}
    assert [offer["unit"] for offer in await b.inbox(unit=B_SECOND)] == [B_SECOND]


async def test_the_inbox_of_a_unit_may_be_asked_for_by_any_of_its_codes(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    await a.accepted(letter(A, [B, B_SECOND]))
    await hub.settle()
    assert [offer["unit"] for offer in await b.inbox(unit=B_NEW)] == [B]


async def test_a_letter_to_oneself_is_delivered(hub: HubUnderTest, b: Peer) -> None:
    sent = await b.accepted(letter(B, [B, B_SECOND]))
    await hub.settle()
    assert len(await b.take_all()) == 2
    assert {d["state"] for d in (await b.show(sent.document_id))["deliveries"]} == {"confirmed"}


# ---------------------------------------------------------------------------- keys


async def test_the_same_idempotency_key_with_other_content_is_a_conflict(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    first = await a.send(letter(A, B), Idempotency_Key="công văn 1")
    assert first.status == 201
    other = await a.send(letter(A, B, number=2), Idempotency_Key="công văn 1")
    assert (other.status, other.code) == (409, "idempotency_conflict")
    assert (await a.send(letter(A, B), Idempotency_Key="công văn 1")).raw == first.raw
    assert await hub.count("document") == 1


async def test_an_idempotency_key_is_one_systems_own(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    assert (await a.send(letter(A, B), Idempotency_Key="1")).status == 201
    assert (await b.send(letter(B, A), Idempotency_Key="1")).status == 201


async def test_two_contents_at_once_under_one_idempotency_key_are_one_document_and_one_conflict(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    answers = await at_once(*(a.send(letter(A, B, number=n), Idempotency_Key="k") for n in range(6)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 5
    assert {answer.code for answer in answers} == {None, "idempotency_conflict"}
    assert (await hub.count("document"), len(await hub.stored_blobs())) == (1, 1)


async def test_the_same_content_under_two_idempotency_keys_is_one_document(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    first = await a.send(letter(A, B), Idempotency_Key="1")
    again = await a.send(letter(A, B), Idempotency_Key="2")
    assert (again.status, again.raw) == (200, first.raw)


async def test_another_body_under_the_same_number_is_a_conflict(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await a.accepted(letter(A, B))
    other = await a.send(letter(A, B, content="khác"))
    assert (other.status, other.code) == (409, "document_conflict")
    assert other.json["params"] == {"document_no": number_of(A, 1)}
    assert (await hub.count("document"), len(await hub.stored_blobs())) == (1, 1)


async def test_of_six_bodies_at_once_under_one_number_one_is_taken_in(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    answers = await at_once(*(a.send(letter(A, B, content=f"bản {n}")) for n in range(6)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 5
    assert {answer.code for answer in answers} == {None, "document_conflict"}
    assert (await hub.count("document"), len(await hub.stored_blobs())) == (1, 1)


async def test_the_same_number_by_the_units_other_code_is_the_same_document(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    await b.accepted(letter(B, A))
    old = letter(B, A).replace(f">{B}<".encode(), f">{B_NEW}<".encode(), 1)
    assert (await b.send(old)).code == "document_conflict"


async def test_two_units_may_use_the_same_number(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await a.accepted(letter(A, B))
    same = letter(B, A).replace(number_of(B, 1).encode(), number_of(A, 1).encode())
    assert (await b.send(same)).status == 201


async def test_an_update_is_the_next_version_and_never_a_conflict(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    await a.accepted(letter(A, B))
    for version in (2, 3):
        sent = await a.accepted(update(A, B, number=1, text=f"bản {version}"))
        assert sent.json["receipt"]["version_no"] == version


async def test_updates_at_once_get_one_number_each(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await a.accepted(letter(A, B))
    answers = await at_once(*(a.accepted(update(A, B, number=1, text=f"bản {n}")) for n in range(4)))
    assert sorted(answer.json["receipt"]["version_no"] for answer in answers) == [2, 3, 4, 5]


async def test_the_same_update_sent_four_times_at_once_is_one_version(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    await a.accepted(letter(A, B))
    answers = await at_once(*(a.send(update(A, B, number=1)) for _ in range(4)))
    assert len({answer.raw for answer in answers}) == 1
    assert await hub.column("SELECT version_no FROM document ORDER BY 1") == [1, 2]


async def test_a_resend_after_the_unit_has_moved_to_another_system_is_no_conflict(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer
) -> None:
    body = letter(A, B)
    await a.accepted(body)
    await hub.pool.execute("UPDATE agency SET system_id = $1 WHERE unit_id = $2", c.caller.system_id, A)
    await hub.pool.execute("UPDATE directory_version SET version = version + 1")
    again = await c.send(body)
    assert (again.status, again.code) == (409, "document_conflict")
    assert await hub.count("document") == 1


# ---------------------------------------------------------------------------- renditions


@pytest.mark.parametrize(
    ("dialects", "is_rendered"),
    [((PREFIXED,), False), ((UNPREFIXED,), True), ((UNPREFIXED, PREFIXED), False)],
)
async def test_a_rendition_is_made_only_for_who_cannot_read_the_original(
    hub: HubUnderTest, a: Peer, dialects: tuple[str, ...], is_rendered: bool
) -> None:
    b = await hub.system("DMS B", B, dialects=dialects)
    body = letter(A, B)
    sent = await a.accepted(body)
    await hub.settle()
    fetched = await b.take(await b.only())
    assert ("rendition" in sent.json["receipt"]) is is_rendered
    assert fetched.headers["X-Rendition"] == ("strict" if is_rendered else "original")
    assert len(await hub.stored_blobs()) == (2 if is_rendered else 1)


async def test_who_cannot_read_the_original_gets_the_strict_form_and_both_digests(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    c = await hub.system("DMS C", C, dialects=(UNPREFIXED, PREFIXED))
    body = unprefixed(letter(A, [B, C]))
    sent = await a.accepted(body)
    receipt = sent.json["receipt"]
    await hub.settle()
    strict, original = await b.take(await b.only()), await c.take(await c.only())
    assert original.raw == body
    assert (original.headers["X-Rendition"], strict.headers["X-Rendition"]) == ("original", "strict")
    assert check_written(strict.raw) == ()
    assert strict.headers["X-Content-SHA256"] == receipt["rendition"]["sha256"] == sha256(strict.raw)
    assert strict.headers["X-Original-SHA256"] == receipt["sha256"] == sha256(body)
    assert original.headers["X-Content-SHA256"] == sha256(body)
    assert (await a.show(sent.document_id))["rendition_sha256"] == sha256(strict.raw)


async def test_a_message_that_had_to_be_repaired_is_handed_over_repaired_and_kept_as_sent(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    body = b"\x01\x02\x03\x04" + letter(A, B)
    sent = await a.accepted(body)
    await hub.settle()
    fetched = await b.take(await b.only())
    assert (fetched.headers["X-Rendition"], fetched.raw) == ("strict", letter(A, B))
    kept = await a.call("GET", f"/api/v1/documents/{sent.document_id}/content")
    assert (kept.raw, kept.headers["X-Original-SHA256"]) == (body, sha256(body))


async def test_the_original_is_for_its_sender(hub: HubUnderTest, a: Peer, b: Peer, c: Peer) -> None:
    sent = await a.accepted(letter(A, B))
    await hub.settle()
    for peer in (b, c):
        for part in ("content", "receipt"):
            answer = await peer.call("GET", f"/api/v1/documents/{sent.document_id}/{part}")
            assert answer.code == "document_unknown"
    assert await b.evidence(sent.document_id) == []


# ---------------------------------------------------------------------------- one transaction


@pytest.mark.parametrize("recipients", [1, 1000])
async def test_the_transaction_takes_six_statements_whatever_the_number_of_recipients(
    database_url: str, tmp_path: Any, recipients: int
) -> None:
    codes = [f"000.{n:02}.{m:02}.H09" for n in range(20, 30) for m in range(100)][:recipients]
    pools: list[FaultyPool] = []

    def watch(pool: Any) -> FaultyPool:
        pools.append(FaultyPool(pool))
        return pools[0]

    async with hub_on(
        database_url, tmp_path, watch=watch, agencies=[agency(A), *(agency(code) for code in codes)]
    ) as hub:
        a = await hub.system("DMS A", A)
        many = await hub.system("DMS B", codes[0])
        await hub.pool.execute(
            "UPDATE agency SET system_id = $1 WHERE unit_id <> $2", many.caller.system_id, A
        )
        await hub.pool.execute("UPDATE directory_version SET version = version + 1")
        pools[0].transactions.clear()
        await a.accepted(letter(A, codes))
        assert await hub.count("delivery") == recipients
        (statements,) = pools[0].transactions
        assert len(statements) <= 6, statements


async def test_a_status_and_a_letter_may_share_a_number(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await a.accepted(letter(A, B))
    await b.accepted(status(B, "01", about=(A, 1)))
    assert sorted(await hub.column("SELECT kind FROM document")) == ["document", "status"]


async def test_when_the_backlog_is_full_urgent_letters_still_come_in(
    hub: HubUnderTest, a: Peer, b: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = hub.services.health.look

    async def full() -> Any:
        return dataclasses.replace(await look(), backlog=10**6)

    monkeypatch.setattr(hub.services.health, "look", full)
    normal = await a.send(letter(A, B, number=1))
    assert (normal.status, normal.code) == (503, "backlog_full")
    assert normal.headers["Retry-After"]
    assert await hub.holds_nothing()
    assert (await a.send(letter(A, B, number=2, priority=1))).status == 201
    assert (await a.send(letter(A, B, number=2, priority=1))).status == 200


# ---------------------------------------------------------------------------- keys that outlive others


async def test_a_letter_keeps_its_receipt_when_its_submission_key_has_ended(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    first = await a.accepted(letter(A, B))
    await hub.later(days=401)
    await hub.motions.housekeeping.tidy()
    assert await hub.count("intake_key") == 0
    again = await a.send(letter(A, B))
    assert (again.status, again.raw) == (200, first.raw)
    kept = await a.call("GET", f"/api/v1/documents/{first.document_id}/receipt")
    assert kept.raw == first.raw


async def test_the_receipt_of_a_status_ends_with_its_key(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await b.accepted(status(B, "01", about=(A, 1)))
    await hub.later(days=401)
    await hub.motions.housekeeping.tidy()
    assert await hub.count("receipt") == 0


async def test_refusals_are_not_kept_for_ever(hub: HubUnderTest, a: Peer) -> None:
    assert (await a.send(letter(A, UNKNOWN))).code == "recipient_unknown"
    assert await hub.count("refusal") == 1
    await hub.later(days=401)
    await hub.motions.housekeeping.tidy()
    assert await hub.count("refusal") == 0
