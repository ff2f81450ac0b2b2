"""What a hostile reader found: each once as a test, so that it stays found."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
from aiohttp import ClientError

from hub.domain.directory import UnitState
from hub.ports.verification import VerificationTimedOut
from signing.report import Indication, Role
from tests.support.hub import FAILED, A, B, C, FakeVerifier, HubUnderTest, Peer, hub_on, report, signed
from tests.support.messages import letter


async def test_a_cancelled_commit_leaves_the_blob(
    hub: HubUnderTest, a: Peer, b: Peer, monkeypatch: Any
) -> None:
    real = asyncpg.transaction.Transaction.commit

    async def commit_then_cancel(self: Any) -> None:
        await real(self)
        raise asyncio.CancelledError

    monkeypatch.setattr(asyncpg.transaction.Transaction, "commit", commit_then_cancel)
    with pytest.raises((ClientError, TimeoutError)):
        await a.send(letter(A, B))
    monkeypatch.undo()
    (blob_id,) = await hub.column("SELECT blob_id FROM document")
    assert blob_id in await hub.stored_blobs()


async def test_a_nul_in_a_reason_does_not_change_the_decision(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    bad = signed(Role.SIGNER, Indication.TOTAL_FAILED, reason="a\x00b\ud800")
    hub.verifier.verdict = report(bad)
    document_id = (await a.accepted(letter(A, B))).document_id
    await hub.settle()
    assert [d["state"] for d in (await a.show(document_id))["deliveries"]] == ["held"]


class UnreadablePages(FakeVerifier):
    async def first_page_lines(self, _path: Any) -> Any:
        raise VerificationTimedOut


async def test_the_recipient_is_told_of_a_page_that_could_not_be_searched(
    database_url: str, tmp_path: Any
) -> None:
    async with hub_on(database_url, tmp_path, verifier=UnreadablePages()) as hub:
        sender, _ = await hub.system("a", A), await hub.system("b", B)
        document_id = (await sender.accepted(letter(A, B))).document_id
        await hub.settle()
        (delivery,) = (await sender.show(document_id))["deliveries"]
        assert delivery["state"] == "queued"
        assert delivery["acceptance"] == {
            "decision": "deliver_with_warning",
            "reasons": ["first_page_unread"],
        }


async def test_mail_goes_with_the_unit_to_its_new_system(hub: HubUnderTest, a: Peer) -> None:
    old = await hub.system("old", B)
    await a.accepted(letter(A, B))
    await hub.settle()
    await hub.registry.release([B])
    assert await old.inbox() == []
    new = await hub.system("new", B)
    assert len(await new.inbox()) == 1
    assert await old.inbox() == []


async def test_a_locked_unit_gets_no_mail(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await a.accepted(letter(A, B))
    await hub.settle()
    await hub.registry.set_unit_state(B, UnitState.LOCKED)
    assert await b.inbox() == []


async def test_a_held_document_is_unknown_to_its_recipient(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    hub.verifier.verdict = FAILED
    document_id = (await a.accepted(letter(A, B))).document_id
    await hub.settle()
    answer = await b.call("GET", f"/api/v1/documents/{document_id}")
    assert answer.code == "document_unknown"


async def test_a_recall_goes_on_past_a_recipient_that_cannot_be_asked(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer
) -> None:
    document_id = (await a.accepted(letter(A, [B, C]))).document_id
    await hub.settle()
    await b.take(await b.only())
    await c.take(await c.only())
    await hub.registry.set_unit_state(B, UnitState.LOCKED)
    order = {"reason": "gửi nhầm", "at": "2026-11-02T02:00:00Z"}
    answer = await a.call("POST", f"/api/v1/documents/{document_id}/recall", json=order)
    told = {r["unit"]: (r["result"], r["code"]) for r in answer.json["recipients"]}
    assert told == {B: ("failed", "recipient_locked"), C: ("asked", None)}


async def test_the_cursor_moves_on_where_nothing_concerned_the_caller(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer
) -> None:
    await a.accepted(letter(A, B))
    await hub.settle()
    page = (await c.call("GET", "/api/v1/events")).json
    assert (page["events"], page["next"] > 0) == ([], True)


async def test_a_name_given_with_a_resend_is_taken(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await a.accepted(letter(A, B, number=1))
    assert (await a.send(letter(A, B, number=1), Idempotency_Key="k2")).status == 200
    assert (await a.send(letter(A, B, number=2), Idempotency_Key="k2")).code == "idempotency_conflict"


async def test_renewing_ends_at_the_deadline(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    document_id = (await a.accepted(letter(A, B))).document_id
    await hub.settle()
    delivery_id = await b.only()
    token = await b.lease(delivery_id, seconds=3600)
    (deadline,) = [d["deadline_at"] for d in (await a.show(document_id))["deliveries"]]
    await hub.later(hours=71, minutes=59)
    answer = await b.act(delivery_id, "renew", lease_token=token, seconds=3600)
    assert answer.json["lease_until"] == deadline


async def test_a_document_whose_verification_does_not_end_is_alerted(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    document_id = (await a.accepted(letter(A, B))).document_id
    await hub.later(hours=9)
    await hub.sweep()
    assert "deadline_alerted" in await a.kinds(document_id)


async def test_a_nul_in_a_reason_of_a_person_is_refused(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await a.accepted(letter(A, B))
    await hub.settle()
    delivery_id = await b.only()
    token = await b.lease(delivery_id)
    answer = await b.act(delivery_id, "reject", lease_token=token, reason="a\x00b")
    assert (answer.status, answer.code) == (400, "bad_request")
