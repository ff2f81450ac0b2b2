"""Revoke, update, replace: whom they ask, by which rights, in which version, and what the answers settle."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.edxml.model import Business, BusinessDocumentInfo, Receiver, ReplacementInfo
from tests.support.hub import MERGED, A, B, C, HubUnderTest, Peer
from tests.support.messages import letter, number_of, reference, replacement, revocation, status, update


def renumbered(to: str | list[str], *, of: int, number: int, receivers: tuple[Receiver, ...] = ()) -> bytes:
    """An update that bears a number of its own and names letter `of`."""
    infos = (BusinessDocumentInfo(document_info=1, document_receiver=1, receivers=receivers),)
    business_part = Business(doc_type=2, document_id=number_of(A, of), reason="sửa", document_infos=infos)
    return letter(A, to, number=number, business=business_part)


# ---------------------------------------------------------------------------- versions


async def test_an_update_with_a_number_of_its_own_counts_on_from_the_document_that_it_names(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer, sent: str
) -> None:
    second = await a.accepted(renumbered([B, C], of=1, number=2))
    third = await a.accepted(renumbered([B, C], of=2, number=3))
    fourth = await a.accepted(update(A, B, number=1))
    versions = [x.json["receipt"]["version_no"] for x in (second, third, fourth)]
    assert versions == [2, 3, 4]
    assert (await a.show(third.document_id))["refers_to"] == second.document_id


async def test_an_update_is_told_in_the_timeline_as_a_version(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer, sent: str
) -> None:
    second = await a.accepted(update(A, [B, C], number=1))
    assert "document_versioned" in await a.kinds(second.document_id)


# ---------------------------------------------------------------------------- who is asked


async def test_a_revocation_reaches_every_version_that_a_unit_has_and_one_answer_settles_them(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer, sent: str
) -> None:
    second = await a.accepted(update(A, C, number=1))
    await hub.settle()
    await c.take_all()
    await a.accepted(revocation(A, [B, C], of=1, number=9))
    assert await a.business(sent) == {B: "recall_requested", C: "recall_requested"}
    assert await a.business(second.document_id) == {C: "recall_requested"}
    await c.accepted(status(C, "15", about=(A, 1)))
    assert await a.business(sent) == {B: "recall_requested", C: "recalled"}
    assert await a.business(second.document_id) == {C: "recalled"}


async def test_an_answer_may_quote_the_document_that_asks(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer, sent: str
) -> None:
    await a.accepted(replacement(A, [B, C], of=1, number=9))
    await b.accepted(status(B, "15", about=(A, 9)))
    assert await a.business(sent) == {B: "replaced", C: "replace_requested"}


async def test_only_the_recipients_of_the_message_are_asked(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer, sent: str
) -> None:
    await a.accepted(revocation(A, C, of=1, number=9))
    assert await a.business(sent) == {B: "sent", C: "recall_requested"}


async def test_a_replacement_asks_only_those_for_whom_it_says_that_the_old_one_is_replaced(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer, sent: str
) -> None:
    info = ReplacementInfo(document_id=number_of(A, 1), organ_ids=(B,))
    body = letter(A, [B, C], number=9, business=Business(doc_type=3, reason="x", replacements=(info,)))
    new = await a.accepted(body)
    assert await a.business(sent) == {B: "replace_requested", C: "sent"}
    links = await hub.pool.fetch("SELECT document_id::text, related_id::text, relation FROM document_link")
    assert [tuple(row) for row in links] == [(new.document_id, sent, "replaces")]


async def test_a_replacement_of_two_documents_closes_both(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer, sent: str
) -> None:
    other = await a.accepted(letter(A, B, number=2))
    await hub.settle()
    await b.take_all()
    infos = tuple(ReplacementInfo(document_id=number_of(A, n), organ_ids=(B,)) for n in (1, 2))
    new = await a.accepted(
        letter(A, B, number=9, business=Business(doc_type=3, reason="x", replacements=infos))
    )
    await b.accepted(status(B, "15", about=(A, 9)))
    assert (await a.business(sent))[B] == "replaced"
    assert await a.business(other.document_id) == {B: "replaced"}
    (delivery,) = (await a.show(other.document_id))["deliveries"]
    assert delivery["request_id"] == new.document_id


async def test_a_unit_that_an_update_removes_is_asked_to_give_the_document_back(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer, sent: str
) -> None:
    removed = (Receiver(organ_id=B, receiver_type=0),)
    await a.accepted(renumbered([B, C], of=1, number=2, receivers=removed))
    assert await a.business(sent) == {B: "recall_requested", C: "update_requested"}


async def test_a_unit_that_is_removed_without_a_message_loses_what_has_not_left(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer
) -> None:
    first = await a.accepted(letter(A, [B, C]))
    await hub.settle()
    removed = (Receiver(organ_id=B, receiver_type=0),)
    await a.accepted(renumbered([C], of=1, number=2, receivers=removed))
    assert await b.inbox() == []
    assert [e["kind"] for e in await a.evidence(first.document_id)] == ["withdrawal"]


async def test_a_unit_that_was_removed_without_a_message_and_has_the_document_is_not_asked(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer, sent: str
) -> None:
    removed = (Receiver(organ_id=B, receiver_type=0),)
    await a.accepted(renumbered([C], of=1, number=2, receivers=removed))
    assert await a.business(sent) == {B: "sent", C: "update_requested"}


async def test_a_unit_that_an_update_adds_gets_it_as_its_first_version(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer
) -> None:
    first = await a.accepted(letter(A, B))
    await hub.settle()
    await b.take_all()
    added = (Receiver(organ_id=C, receiver_type=1),)
    second = await a.accepted(renumbered([B, C], of=1, number=2, receivers=added))
    await hub.settle()
    assert await a.business(first.document_id) == {B: "update_requested"}
    assert await a.business(second.document_id) == {B: "sent", C: "sent"}
    assert len(await c.inbox()) == 1


# ---------------------------------------------------------------------------- rights


@pytest.mark.parametrize("make", [revocation, replacement])
async def test_nobody_changes_what_another_has_sent(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer, sent: str, make: Any
) -> None:
    theirs = make(C, B, of=1, number=9).replace(number_of(C, 1).encode(), number_of(A, 1).encode())
    answer = await c.send(theirs)
    assert (answer.status, answer.code) == (403, "change_not_allowed")
    assert await a.business(sent) == {B: "sent", C: "sent"}


async def test_a_change_of_what_the_hub_never_saw_is_passed_on(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    answer = await a.accepted(revocation(A, B, of=77, number=9))
    await hub.settle()
    assert len(await b.inbox()) == 1
    assert (await a.show(answer.document_id))["refers_to"] is None


async def test_an_answer_of_a_unit_that_was_not_asked_is_recorded_and_not_applied(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer, sent: str
) -> None:
    await a.accepted(revocation(A, C, of=1, number=9))
    await b.accepted(status(B, "15", about=(A, 1)))
    assert await a.business(sent) == {B: "sent", C: "recall_requested"}
    assert await hub.column("SELECT 1 FROM event WHERE kind = 'status_illegal'") == [1]


@pytest.mark.parametrize(("answer", "state"), [("15", "recalled"), ("16", "finished")])
async def test_a_recall_after_everything_is_done_is_answered_like_any_other(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer, sent: str, answer: str, state: str
) -> None:
    await b.accepted(status(B, "06", about=(A, 1)))
    await a.accepted(status(A, "13", about=(A, 1), to=B, text="gửi nhầm"))
    await b.accepted(status(B, answer, about=(A, 1), text="lý do"))
    assert (await a.business(sent))[B] == state


async def test_a_revoking_document_can_be_acknowledged_like_any_other(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer, sent: str
) -> None:
    revoking = await a.accepted(revocation(A, [B, C], of=1, number=9))
    await hub.settle()
    await b.take_all()
    await b.accepted(status(B, "01", about=(A, 9)))
    assert await a.business(revoking.document_id) == {B: "arrived", C: "sent"}


# ---------------------------------------------------------------------------- lines of succession


async def test_what_a_unit_got_before_its_merger_its_successor_answers_for(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    await a.accepted(letter(A, MERGED))
    await hub.pool.execute("UPDATE delivery SET unit_id = $1", MERGED)
    await hub.settle()
    (document_id,) = await hub.column("SELECT id::text FROM document")
    await b.accepted(status(B, "03", about=(A, 1)))
    assert await a.business(document_id) == {MERGED: "accepted"}


async def test_a_parked_status_finds_its_document_through_a_succession(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    early = status(B, "03", about=(A, 1))
    await b.accepted(early)
    await a.accepted(letter(A, MERGED))
    await hub.pool.execute("UPDATE delivery SET unit_id = $1 WHERE kind = 'document'", MERGED)
    await hub.sweep()
    assert await hub.column("SELECT 1 FROM event WHERE kind = 'status_matched'") == [1]
    assert await a.take_all() == [early]


async def test_a_successor_revokes_what_the_unit_before_it_has_sent(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    first = await b.accepted(letter(B, A))
    await hub.pool.execute("UPDATE document_key SET unit_id = $1", MERGED)
    await hub.settle()
    await a.take_all()
    await b.accepted(letter(B, A, number=9, business=Business(doc_type=1), response_for=[reference(B, 1)]))
    assert await b.business(first.document_id) == {A: "recall_requested"}
