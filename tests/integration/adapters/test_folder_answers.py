"""What a DMS says in folders about what was delivered; and who looks into them."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from hub.cli.doctor_folders import folders as examine
from hub.cli.findings import Finding
from hub.storage.unit_of_work import PgUnitOfWork
from tests.support.dms_folder import QUICK, Desk, delivered, error_of, set_up, state_of
from tests.support.hub import A, B, HubUnderTest, Peer, sha256
from tests.support.messages import letter


async def test_a_document_is_confirmed_by_a_file_and_then_cleared_away(desk: Desk, b: Peer) -> None:
    document_id, delivery_id = await delivered(desk, b)
    assert desk.names("in") == [f"{delivery_id}.edxml", f"{delivery_id}.json"]
    note = orjson.loads((desk.inside("in") / f"{delivery_id}.json").read_bytes())
    assert note["document_id"] == document_id
    assert note["sha256"] == sha256((desk.inside("in") / note["file"]).read_bytes())
    assert await state_of(desk, delivery_id) == "handed_over"
    (desk.inside("in") / note["confirm"]).touch()
    await desk.look()
    assert await state_of(desk, delivery_id) == "confirmed"
    assert desk.names("in") == []


async def test_a_document_is_rejected_by_a_file_with_the_reason(desk: Desk, b: Peer) -> None:
    document_id, delivery_id = await delivered(desk, b)
    (desk.inside("in") / f"{delivery_id}.rejected").write_text("Không thuộc\x00 thẩm quyền\n", "utf-8-sig")
    await desk.look()
    assert await state_of(desk, delivery_id) == "rejected"
    answer = await b.call("GET", f"/api/v1/documents/{document_id}/timeline")
    assert "Không thuộc thẩm quyền" in answer.raw.decode()
    assert desk.names("in") == []


async def test_a_rejection_after_the_lease_ran_out_is_found_by_the_next_hand_over(
    desk: Desk, b: Peer
) -> None:
    _, delivery_id = await delivered(desk, b)
    await desk.hub.later(hours=25)
    await desk.hub.sweep()
    assert await state_of(desk, delivery_id) == "queued"
    (desk.inside("in") / f"{delivery_id}.rejected").write_text("muộn")
    await desk.look()
    await desk.hub.push()
    assert await state_of(desk, delivery_id) == "rejected"
    await desk.look()
    assert desk.names("in") == []


async def test_a_repeat_finds_what_lies_there_and_writes_nothing(desk: Desk, b: Peer) -> None:
    _, delivery_id = await delivered(desk, b)
    path = desk.inside("in") / f"{delivery_id}.edxml"
    before = path.stat()
    await desk.hub.later(hours=25)
    await desk.hub.sweep()
    await desk.hub.push()
    assert await state_of(desk, delivery_id) == "handed_over"
    assert path.stat().st_ino == before.st_ino


async def test_answers_to_nothing_are_refused(desk: Desk, b: Peer) -> None:
    other = "0198c0de-0000-7000-8000-000000000001"
    for name in (f"{other}.confirmed", "vb.confirmed", "x.rejected"):
        (desk.inside("in") / name).write_text("x")
    await desk.look()
    assert desk.names("in") == []
    assert {orjson.loads(p.read_bytes())["code"] for p in desk.inside("refused").glob("*.problem.json")} == {
        "answer_unknown"
    }


async def test_nobody_confirms_what_is_anothers(desk: Desk, hub: HubUnderTest, b: Peer) -> None:
    a = hub.systems["DMS A"]
    await a.accepted(letter(A, B))
    await hub.settle()
    delivery_id = await b.only()
    await b.lease(delivery_id)
    (desk.inside("in") / f"{delivery_id}.confirmed").touch()
    await desk.look()
    assert await state_of(desk, delivery_id) == "leased"


async def test_where_taking_away_confirms_a_document_is_confirmed_once_gone(desk: Desk, b: Peer) -> None:
    await set_up(desk, confirm="taken")
    _, delivery_id = await delivered(desk, b)
    await desk.look()
    assert await state_of(desk, delivery_id) == "handed_over"
    (desk.inside("in") / f"{delivery_id}.edxml").unlink()
    await desk.look()
    assert await state_of(desk, delivery_id) == "confirmed"
    assert desk.names("in") == []


async def test_a_root_that_is_not_mounted_confirms_nothing(desk: Desk, b: Peer) -> None:
    await set_up(desk, confirm="taken")
    _, delivery_id = await delivered(desk, b)
    desk.root.rename(desk.root.parent / "away")
    desk.root.mkdir()
    (desk.root / A / "in").mkdir(parents=True)
    await desk.look()
    assert await state_of(desk, delivery_id) == "handed_over"
    assert await error_of(desk.hub) == "root_unmarked"


async def test_a_root_that_was_changed_confirms_nothing_of_the_one_before(desk: Desk, b: Peer) -> None:
    await set_up(desk, confirm="taken")
    _, delivery_id = await delivered(desk, b)
    await set_up(desk, path="dms-moved")
    await desk.look()
    assert await error_of(desk.hub) is None
    assert await state_of(desk, delivery_id) == "handed_over"


async def test_what_was_handed_over_otherwise_is_not_confirmed_by_missing_in_folders(
    desk: Desk, b: Peer
) -> None:
    await set_up(desk, confirm="taken")
    adapters = desk.hub.pushing.adapters
    before = (await adapters.show("DMS A")).system
    await adapters.configure("DMS A", adapter="rest-pull")
    await b.accepted(letter(B, A))
    await desk.hub.settle()
    delivery_id = await desk.peer.only()
    await desk.peer.content(delivery_id, await desk.peer.lease(delivery_id))
    assert await state_of(desk, delivery_id) == "handed_over"
    await adapters.configure("DMS A", adapter=before.adapter, settings=dict(before.settings))
    await desk.look()
    assert await error_of(desk.hub) is None
    assert await state_of(desk, delivery_id) == "handed_over"


# ---------------------------------------------------------------------------- the watching itself


async def test_one_node_looks_at_a_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.hub.pool.execute(
        "UPDATE folder_watch SET due_at = hub_now(), lease_until = hub_now() + '1 min'"
    )
    desk.put("vb.edxml", letter(A, B))
    assert await desk.hub.folders.round(desk.peer.caller.system_id) is False
    assert desk.names("out") == ["vb.edxml"]
    await desk.hub.later(minutes=2)
    await desk.look()
    assert desk.names("done") == ["vb.edxml"]


async def test_a_round_that_lost_its_lease_writes_nothing_down(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.hub.pool.execute("UPDATE folder_watch SET due_at = hub_now()")
    real = desk.hub.folders._look_at

    async def overtaken(watch_: Any) -> tuple[bool, float]:
        await desk.hub.pool.execute("UPDATE folder_watch SET lease_token = lease_token + 1")
        return await real(watch_)

    monkeypatch.setattr(desk.hub.folders, "_look_at", overtaken)
    before = await desk.hub.pool.fetchval("SELECT due_at FROM folder_watch")
    await desk.hub.folders.round(desk.peer.caller.system_id)
    assert await desk.hub.pool.fetchval("SELECT due_at FROM folder_watch") == before


async def test_two_systems_do_not_share_a_root(desk: Desk, b: Peer) -> None:
    if desk.server is None:
        await desk.hub.pushing.adapters.configure(
            "DMS B", adapter="folder", settings={"path": "dms-a", **QUICK}
        )
    else:
        system = await desk.hub.pushing.adapters.show("DMS A")
        await desk.hub.pushing.adapters.configure("DMS B", adapter="sftp", settings=system.settings)
        await desk.hub.pushing.adapters.put_secret("DMS B", "password", desk.server.password.encode())
    await desk.look()
    assert await error_of(desk.hub) == "root_of_another"
    assert not (desk.root / B).exists()


async def test_the_loop_of_a_node_finds_systems_and_their_files(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = asyncio.Event()
    taking: Any = desk.hub.folders._pickup
    monkeypatch.setattr(taking, "_count", lambda _: taken.set())
    desk.put("vb.edxml", letter(A, B))
    await desk.hub.pool.execute("UPDATE folder_watch SET due_at = hub_now()")
    async with asyncio.TaskGroup() as group:
        loop = group.create_task(desk.hub.folders.run())
        async with asyncio.timeout(30):
            await taken.wait()
        loop.cancel()
    assert await desk.hub.count("document") == 1


async def test_the_doctor_says_what_is_wrong_with_folders(desk: Desk) -> None:
    async def told() -> list[Finding]:
        async with PgUnitOfWork(desk.hub.pool).read() as query:
            return await examine(query)

    assert [finding.ok for finding in await told()] == [True]
    (desk.root / ".lienthong-root").unlink()
    await desk.look()
    (finding,) = await told()
    assert not finding.ok
    assert ".lienthong-root" in finding.en
    (desk.root / ".lienthong-root").touch()
    await desk.look()
    assert [finding.ok for finding in await told()] == [True]
