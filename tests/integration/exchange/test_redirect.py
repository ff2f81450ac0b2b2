"""A delivery is redirected to another unit: linked, verified anew, with evidence; by whom it may be done."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from hub.domain.problems import Refusal
from hub.domain.transport import IllegalTransition
from tests.support.hub import FAILED, LOCKED, MERGED, PASSED, A, Answer, B, C, HubUnderTest, Peer
from tests.support.messages import letter, revocation, status

WHY: dict[str, Any] = {"by": "văn thư tỉnh", "reason": "không thuộc thẩm quyền"}


@pytest.fixture
async def sent(hub: HubUnderTest, a: Peer, b: Peer, c: Peer) -> str:
    """A letter from A that waits for B."""
    answer = await a.accepted(letter(A, B))
    await hub.settle()
    return answer.document_id


async def states(peer: Peer, document_id: str) -> dict[str, str]:
    """Transport state by unit."""
    return {d["unit"]: d["state"] for d in (await peer.show(document_id))["deliveries"]}


async def test_the_other_unit_gets_a_delivery_of_its_own(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer, sent: str
) -> None:
    old = await b.only()
    made = await hub.decisions.redirect(UUID(old), to=C, **WHY)
    assert await b.inbox() == []
    await hub.settle()
    assert await c.take_all() == [letter(A, B)]
    shown = (await a.show(sent))["deliveries"]
    assert {d["unit"]: (d["state"], d["redirected_from"]) for d in shown} == {
        B: ("redirected", None),
        C: ("confirmed", old),
    }
    assert str(made.id) != old


async def test_the_sender_has_evidence_and_the_reason(hub: HubUnderTest, a: Peer, b: Peer, sent: str) -> None:
    await hub.decisions.redirect(UUID(await b.only()), to=C, **WHY)
    assert [e["kind"] for e in await a.evidence(sent)] == ["redirect"]
    answer = await a.call("GET", f"/api/v1/documents/{sent}/timeline")
    reasons = [e["reason"] for e in answer.json["events"] if e["kind"] == "delivery_redirected"]
    assert reasons == ["văn thư tỉnh: không thuộc thẩm quyền"]


async def test_the_other_units_policy_decides(hub: HubUnderTest, a: Peer, b: Peer, sent: str) -> None:
    old = await b.only()
    hub.verifier.verdict = FAILED
    await hub.decisions.redirect(UUID(old), to=C, **WHY)
    await hub.settle()
    assert await states(a, sent) == {B: "redirected", C: "held"}


async def test_a_rejected_delivery_is_redirected(hub: HubUnderTest, a: Peer, b: Peer, sent: str) -> None:
    old = await b.only()
    token = await b.lease(old)
    await b.act(old, "reject", lease_token=token, reason="không phải của đơn vị")
    await hub.decisions.redirect(UUID(old), to=C, **WHY)
    assert (await states(a, sent))[B] == "redirected"


async def test_what_a_clerk_has_refused_is_redirected_and_stays_confirmed(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer, sent: str
) -> None:
    old = await b.only()
    await b.take(old)
    with pytest.raises(IllegalTransition):
        await hub.decisions.redirect(UUID(old), to=C, **WHY)
    await b.accepted(status(B, "02", about=(A, 1), text="gửi nhầm"))
    await hub.decisions.redirect(UUID(old), to=C, **WHY)
    await hub.settle()
    assert len(await c.inbox()) == 1
    assert (await states(a, sent))[B] == "confirmed"


async def test_what_somebody_holds_is_not_taken_out_of_its_hands(
    hub: HubUnderTest, b: Peer, sent: str
) -> None:
    old = await b.only()
    await b.lease(old)
    with pytest.raises(IllegalTransition):
        await hub.decisions.redirect(UUID(old), to=C, **WHY)


async def test_who_had_the_document_before_may_still_confirm(
    hub: HubUnderTest, a: Peer, b: Peer, sent: str
) -> None:
    old = await b.only()
    token = await b.lease(old)
    await hub.later(minutes=6)
    await hub.sweep()
    await hub.decisions.redirect(UUID(old), to=C, **WHY)
    assert (await b.act(old, "confirm", lease_token=token)).status == 200
    assert (await states(a, sent))[B] == "confirmed"
    assert "delivery_confirmed_late" in await a.kinds(sent)


@pytest.mark.parametrize(("to", "code"), [(B, "redirect_pointless"), (MERGED, "redirect_pointless")])
async def test_a_redirect_to_who_has_it_already_is_refused(
    hub: HubUnderTest, b: Peer, sent: str, to: str, code: str
) -> None:
    with pytest.raises(Refusal) as caught:
        await hub.decisions.redirect(UUID(await b.only()), to=to, **WHY)
    assert caught.value.code == code


async def test_a_redirect_to_where_nothing_can_go_is_refused(hub: HubUnderTest, b: Peer, sent: str) -> None:
    with pytest.raises(Refusal) as caught:
        await hub.decisions.redirect(UUID(await b.only()), to=LOCKED, **WHY)
    assert caught.value.code == "recipient_locked"


async def redirect(peer: Peer, delivery_id: str, to: str = C) -> Answer:
    """Ask for it as a system."""
    return await peer.act(delivery_id, "redirect", to=to, reason="không thuộc thẩm quyền")


async def test_a_recipients_system_redirects_what_is_its_own(
    hub: HubUnderTest, b: Peer, c: Peer, sent: str
) -> None:
    answer = await redirect(b, await b.only())
    assert (answer.status, answer.json["unit"]) == (200, C)


async def test_a_system_redirects_nothing_of_others(hub: HubUnderTest, a: Peer, b: Peer, sent: str) -> None:
    assert (await redirect(a, await b.only())).code == "delivery_unknown"


async def test_a_change_follows_the_document_to_where_it_was_redirected(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer, sent: str
) -> None:
    hub.verifier.verdict = PASSED
    await hub.decisions.redirect(UUID(await b.only()), to=C, **WHY)
    await hub.settle()
    await c.take_all()
    answer = await a.accepted(revocation(A, B, of=1, number=9))
    (recipient,) = answer.json["receipt"]["recipients"]
    assert recipient == {"code": B, "unit": C, "result": "forwarded"}
    await hub.settle()
    assert await b.inbox() == []
    assert len(await c.inbox()) == 1


async def test_a_recall_reaches_who_has_the_document(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer, sent: str
) -> None:
    await hub.decisions.redirect(UUID(await b.only()), to=C, **WHY)
    await hub.settle()
    await c.take_all()
    await a.accepted(status(A, "13", about=(A, 1), to=B, text="gửi nhầm"))
    await hub.settle()
    assert await b.inbox() == []
    assert [o["status_code"] for o in await c.inbox()] == ["13"]
