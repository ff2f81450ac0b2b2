"""Retirements, mergers and splits: looked at, carried out, kept, and what becomes of the mail."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from hub.domain.directory import Level, ResultKind, UnitState
from hub.domain.directory_csv import format_csv, parse
from hub.domain.directory_orders import (
    AddCode,
    AddUnit,
    EndCode,
    OrderRefused,
    Rename,
    Reopen,
    Retire,
    SetState,
)
from hub.services.directory_admin import Import
from tests.support.hub import ALONE, A, B, C, HubUnderTest, Peer
from tests.support.messages import letter

NEW = "000.00.20.H09"


async def order(hub: HubUnderTest, *orders: Any) -> None:
    for each in orders:
        await hub.registry.changes.carry_out(each, by="Nguyễn Văn A")


async def forward(hub: HubUnderTest) -> int:
    moved = 0
    while done := await hub.motions.succession.forward():
        moved += done
    await hub.settle()
    return moved


async def today(hub: HubUnderTest) -> date:
    return await hub.registry.changes.today()


# ------------------------------------------------------------------ the mail of a unit that ends


async def test_what_waits_at_a_retired_unit_reaches_its_successor_once(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    c = await hub.system("DMS C", C)
    sent = await a.accepted(letter(A, B))
    await hub.settle()
    await order(hub, Retire(codes=(B,), successors=(C,), on=await today(hub)))
    assert await forward(hub) == 1
    assert await b.inbox() == []
    assert (await c.take(await c.only())).raw == (
        await a.call("GET", f"/api/v1/documents/{sent.document_id}/content")
    ).raw
    shown = await a.show(sent.document_id)
    assert {(d["unit"], d["state"]) for d in shown["deliveries"]} == {(B, "redirected"), (C, "confirmed")}
    assert [e["kind"] for e in await a.evidence(sent.document_id)] == ["redirect"]
    assert await forward(hub) == 0


async def test_until_its_day_a_unit_acts_and_from_then_on_its_successor(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    c = await hub.system("DMS C", C)
    day = date.fromordinal((await today(hub)).toordinal() + 2)
    await a.accepted(letter(A, B))
    await hub.settle()
    await order(hub, Retire(codes=(B,), successors=(C,), on=day))
    assert await forward(hub) == 0
    await b.only()
    await hub.later(days=2)
    assert await forward(hub) == 1
    assert (await b.inbox(), len(await c.inbox())) == ([], 1)


async def test_a_document_addressed_to_both_is_delivered_once(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    c = await hub.system("DMS C", C)
    sent = await a.accepted(letter(A, [B, C]))
    await hub.settle()
    await order(hub, Retire(codes=(B,), successors=(C,), on=await today(hub)))
    assert await forward(hub) == 1
    assert len(await c.inbox()) == 1
    assert {d["state"] for d in (await a.show(sent.document_id))["deliveries"]} == {"redirected", "queued"}


async def test_what_is_leased_stays_until_its_lease_has_ended(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    c = await hub.system("DMS C", C)
    await a.accepted(letter(A, B))
    await hub.settle()
    await b.lease(await b.only())
    await order(hub, Retire(codes=(B,), successors=(C,), on=await today(hub)))
    assert await forward(hub) == 0
    await hub.later(minutes=6)
    await hub.sweep()
    assert await forward(hub) == 1
    assert len(await c.inbox()) == 1


async def test_a_status_for_a_retired_sender_reaches_its_successor(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    c = await hub.system("DMS C", C)
    sent = await a.accepted(letter(A, B))
    await hub.settle()
    await b.take(await b.only())
    assert (await b.status(sent.document_id, "01")).status == 201
    await order(hub, Retire(codes=(A,), successors=(C,), on=await today(hub)))
    assert await forward(hub) == 1
    assert (await a.inbox(), [o["status_code"] for o in await c.inbox()]) == ([], ["01"])


async def test_mail_stays_where_no_successor_can_be_reached(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await a.accepted(letter(A, B))
    await hub.settle()
    await order(hub, Retire(codes=(B,), successors=(ALONE,), on=await today(hub)))
    assert await forward(hub) == 0
    await b.only()


async def test_letters_to_a_split_unit_go_to_its_default(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    c = await hub.system("DMS C", C, ALONE)
    await order(hub, Retire(codes=(B,), successors=(C, ALONE), default=ALONE, on=await today(hub)))
    answer = await a.accepted(letter(A, B))
    (result,) = answer.json["receipt"]["recipients"]
    assert (result["result"], result["unit"]) == (ResultKind.FORWARDED, ALONE)
    await hub.settle()
    assert [o["unit"] for o in await c.inbox()] == [ALONE]


# ------------------------------------------------------------------ orders


async def test_a_merger_ends_both_and_the_taking_unit_lives_on(hub: HubUnderTest) -> None:
    await order(hub, Retire(codes=(B, C), successors=(B,), on=date(2026, 1, 1)))
    directory = await hub.registry.directory()
    states = {code: directory.by_code(code, date(2026, 11, 1)).state for code in (B, C)}  # type: ignore[union-attr]
    assert states == {B: UnitState.ACTIVE, C: UnitState.RETIRED}


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (Retire(codes=("000.00.98.H09",), successors=(B,), on=date(2026, 1, 1)), "agency_unknown"),
        (Retire(codes=(B,), successors=("000.00.98.H09",), on=date(2026, 1, 1)), "agency_unknown"),
        (Retire(codes=(B,), successors=(B,), on=date(2026, 1, 1)), "successor_loop"),
        (Retire(codes=(B,), successors=(A, C), on=date(2026, 1, 1)), "successor_default"),
        (Retire(codes=(B,), successors=(A,), default=C, on=date(2026, 1, 1)), "default_not_successor"),
        (Retire(codes=("000.00.05.H09",), successors=(A,), on=date(2026, 1, 1)), "agency_retired"),
        (Rename(code=B, name=" "), "name_missing"),
        (Rename(code=B, name="x" * 201), "name_unusable"),
        (AddUnit(code=B, name="Sở", level=Level.UNIT), "code_taken"),
        (AddUnit(code="hai từ", name="Sở", level=Level.UNIT), "code_unusable"),
        (AddCode(code=B, new=C), "alias_taken"),
        (AddCode(code=B, new=B), "alias_repeated"),
        (AddCode(code=B, new="X", valid_from=date(2026, 2, 1), valid_to=date(2026, 1, 1)), "period_empty"),
        (SetState(code="000.00.05.H09", locked=True), "agency_retired"),
    ],
)
async def test_an_order_that_breaks_a_rule_changes_nothing(hub: HubUnderTest, wrong: Any, code: str) -> None:
    before = (await hub.registry.directory()).snapshot_id
    with pytest.raises(OrderRefused) as refused:
        await order(hub, wrong)
    assert refused.value.code == code
    assert "{" not in refused.value.vi + refused.value.en
    assert (await hub.registry.directory()).snapshot_id == before


async def test_a_unit_that_is_reopened_gets_its_own_mail_again(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await order(hub, Retire(codes=(B,), successors=(C,), on=date(2026, 1, 1)))
    await order(hub, Reopen(code=B))
    await a.accepted(letter(A, B))
    await hub.settle()
    await b.only()


async def test_a_circle_of_successors_is_named_as_a_chain(hub: HubUnderTest) -> None:
    await order(hub, Retire(codes=(A,), successors=(B,), on=date(2026, 1, 1)))
    with pytest.raises(OrderRefused, match=f"{A} → {B} → {A}|{B} → {A} → {B}"):
        await order(hub, Retire(codes=(B,), successors=(A,), on=date(2026, 1, 1)))


async def test_a_code_passes_from_one_unit_to_another_on_a_day(hub: HubUnderTest) -> None:
    await order(
        hub,
        AddCode(code=B, new="H09.77"),
        EndCode(code="H09.77", valid_to=date(2026, 6, 30)),
        AddCode(code=C, new="H09.77", valid_from=date(2026, 7, 1)),
    )
    directory = await hub.registry.directory()
    named = [directory.by_code("H09.77", date(2026, month, day)) for month, day in ((6, 30), (7, 1))]
    assert [unit.unit_id for unit in named if unit] == [B, C]


async def test_what_orders_made_is_exported_and_imported_as_it_is(hub: HubUnderTest, b: Peer) -> None:
    # Its schemes are told by shape from here on, as in every file.
    await order(hub, Import(agencies=parse(format_csv(await hub.registry.directory())).agencies))
    await order(
        hub,
        AddUnit(code=NEW, name="Sở mới", level=Level.DEPARTMENT, parent=A),
        AddCode(code=NEW, new="H09.20", valid_from=date(2026, 1, 1)),
        Retire(codes=(B, C), successors=(NEW, ALONE), default=NEW, on=date(2027, 1, 1)),
    )
    before = await hub.registry.directory()
    parsed = parse(format_csv(before))
    assert parsed.problems == ()
    preview = await hub.registry.changes.preview(Import(agencies=parsed.agencies))
    assert not preview.diff
    await order(hub, Import(agencies=parsed.agencies))
    assert (await hub.registry.directory()).snapshot_id == before.snapshot_id


# ------------------------------------------------------------------ previews and history


async def test_a_preview_says_what_is_lost_and_what_lies_open(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await a.accepted(letter(A, B))
    await hub.settle()
    kept = [unit for unit in await hub.registry.directory() if unit.unit_id != B]
    seen = await hub.registry.changes.preview(Import(agencies=tuple(kept)))
    assert [unit.unit_id for unit in seen.diff.removed] == [B]
    assert seen.diff.loses
    assert set(seen.diff.vanished) == {B, "H09.2"}
    assert [(seen.systems[s], units) for s, units in seen.diff.leaving.items()] == [("DMS B", (B,))]
    assert (seen.mail[B].deliveries, seen.mail[B].parked) == (1, 0)
    with pytest.raises(OrderRefused) as refused:
        await order(hub, Import(agencies=tuple(kept)))
    assert refused.value.code == "agency_connected"


async def test_what_was_not_seen_is_not_carried_out(hub: HubUnderTest) -> None:
    change = Rename(code=B, name="Tên mới")
    seen = await hub.registry.changes.preview(change)
    await order(hub, Rename(code=C, name="Tên khác"))
    with pytest.raises(OrderRefused) as refused:
        await hub.registry.changes.carry_out(change, by="ai đó", version=seen.version)
    assert refused.value.code == "directory_moved"


async def test_the_history_says_who_changed_what_and_survives_a_removal(hub: HubUnderTest) -> None:
    await order(
        hub, Rename(code="H09.2", name="Sở Hai"), Retire(codes=(B,), successors=(C,), on=date(2026, 5, 1))
    )
    rest = tuple(unit for unit in await hub.registry.directory() if unit.unit_id != B)
    await order(hub, Import(agencies=rest))
    rows = await hub.registry.changes.history(B)
    assert [row.kind for row in rows] == ["import", "retire", "rename", "import"]
    assert {row.by for row in rows[:3]} == {"Nguyễn Văn A"}
    assert rows[0].unit.after is None
    assert rows[1].unit.after == rows[0].unit.before
    assert (
        rows[2].unit.before and rows[2].unit.before.name,
        rows[2].unit.after and rows[2].unit.after.name,
    ) == (
        f"Đơn vị {B}",
        "Sở Hai",
    )
    with pytest.raises(OrderRefused):
        await hub.registry.changes.history("000.00.98.H09")
