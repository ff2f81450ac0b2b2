"""The recipient's side: lease, fetch, renew, confirm, reject, and the order of offers."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from aiohttp import ClientError

from hub.storage import listener
from hub.web.api import inbox
from tests.support.hub import A, B, C, HubUnderTest, Peer, at_once
from tests.support.messages import PDF, letter, number_of, replacement, revocation, status, update


@pytest.fixture
async def delivery(hub: HubUnderTest, a: Peer, b: Peer) -> str:
    """A delivery that waits in B's inbox."""
    await a.accepted(letter(A, B))
    await hub.settle()
    return await b.only()


async def state_of(hub: HubUnderTest, delivery_id: str) -> str:
    (state,) = await hub.column("SELECT state FROM delivery WHERE id::text = $1", delivery_id)
    return str(state)


# ---------------------------------------------------------------------------- leases


async def test_a_letter_is_not_offered_before_it_is_verified(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await a.accepted(letter(A, B))
    assert await b.inbox() == []
    (delivery_id,) = await hub.column("SELECT id::text FROM delivery")
    answer = await b.act(delivery_id, "lease")
    assert (answer.status, answer.code) == (409, "delivery_not_open")


async def test_what_is_leased_is_offered_to_nobody_and_given_to_nobody_else(
    hub: HubUnderTest, b: Peer, delivery: str
) -> None:
    await b.lease(delivery)
    assert await b.inbox() == []
    answer = await b.act(delivery, "lease")
    assert (answer.status, answer.code) == (409, "lease_held")
    assert answer.json["params"]["until"]


async def test_of_ten_leases_at_once_one_is_given(hub: HubUnderTest, b: Peer, delivery: str) -> None:
    answers = await at_once(*(b.act(delivery, "lease") for _ in range(10)))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 9


async def test_a_lease_that_has_run_out_is_given_again_without_waiting_for_a_sweep(
    hub: HubUnderTest, b: Peer, delivery: str
) -> None:
    first = await b.lease(delivery)
    await hub.later(minutes=6)
    assert await b.lease(delivery) == first + 1


async def test_a_lease_lasts_as_long_as_asked_between_thirty_seconds_and_an_hour(
    hub: HubUnderTest, b: Peer, delivery: str
) -> None:
    length = "SELECT extract(epoch FROM lease_until - hub_now())::float8 FROM delivery"
    for asked, least, most in ((None, 290, 300), (1, 20, 30), (600, 590, 600), (86_400, 3_590, 3_600)):
        answer = await b.act(delivery, "lease", **({} if asked is None else {"seconds": asked}))
        assert answer.status == 200
        assert least <= (await hub.column(length))[0] <= most
        await hub.later(hours=2)


async def test_a_renewed_lease_outlives_its_first_end(hub: HubUnderTest, b: Peer, delivery: str) -> None:
    token = await b.lease(delivery)
    await hub.later(minutes=4)
    assert (await b.act(delivery, "renew", lease_token=token)).status == 200
    await hub.later(minutes=4)
    await hub.sweep()
    assert await b.inbox() == []
    assert (await b.content(delivery, token)).status == 200


@pytest.mark.parametrize("action", ["renew", "reject"])
async def test_renew_and_reject_need_the_current_lease(
    hub: HubUnderTest, b: Peer, delivery: str, action: str
) -> None:
    old = await b.lease(delivery)
    await hub.later(minutes=6)
    new = await b.lease(delivery)
    for token in (old, new + 1):
        answer = await b.act(
            delivery, action, lease_token=token, **({"reason": "x"} if action == "reject" else {})
        )
        assert (answer.status, answer.code) == (409, "lease_lost")


async def test_content_needs_the_current_lease(hub: HubUnderTest, b: Peer, delivery: str) -> None:
    assert (await b.content(delivery, 1)).code == "lease_lost"
    old = await b.lease(delivery)
    await hub.later(minutes=6)
    await hub.sweep()
    assert (await b.content(delivery, old)).code == "lease_lost"
    new = await b.lease(delivery)
    assert (await b.content(delivery, old)).code == "lease_lost"
    assert (await b.content(delivery, new)).status == 200
    assert (await b.content(delivery, 0)).code == "bad_request"


async def test_content_may_be_fetched_again_under_the_same_lease(
    hub: HubUnderTest, b: Peer, delivery: str
) -> None:
    token = await b.lease(delivery)
    assert [(await b.content(delivery, token)).status for _ in range(3)] == [200, 200, 200]
    assert await state_of(hub, delivery) == "handed_over"


# ---------------------------------------------------------------------------- confirm and reject


async def test_a_confirmation_is_idempotent(hub: HubUnderTest, a: Peer, b: Peer, delivery: str) -> None:
    token = await b.lease(delivery)
    first = await b.act(delivery, "confirm", lease_token=token)
    await hub.later(minutes=1)
    again = await b.act(delivery, "confirm", lease_token=token)
    assert (first.status, again.status) == (200, 200)
    assert again.raw == first.raw
    assert len(await hub.column("SELECT 1 FROM event WHERE kind = 'delivery_confirmed'")) == 1


async def test_ten_confirmations_at_once_are_one(hub: HubUnderTest, b: Peer, delivery: str) -> None:
    token = await b.lease(delivery)
    answers = await at_once(*(b.act(delivery, "confirm", lease_token=token) for _ in range(10)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.raw for answer in answers}) == 1
    assert len(await hub.column("SELECT 1 FROM event WHERE kind = 'delivery_confirmed'")) == 1


@pytest.mark.parametrize("sweep_first", [True, False])
async def test_who_has_the_letter_may_confirm_it_after_the_lease_has_run_out(
    hub: HubUnderTest, b: Peer, delivery: str, sweep_first: bool
) -> None:
    token = await b.lease(delivery)
    await hub.later(minutes=6)
    if sweep_first:
        await hub.sweep()
    assert (await b.act(delivery, "confirm", lease_token=token)).status == 200
    await hub.sweep()
    assert await state_of(hub, delivery) == "confirmed"


async def test_an_old_token_confirms_while_a_newer_lease_runs(
    hub: HubUnderTest, b: Peer, delivery: str
) -> None:
    old = await b.lease(delivery)
    await hub.later(minutes=6)
    new = await b.lease(delivery)
    assert (await b.act(delivery, "confirm", lease_token=old)).status == 200
    assert (await b.act(delivery, "confirm", lease_token=new)).status == 200
    assert (await b.content(delivery, new)).code == "delivery_ended"


@pytest.mark.parametrize("token", [1, 2, 99])
async def test_a_token_that_was_never_given_confirms_nothing(
    hub: HubUnderTest, b: Peer, delivery: str, token: int
) -> None:
    if token == 2:
        await b.lease(delivery)
    answer = await b.act(delivery, "confirm", lease_token=token)
    assert (answer.status, answer.code) == (409, "lease_lost")
    assert await state_of(hub, delivery) != "confirmed"


async def test_a_confirmation_after_evidence_of_non_delivery_stands_beside_it(
    hub: HubUnderTest, a: Peer, b: Peer, delivery: str
) -> None:
    token = await b.lease(delivery)
    await hub.later(hours=73)
    await hub.sweep()
    assert (await b.act(delivery, "confirm", lease_token=token)).status == 200
    (document,) = await hub.column("SELECT document_id::text FROM delivery")
    assert (await a.show(document))["deliveries"][0]["state"] == "confirmed"
    assert len(await a.evidence(document)) == 1
    assert "delivery_confirmed_late" in await a.kinds(document)


async def test_a_rejection_ends_the_delivery_and_tells_the_sender_why(
    hub: HubUnderTest, a: Peer, b: Peer, delivery: str
) -> None:
    token = await b.lease(delivery)
    answer = await b.act(delivery, "reject", lease_token=token, reason=" tệp hỏng ")
    assert (answer.status, answer.json["state"]) == (200, "rejected")
    again = await b.act(delivery, "reject", lease_token=token, reason="tệp hỏng")
    assert again.json == answer.json
    (document,) = await hub.column("SELECT document_id::text FROM delivery")
    timeline = (await a.call("GET", f"/api/v1/documents/{document}/timeline")).json["events"]
    assert [e["reason"] for e in timeline if e["kind"] == "delivery_rejected"] == ["tệp hỏng"]
    assert await b.inbox() == []
    for action in ("lease", "confirm"):
        assert (await b.act(delivery, action, lease_token=token)).status in {400, 409}
    assert await state_of(hub, delivery) == "rejected"


@pytest.mark.parametrize("reason", ["", "   ", "x" * 1001])
async def test_a_rejection_needs_a_reason(hub: HubUnderTest, b: Peer, delivery: str, reason: str) -> None:
    token = await b.lease(delivery)
    answer = await b.act(delivery, "reject", lease_token=token, reason=reason)
    assert answer.code in {"reason_missing", "bad_request"}
    assert await state_of(hub, delivery) == "leased"


async def test_another_systems_delivery_is_unknown(
    hub: HubUnderTest, a: Peer, b: Peer, delivery: str
) -> None:
    c = await hub.system("DMS C", C)
    token = await b.lease(delivery)
    for peer, wanted in ((a, delivery), (c, delivery), (b, str(uuid4())), (b, "x")):
        for action, more in (
            ("lease", {}),
            ("renew", {"lease_token": token}),
            ("confirm", {"lease_token": token}),
            ("reject", {"lease_token": token, "reason": "x"}),
        ):
            answer = await peer.act(wanted, action, **more)
            assert (answer.status, answer.code) == (404, "delivery_unknown"), (peer.name, action)
        assert (await peer.content(wanted, token)).code == "delivery_unknown"


def damage(hub: HubUnderTest) -> None:
    """Change one byte near the end of the only blob."""
    (blob,) = [path for path in (hub.folder / "blobs" / "objects").rglob("*") if path.is_file()]
    data = bytearray(blob.read_bytes())
    data[-20] ^= 1
    blob.chmod(0o600)
    blob.write_bytes(data)


async def test_damaged_content_is_an_error_and_not_a_hand_over(
    hub: HubUnderTest, b: Peer, delivery: str
) -> None:
    damage(hub)
    answer = await b.content(delivery, await b.lease(delivery))
    assert (answer.status, answer.code) == (500, "blob_damaged")
    assert await state_of(hub, delivery) == "leased"


async def test_damage_seen_on_the_way_breaks_the_hand_over_off(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await a.accepted(letter(A, B, files=[("to.pdf", PDF * 20_000)]))
    await hub.settle()
    delivery_id = await b.only()
    token = await b.lease(delivery_id)
    damage(hub)
    with pytest.raises(ClientError):
        await b.content(delivery_id, token)
    assert await state_of(hub, delivery_id) == "leased"


async def test_missing_content_is_an_error_and_not_a_hand_over(
    hub: HubUnderTest, b: Peer, delivery: str
) -> None:
    for blob in await hub.stored_blobs():
        await hub.blobs.delete(blob)
    token = await b.lease(delivery)
    answer = await b.content(delivery, token)
    assert (answer.status, answer.code) == (500, "blob_missing")
    assert await state_of(hub, delivery) == "leased"


# ---------------------------------------------------------------------------- waiting


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set once a call waits."""
    begun = asyncio.Event()
    wait = listener._Wakeup.wait

    async def noted(wakeup: listener._Wakeup, seconds: float) -> bool:
        begun.set()
        return await wait(wakeup, seconds)

    monkeypatch.setattr(listener._Wakeup, "wait", noted)
    return begun


async def test_a_waiting_call_is_woken_by_what_comes(
    hub: HubUnderTest, a: Peer, b: Peer, waits: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "LOOK_AGAIN_S", 3600.0)
    async with asyncio.TaskGroup() as group:
        listening = group.create_task(hub.motions.listen())
        waiting = group.create_task(b.inbox(wait="25"))
        await waits.wait()
        await a.accepted(letter(A, B))
        await hub.settle()
        offers = await waiting
        listening.cancel()
    assert [offer["document_no"] for offer in offers] == [number_of(A, 1)]


async def test_a_waiting_call_looks_by_itself_when_its_wake_up_was_lost(
    hub: HubUnderTest, a: Peer, b: Peer, waits: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "LOOK_AGAIN_S", 0.01)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(b.inbox(wait="25"))
        await waits.wait()
        await a.accepted(letter(A, B))
        await hub.settle()
        assert len(await waiting) == 1


async def test_a_waiting_call_is_answered_at_once_when_the_hub_stops(
    hub: HubUnderTest, b: Peer, waits: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "LOOK_AGAIN_S", 3600.0)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        waiting = group.create_task(b.inbox(wait="25"))
        await waits.wait()
        await hub.app.shutdown()
        assert await waiting == []


async def test_a_call_that_does_not_wait_is_answered_at_once(hub: HubUnderTest, b: Peer) -> None:
    assert await b.inbox(wait="0") == []
    assert not hub.services.wakeups._waiting  # type: ignore[attr-defined]


# ---------------------------------------------------------------------------- order


async def test_urgent_ones_come_first_and_every_fifth_place_is_a_normal_ones(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    for n in range(20):
        await a.accepted(letter(A, B, number=n, priority=n % 2))
    await hub.settle()
    lanes = ["u" if offer["urgent"] else "n" for offer in await b.inbox()]
    assert "".join(lanes) == "uuuunuuuunuunnnnnnnn"
    first = ["u" if offer["urgent"] else "n" for offer in await b.inbox(limit="5")]
    assert "".join(first) == "uuuun"


async def test_within_a_lane_letters_are_offered_in_the_order_of_acceptance(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    for n in range(5):
        await a.accepted(letter(A, B, number=n))
    await hub.settle()
    assert [offer["document_no"] for offer in await b.inbox()] == [number_of(A, n) for n in range(5)]


@pytest.mark.parametrize("change", ["revoke", "update", "replace"])
async def test_what_refers_to_a_letter_is_not_offered_before_the_letter(
    hub: HubUnderTest, a: Peer, b: Peer, change: str
) -> None:
    await a.accepted(letter(A, B))
    later = {
        "revoke": revocation(A, B, of=1, number=2),
        "update": update(A, B, number=1),
        "replace": replacement(A, B, of=1, number=2),
    }[change]
    await a.accepted(later)
    await hub.settle()
    first = await b.only()
    (waiting,) = await hub.column("SELECT id::text FROM delivery WHERE id::text <> $1", first)
    refused = await b.act(waiting, "lease")
    assert (refused.status, refused.code) == (409, "delivery_not_open")
    token = await b.lease(first)
    assert await b.inbox() == []
    await b.content(first, token)
    assert await b.only() == waiting
    assert (await b.take(waiting)).raw == later


async def test_a_recall_of_a_letter_that_may_have_left_comes_after_the_letter(
    hub: HubUnderTest, a: Peer, b: Peer, delivery: str
) -> None:
    token = await b.lease(delivery)
    recall = status(A, "13", about=(A, 1), to=B, text="gửi nhầm")
    await a.accepted(recall)
    assert await b.inbox() == []
    await b.content(delivery, token)
    assert (await b.take(await b.only())).raw == recall


async def test_what_refers_to_a_letter_that_has_ended_is_offered(
    hub: HubUnderTest, a: Peer, b: Peer, delivery: str
) -> None:
    await a.accepted(update(A, B, number=1))
    await hub.settle()
    token = await b.lease(delivery)
    await b.act(delivery, "reject", lease_token=token, reason="x")
    assert len(await b.inbox()) == 1


async def test_an_update_with_higher_urgency_still_waits_for_its_letter(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    await a.accepted(letter(A, B))
    urgent = update(A, B, number=1).replace(b"Priority>0<", b"Priority>3<")
    await a.accepted(urgent)
    await hub.settle()
    (offer,) = await b.inbox()
    assert offer["version_no"] == 1
