"""Business statuses: carried back, applied or only recorded, parked, matched, quarantined."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.hub import B_SECOND, MERGED, A, B, C, HubUnderTest, Peer, at_once
from tests.support.messages import letter, replacement, revocation, status, update


async def effects(hub: HubUnderTest, kind: str) -> int:
    return len(await hub.column("SELECT 1 FROM event WHERE kind = $1", kind))


# ---------------------------------------------------------------------------- carried and applied


async def test_a_status_goes_back_to_the_sender_and_moves_only_the_state_at_its_recipient(
    hub: HubUnderTest, a: Peer, b: Peer, sent: str
) -> None:
    body = status(B, "03", about=(A, 1), text="đã vào sổ")
    await b.accepted(body)
    assert await a.business(sent) == {B: "accepted", C: "sent"}
    (offer,) = await a.inbox()
    assert (offer["kind"], offer["status_code"], offer["from_code"]) == ("status", "03", B)
    assert await a.take_all() == [body]


async def test_statuses_arrive_in_the_order_in_which_they_were_said(
    hub: HubUnderTest, a: Peer, b: Peer, sent: str
) -> None:
    for code in ("01", "03", "05", "06"):
        await b.accepted(status(B, code, about=(A, 1)))
    assert [offer["status_code"] for offer in await a.inbox()] == ["01", "03", "05", "06"]
    assert (await a.business(sent))[B] == "finished"


@pytest.mark.parametrize(
    ("codes", "state", "kind"),
    [
        (["03", "02"], "accepted", "status_illegal"),
        (["15"], "sent", "status_illegal"),
        (["03", "01"], "accepted", "status_regression"),
        (["05", "05"], "processing", "status_repeated"),
        (["02", "06"], "refused", "status_illegal"),
    ],
)
async def test_what_the_table_does_not_allow_is_recorded_and_carried_but_not_applied(
    hub: HubUnderTest, a: Peer, b: Peer, sent: str, codes: list[str], state: str, kind: str
) -> None:
    for number, code in enumerate(codes):
        await b.accepted(status(B, code, about=(A, 1), text="lý do", at=f"2026/11/02 08:00:{number:02}"))
    assert (await a.business(sent))[B] == state
    assert await effects(hub, kind) == 1
    assert len(await a.inbox()) == len(codes)


@pytest.mark.parametrize(("answer", "state"), [("15", "recalled"), ("16", "accepted")])
async def test_a_recall_goes_to_the_recipient_and_is_answered(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer, sent: str, answer: str, state: str
) -> None:
    await b.accepted(status(B, "03", about=(A, 1)))
    recall = status(A, "13", about=(A, 1), to=B, text="gửi nhầm")
    await a.accepted(recall)
    assert await a.business(sent) == {B: "recall_requested", C: "sent"}
    assert await b.take_all() == [recall]
    assert await c.inbox() == []
    await b.accepted(status(B, answer, about=(A, 1), text="trả lời"))
    assert (await a.business(sent))[B] == state


@pytest.mark.parametrize(
    ("make", "requested", "agreed"),
    [
        (lambda: revocation(A, [B, C], of=1, number=2), "recall_requested", "recalled"),
        (lambda: update(A, [B, C], number=1), "update_requested", "arrived"),
        (lambda: replacement(A, [B, C], of=1, number=2), "replace_requested", "replaced"),
    ],
)
async def test_a_change_asks_each_recipient_and_is_answered_by_each(
    hub: HubUnderTest, a: Peer, b: Peer, sent: str, make: Any, requested: str, agreed: str
) -> None:
    await b.accepted(status(B, "01", about=(A, 1)))
    await a.accepted(make())
    assert await a.business(sent) == {B: requested, C: requested}
    answer = await b.status(sent, "15")
    assert answer.status == 201, answer.raw
    assert await a.business(sent) == {B: agreed, C: requested}


async def test_a_status_about_an_update_that_went_to_fewer_finds_the_version_that_its_sender_has(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer, sent: str
) -> None:
    second = await a.accepted(update(A, C, number=1))
    await hub.settle()
    await c.take_all()
    await b.accepted(status(B, "06", about=(A, 1)))
    await c.accepted(status(C, "03", about=(A, 1)))
    assert (await a.business(sent))[B] == "finished"
    assert await a.business(second.document_id) == {C: "accepted"}
    assert await effects(hub, "status_parked") == 0


async def test_the_same_status_said_ten_times_at_once_is_one_message(
    hub: HubUnderTest, a: Peer, b: Peer, sent: str
) -> None:
    answers = await at_once(*(b.send(status(B, "01", about=(A, 1))) for _ in range(10)))
    assert len({answer.raw for answer in answers}) == 1
    assert len(await a.inbox()) == 1


async def test_a_status_of_a_successor_speaks_for_the_unit_that_was_addressed(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    answer = await a.accepted(letter(A, MERGED))
    await hub.settle()
    await b.accepted(status(B, "01", about=(A, 1)))
    assert await a.business(answer.document_id) == {B: "arrived"}
    await b.accepted(status(MERGED, "03", about=(A, 1)))
    assert await a.business(answer.document_id) == {B: "accepted"}


async def test_a_status_of_somebody_who_never_got_the_letter_moves_nothing(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer
) -> None:
    answer = await a.accepted(letter(A, B))
    await hub.settle()
    await c.accepted(status(C, "06", about=(A, 1)))
    assert await a.business(answer.document_id) == {B: "sent"}
    assert [o["status_code"] for o in await a.inbox()] == []


async def test_a_recall_of_a_letter_that_was_sent_by_another_moves_nothing(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer, sent: str
) -> None:
    await c.accepted(status(C, "13", about=(A, 1), to=B, text="x"))
    assert await a.business(sent) == {B: "sent", C: "sent"}
    assert await b.inbox() == []


# ---------------------------------------------------------------------------- parked


async def test_a_status_for_an_unknown_document_is_parked_and_offered_once_the_document_is_known(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    early = status(B, "03", about=(A, 1))
    await b.accepted(early)
    await hub.sweep()
    assert await a.inbox() == []
    assert await effects(hub, "status_parked") == 1
    answer = await a.accepted(letter(A, B))
    await hub.sweep()
    assert await a.take_all() == [early]
    assert await a.business(answer.document_id) == {B: "accepted"}
    assert await effects(hub, "status_matched") == 1


async def test_a_parked_recall_still_comes_after_its_letter(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await a.accepted(status(A, "13", about=(A, 1), to=B, text="gửi nhầm"))
    answer = await a.accepted(letter(A, B))
    await hub.sweep()
    await hub.settle()
    assert await a.business(answer.document_id) == {B: "recall_requested"}
    kinds = []
    for _ in range(2):
        (offer,) = await b.inbox()
        kinds.append(offer["kind"])
        await b.take(offer["delivery_id"])
    assert kinds == ["document", "status"]


async def test_many_statuses_that_wait_in_vain_hide_none_whose_document_has_come(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    for number in range(100, 205):
        await b.accepted(status(B, "01", about=(A, number)))
    await b.accepted(status(B, "01", about=(A, 1)))
    await a.accepted(letter(A, B))
    await hub.sweep()
    assert len(await a.inbox()) == 1


async def test_after_a_day_a_status_that_nobody_can_match_is_held_for_a_person(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    answer = await b.accepted(status(B, "01", about=(A, 1)))
    await hub.later(hours=25)
    await hub.sweep()
    (delivery,) = (await b.show(answer.document_id))["deliveries"]
    assert (delivery["state"], delivery["acceptance"]["reasons"]) == ("held", ["status_document_unknown"])
    assert await effects(hub, "status_quarantined") == 1
    assert await a.inbox() == []


async def test_a_parked_status_cannot_be_leased_by_who_knows_its_id(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    await b.accepted(status(B, "01", about=(A, 1)))
    (delivery_id,) = await hub.column("SELECT id::text FROM delivery")
    assert (await a.act(delivery_id, "lease")).code == "delivery_not_open"


# ---------------------------------------------------------------------------- said in JSON


async def test_a_status_said_in_json_is_the_edxml_message_that_the_sender_gets(
    hub: HubUnderTest, a: Peer, b: Peer, sent: str
) -> None:
    answer = await b.status(sent, "02", description="thiếu phụ lục", staff="Văn thư")
    assert answer.status == 201
    (body,) = await a.take_all()
    for part in (B, A, ">02<", "thiếu phụ lục", "Văn thư", "2026/11/02 08:00:00"):
        assert part in body.decode()
    assert await a.business(sent) == {B: "refused", C: "sent"}


async def test_a_status_said_again_in_json_gets_the_same_receipt(
    hub: HubUnderTest, a: Peer, b: Peer, sent: str
) -> None:
    first = await b.status(sent, "01")
    await hub.later(minutes=5)
    again = await b.status(sent, "01")
    assert (first.status, again.status) == (201, 200)
    assert again.raw == first.raw
    other_zone = await b.status(sent, "01", at="2026-11-02T08:00:00+07:00")
    assert other_zone.raw == first.raw


async def test_a_status_said_again_after_a_renaming_gets_the_same_receipt(
    hub: HubUnderTest, a: Peer, b: Peer, sent: str
) -> None:
    first = await b.status(sent, "01")
    await hub.pool.execute("UPDATE agency SET name = 'Tên mới'")
    await hub.pool.execute("UPDATE directory_version SET version = version + 1")
    again = await b.status(sent, "01")
    assert (again.status, again.raw) == (200, first.raw)
    assert len(await a.inbox()) == 1


async def test_a_status_in_json_is_about_the_version_that_it_names(
    hub: HubUnderTest, a: Peer, b: Peer, sent: str
) -> None:
    second = await a.accepted(update(A, [B, C], number=1))
    await hub.settle()
    await b.take_all()
    await b.status(sent, "06")
    assert (await a.business(sent))[B] == "update_requested"
    assert (await a.business(second.document_id))[B] == "sent"
    await b.status(second.document_id, "03")
    assert (await a.business(second.document_id))[B] == "accepted"


@pytest.mark.parametrize("code", ["02", "16"])
async def test_a_status_that_must_say_why_is_refused_without_a_reason(
    hub: HubUnderTest, b: Peer, sent: str, code: str
) -> None:
    answer = await b.status(sent, code, description="  ")
    assert (answer.status, answer.code) == (422, "reason_missing")


async def test_a_side_may_only_say_its_own_codes(hub: HubUnderTest, a: Peer, b: Peer, sent: str) -> None:
    recipient = await b.status(sent, "13", description="x")
    sender = await a.status(sent, "03")
    assert (recipient.status, recipient.code) == (403, "status_not_allowed")
    assert (sender.status, sender.code) == (403, "status_not_allowed")


async def test_a_recall_of_several_must_name_one(hub: HubUnderTest, a: Peer, b: Peer, sent: str) -> None:
    assert (await a.status(sent, "13", description="x")).code == "recipient_unknown"
    named = await a.status(sent, "13", description="x", to_code=B)
    assert named.status == 201
    assert await a.business(sent) == {B: "recall_requested", C: "sent"}


async def test_a_system_with_two_recipient_units_must_say_for_which_it_speaks(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    answer = await a.accepted(letter(A, [B, B_SECOND]))
    await hub.settle()
    assert (await b.status(answer.document_id, "01")).code == "recipient_unknown"
    assert (await b.status(answer.document_id, "01", from_code=B_SECOND)).status == 201
    assert await a.business(answer.document_id) == {B: "sent", B_SECOND: "arrived"}


async def test_a_status_about_a_status_is_not_possible(
    hub: HubUnderTest, a: Peer, b: Peer, sent: str
) -> None:
    said = await b.accepted(status(B, "01", about=(A, 1)))
    for peer, code in ((a, "01"), (b, "13")):
        answer = await peer.status(said.document_id, code, description="x")
        assert (answer.status, answer.code) == (403, "status_not_allowed")


async def test_a_status_about_what_concerns_somebody_else_is_unknown(hub: HubUnderTest, a: Peer) -> None:
    b, c = await hub.system("DMS B", B), await hub.system("DMS C", C)
    answer = await a.accepted(letter(A, B))
    await hub.settle()
    assert (await c.status(answer.document_id, "01")).code == "document_unknown"
    assert (await b.status(answer.document_id, "01")).status == 201


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"status_code": "07"}, "status_code"),
        ({"at": "2026-11-02T01:00:00"}, "at"),
        ({"about": "x"}, "about"),
        ({"description": "x" * 1001}, "description"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_bad_field_is_named(
    hub: HubUnderTest, b: Peer, sent: str, fields: dict[str, str], named: str
) -> None:
    order = {"about": sent, "status_code": "01", "at": "2026-11-02T01:00:00Z"} | fields
    answer = await b.call("POST", "/api/v1/statuses", json=order)
    assert (answer.status, answer.code) == (400, "bad_request")
    assert answer.json["params"] == {"field": named}


async def test_a_secrecy_mark_in_a_reason_is_refused(hub: HubUnderTest, b: Peer, sent: str) -> None:
    assert (await b.status(sent, "02", description="[MẬT] lý do")).code == "secrecy_mark"
