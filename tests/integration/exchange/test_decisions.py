"""People decide about held deliveries: released, refused, sent again; reasons on record."""

from __future__ import annotations

from uuid import UUID

import pytest

from hub.domain.problems import Refusal
from hub.domain.transport import DeliveryState, IllegalTransition
from hub.services.decisions import DecisionService
from tests.support.hub import FAILED, PASSED, A, B, HubUnderTest
from tests.support.messages import letter


@pytest.fixture
def desk(hub: HubUnderTest) -> DecisionService:
    return hub.decisions


async def held(hub: HubUnderTest) -> tuple[str, UUID]:
    """A document that is held; its id and that of its delivery."""
    sender, _ = await hub.system("a", A), await hub.system("b", B)
    hub.verifier.verdict = FAILED
    document_id = (await sender.accepted(letter(A, B))).document_id
    await hub.settle()
    (delivery,) = (await sender.show(document_id))["deliveries"]
    assert delivery["state"] == "held"
    return document_id, UUID(delivery["delivery_id"])


async def test_a_held_delivery_is_listed_for_people(hub: HubUnderTest, desk: DecisionService) -> None:
    _, delivery_id = await held(hub)
    assert [offer.delivery.id for offer in await desk.waiting()] == [delivery_id]


async def test_a_released_delivery_reaches_its_recipient(hub: HubUnderTest, desk: DecisionService) -> None:
    _, delivery_id = await held(hub)
    await desk.release(delivery_id, by="văn thư tỉnh", reason="đã gọi hỏi nơi gửi")
    assert await hub.systems["b"].only() == str(delivery_id)


async def test_the_sender_sees_why_a_delivery_was_refused(hub: HubUnderTest, desk: DecisionService) -> None:
    document_id, delivery_id = await held(hub)
    await desk.refuse(delivery_id, by="văn thư tỉnh", reason="nội dung bị sửa")
    await hub.settle()
    answer = await hub.systems["a"].call("GET", f"/api/v1/documents/{document_id}/timeline")
    refused = [e for e in answer.json["events"] if e["kind"] == "delivery_refused"]
    assert [e["reason"] for e in refused] == ["văn thư tỉnh: nội dung bị sửa"]


async def test_a_decision_without_a_reason_is_refused(hub: HubUnderTest, desk: DecisionService) -> None:
    _, delivery_id = await held(hub)
    with pytest.raises(Refusal) as caught:
        await desk.release(delivery_id, by="văn thư", reason="  ")
    assert caught.value.code == "reason_missing"


async def test_what_is_not_held_cannot_be_released(hub: HubUnderTest, desk: DecisionService) -> None:
    _, delivery_id = await held(hub)
    await desk.refuse(delivery_id, by="văn thư", reason="sai")
    with pytest.raises(IllegalTransition):
        await desk.release(delivery_id, by="văn thư", reason="nhầm")


async def test_a_passed_deadline_is_no_way_around_the_hold(hub: HubUnderTest, desk: DecisionService) -> None:
    _, delivery_id = await held(hub)
    await hub.later(hours=73)
    await hub.sweep()
    resent = await desk.resend(delivery_id, by="văn thư", reason="gửi lại")
    assert resent.state is DeliveryState.HELD


async def test_a_rejected_delivery_is_offered_again_under_its_id(
    hub: HubUnderTest, desk: DecisionService
) -> None:
    sender, recipient = await hub.system("a", A), await hub.system("b", B)
    hub.verifier.verdict = PASSED
    await sender.accepted(letter(A, B))
    await hub.settle()
    delivery_id = await recipient.only()
    token = await recipient.lease(delivery_id)
    await recipient.act(delivery_id, "reject", lease_token=token, reason="không mở được")
    await desk.resend(UUID(delivery_id), by="văn thư", reason="đã sửa phần mềm")
    assert await recipient.only() == delivery_id


async def test_a_resent_delivery_has_new_deadlines(hub: HubUnderTest, desk: DecisionService) -> None:
    document_id, delivery_id = await held(hub)
    before = (await hub.systems["a"].show(document_id))["deliveries"][0]["deadline_at"]
    await hub.later(hours=73)
    await hub.sweep()
    await desk.resend(delivery_id, by="văn thư", reason="gửi lại")
    assert (await hub.systems["a"].show(document_id))["deliveries"][0]["deadline_at"] > before


async def test_a_resent_delivery_alerts_again(hub: HubUnderTest, desk: DecisionService) -> None:
    document_id, delivery_id = await held(hub)
    for hours in (9, 64):
        await hub.later(hours=hours)
        await hub.sweep()
    await desk.resend(delivery_id, by="văn thư", reason="gửi lại")
    await hub.later(hours=9)
    await hub.sweep()
    assert (await hub.systems["a"].kinds(document_id)).count("deadline_alerted") == 2


async def test_a_refused_move_is_on_record_once(hub: HubUnderTest, desk: DecisionService) -> None:
    document_id, delivery_id = await held(hub)
    await desk.refuse(delivery_id, by="văn thư", reason="sai")
    for _ in range(3):
        with pytest.raises(IllegalTransition):
            await desk.release(delivery_id, by="văn thư", reason="nhầm")
    assert (await hub.systems["a"].kinds(document_id)).count("transition_illegal") == 1


async def test_a_refusal_by_a_person_is_evidence_for_the_sender(
    hub: HubUnderTest, desk: DecisionService
) -> None:
    document_id, delivery_id = await held(hub)
    await desk.refuse(delivery_id, by="văn thư", reason="sai")
    assert [e["kind"] for e in await hub.systems["a"].evidence(document_id)] == ["refusal"]


async def test_a_refusal_by_policy_is_evidence_for_the_sender(hub: HubUnderTest) -> None:
    sender, _ = await hub.system("a", A), await hub.system("b", B, policy=[("on_failed", "refuse")])
    hub.verifier.verdict = FAILED
    document_id = (await sender.accepted(letter(A, B))).document_id
    await hub.settle()
    assert [e["kind"] for e in await sender.evidence(document_id)] == ["refusal"]


async def test_what_is_sent_again_goes_to_the_system_that_speaks_for_the_unit_by_then(
    hub: HubUnderTest, desk: DecisionService
) -> None:
    sender, old = await hub.system("a", A), await hub.system("b", B)
    await sender.accepted(letter(A, B))
    await hub.settle()
    delivery_id = await old.only()
    await old.lease(delivery_id)
    await hub.registry.release([B])
    new = await hub.system("b2", B)
    assert await new.inbox() == []
    await hub.later(minutes=6)
    await hub.sweep()
    assert await new.only() == delivery_id
    assert await old.inbox() == []
