"""Recall: withdrawn where the body has not left, asked for by status 13 where it has."""

from __future__ import annotations

from typing import Any

from tests.support.hub import B_SECOND, A, Answer, B, C, HubUnderTest, Peer
from tests.support.messages import letter, status

AT = "2026-11-02T02:00:00Z"


async def recall(peer: Peer, document_id: str, **fields: Any) -> Answer:
    """Ask for a document back."""
    order = {"reason": "gửi nhầm", "at": AT, **fields}
    return await peer.call("POST", f"/api/v1/documents/{document_id}/recall", json=order)


def results(answer: Answer) -> dict[str, str]:
    """Result by unit."""
    assert answer.status == 200, answer.raw
    return {r["unit"]: r["result"] for r in answer.json["recipients"]}


async def test_what_has_not_left_is_withdrawn(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    document_id = (await a.accepted(letter(A, B))).document_id
    await hub.settle()
    assert results(await recall(a, document_id)) == {B: "withdrawn"}
    assert await b.inbox() == []


async def test_a_withdrawal_is_evidence_for_the_sender(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    document_id = (await a.accepted(letter(A, B))).document_id
    await hub.settle()
    await recall(a, document_id)
    assert [e["kind"] for e in await a.evidence(document_id)] == ["withdrawal"]


async def test_no_status_is_invented_for_what_was_withdrawn(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    document_id = (await a.accepted(letter(A, B))).document_id
    await hub.settle()
    await recall(a, document_id)
    await hub.settle()
    assert await a.inbox() == []


async def test_what_the_recipient_has_is_asked_for(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    document_id = (await a.accepted(letter(A, B))).document_id
    await hub.settle()
    await b.take(await b.only())
    assert results(await recall(a, document_id)) == {B: "asked"}
    await hub.settle()
    (offer,) = await b.inbox()
    assert (offer["kind"], offer["status_code"]) == ("status", "13")


async def test_a_lease_counts_as_the_body_having_left(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    document_id = (await a.accepted(letter(A, B))).document_id
    await hub.settle()
    await b.lease(await b.only())
    assert results(await recall(a, document_id)) == {B: "asked"}


async def test_each_recipient_is_treated_by_itself(hub: HubUnderTest, a: Peer, b: Peer, c: Peer) -> None:
    document_id = (await a.accepted(letter(A, [B, C]))).document_id
    await hub.settle()
    await b.take(await b.only())
    assert results(await recall(a, document_id)) == {B: "asked", C: "withdrawn"}


async def test_only_the_named_units_are_concerned(hub: HubUnderTest, a: Peer, b: Peer, c: Peer) -> None:
    document_id = (await a.accepted(letter(A, [B, C]))).document_id
    await hub.settle()
    assert results(await recall(a, document_id, units=[C])) == {C: "withdrawn"}
    assert len(await b.inbox()) == 1


async def test_a_recall_said_again_gives_the_same_answer(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer
) -> None:
    document_id = (await a.accepted(letter(A, [B, C]))).document_id
    await hub.settle()
    await b.take(await b.only())
    assert (await recall(a, document_id)).json == (await recall(a, document_id)).json


async def test_the_answer_of_the_recipient_ends_the_recall(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    document_id = (await a.accepted(letter(A, B))).document_id
    await hub.settle()
    await b.take(await b.only())
    await recall(a, document_id)
    await b.status(document_id, "15")
    (delivery,) = (await a.show(document_id))["deliveries"]
    assert delivery["business_state"] == "recalled"


async def test_a_recipient_cannot_recall(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    document_id = (await a.accepted(letter(A, B))).document_id
    await hub.settle()
    assert (await recall(b, document_id)).code == "document_unknown"


async def test_a_unit_that_did_not_get_it_is_named(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    document_id = (await a.accepted(letter(A, B))).document_id
    answer = await recall(a, document_id, units=[C])
    assert (answer.status, answer.code) == (422, "recipient_unknown")


async def test_a_document_recalled_before_its_verification_is_never_offered(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    document_id = (await a.accepted(letter(A, B))).document_id
    assert results(await recall(a, document_id)) == {B: "withdrawn"}
    await hub.settle()
    assert await b.inbox() == []


async def test_a_recall_message_withdraws_what_has_not_left(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    document_id = (await a.accepted(letter(A, B, number=5))).document_id
    await hub.settle()
    await a.accepted(status(A, "13", about=(A, 5), to=B, text="gửi nhầm"))
    await hub.settle()
    (delivery,) = (await a.show(document_id))["deliveries"]
    assert (delivery["state"], delivery["business_state"]) == ("withdrawn", "sent")


async def test_who_never_saw_a_document_is_not_asked_for_it(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await a.accepted(letter(A, B, number=5))
    await hub.settle()
    await a.accepted(status(A, "13", about=(A, 5), to=B, text="gửi nhầm"))
    await hub.settle()
    assert await b.inbox() == []


async def test_what_a_system_has_taken_for_one_unit_has_left_for_its_others_too(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    sent = await a.accepted(letter(A, [B, B_SECOND]))
    await hub.settle()
    first = next(o for o in await b.inbox() if o["unit"] == B)
    await b.take(str(first["delivery_id"]))
    assert results(await recall(a, sent.document_id)) == {B: "asked", B_SECOND: "asked"}
