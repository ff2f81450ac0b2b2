"""What a DMS puts into folders, and what it says there; on this machine and over SFTP alike."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters.folder import pickup as pickup_module
from hub.domain.problems import HubError
from hub.ports.unit_of_work import DatabaseUnavailable
from tests.support.dms_folder import QUICK, FolderDms, error_of, watch
from tests.support.hub import A, B, HubUnderTest, Peer, sha256
from tests.support.messages import letter, status
from tests.support.sftp_server import USER, SftpServer

PATIENCE_S = 600


@dataclass
class Desk:
    """The DMS of unit A behind folders, and the hub that looks into them."""

    hub: HubUnderTest
    root: Path
    peer: Peer
    server: SftpServer | None = None
    now: float = 1_000.0

    @property
    def dms(self) -> FolderDms:
        return FolderDms(self.root)

    def inside(self, folder: str) -> Path:
        return self.root / A / folder

    def put(self, name: str, content: bytes) -> Path:
        """Write a file as one should: under another name first."""
        part = self.inside("out") / f"{name}.part"
        part.write_bytes(content)
        return part.rename(self.inside("out") / name)

    def names(self, folder: str) -> list[str]:
        return sorted(path.name for path in self.inside(folder).iterdir())

    def problem(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads((self.inside("refused") / f"{name}.problem.json").read_bytes())
        return found

    async def look(self) -> None:
        """Let the hub look into the folders until nothing is left to do."""
        await watch(self.hub)

    async def look_much_later(self) -> None:
        self.now += PATIENCE_S
        await watch(self.hub)


async def _desk(hub: HubUnderTest, root: Path, peer: Peer, server: SftpServer | None = None) -> Desk:
    desk = Desk(hub=hub, root=root, peer=peer, server=server)
    taking: Any = hub.folders._pickup
    taking._clock = lambda: desk.now
    await desk.look()
    return desk


@pytest.fixture(params=["folder", "sftp"])
async def desk(
    request: pytest.FixtureRequest, hub: HubUnderTest, b: Peer, tmp_path: Path
) -> AsyncIterator[Desk]:
    """The DMS of A, which knows only folders; B fetches."""
    a = await hub.system("DMS A", A)
    adapters = hub.pushing.adapters
    more = {"patience_s": str(PATIENCE_S), **QUICK}
    if request.param == "folder":
        await adapters.configure("DMS A", adapter="folder", settings={"path": "dms-a", **more})
        yield await _desk(hub, tmp_path / "folders" / "dms-a", a)
        return
    (tmp_path / "server").mkdir()
    server = SftpServer(tmp_path / "server")
    await server.start()
    settings = {"host": "127.0.0.1", "port": str(server.port), "user": USER, "path": "dms-a"}
    await adapters.configure(
        "DMS A", adapter="sftp", settings={**settings, "host_keys": server.host_keys, **more}
    )
    await adapters.put_secret("DMS A", "password", server.password.encode())
    yield await _desk(hub, server.root / "dms-a", a, server)
    await hub.pushing.exits.close()
    await server.stop()


# ---------------------------------------------------------------------------- taking in


async def test_a_file_is_taken_in_and_answered_by_its_receipt(desk: Desk, b: Peer) -> None:
    body = letter(A, B)
    desk.put("cong van số 1.edxml", body)
    await desk.look()
    await desk.hub.settle()
    assert (await b.take(await b.only())).raw == body
    receipt = orjson.loads((desk.inside("receipts") / "cong van số 1.edxml.receipt.json").read_bytes())
    assert receipt["receipt"]["sha256"] == sha256(body)
    assert desk.names("done") == ["cong van số 1.edxml"]
    assert desk.names("out") == desk.names("taking") == desk.names("refused") == []


async def test_a_status_is_taken_in_alike(desk: Desk, b: Peer) -> None:
    document_id, delivery_id = await delivered(desk, b)
    (desk.inside("in") / f"{delivery_id}.confirmed").touch()
    await desk.look()
    desk.put("trang-thai.xml", status(A, "01", about=(B, 1)))
    await desk.look()
    assert desk.names("done") == ["trang-thai.xml"]
    assert "status_applied" in await b.kinds(document_id)


async def test_what_is_still_being_written_is_left_alone(desk: Desk) -> None:
    (desk.inside("out") / "vb.edxml.part").write_bytes(letter(A, B))
    await desk.look()
    assert await desk.hub.count("document") == 0
    assert desk.names("out") == ["vb.edxml.part"]


async def test_a_file_that_grows_between_two_looks_is_not_taken(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = letter(A, B)
    path = desk.put("vb.edxml", body[: len(body) // 2])

    async def write_on(_: float) -> None:
        path.write_bytes(body)

    taking: Any = desk.hub.folders._pickup
    await _set(desk, settle_s="0.1")
    monkeypatch.setattr(taking, "_pause", write_on)
    await desk.look()
    assert await desk.hub.count("document") == 0
    monkeypatch.undo()
    await desk.look()
    assert await desk.hub.count("document") == 1


async def test_a_file_that_changes_while_it_is_read_is_not_taken(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = letter(A, B, files=(("cv.pdf", b"%PDF-1.4" + os.urandom(600_000)),))
    path = desk.put("vb.edxml", body)
    real = desk.hub.services.intake.submit
    grown = []

    async def slow(caller: Any, chunks: Any) -> Any:
        async def meanwhile() -> AsyncIterator[bytes]:
            async for chunk in chunks:
                if not grown:
                    with path.open("ab") as file:
                        file.write(b"<!-- more -->")
                    grown.append(True)
                yield chunk

        return await real(caller, meanwhile())

    taking: Any = desk.hub.folders._pickup
    monkeypatch.setattr(taking, "_submit", slow)
    await desk.look()
    assert grown
    assert await desk.hub.count("document") == 0
    await desk.look()
    (sha,) = await desk.hub.column("SELECT sha256 FROM document")
    assert sha.hex() == sha256(body + b"<!-- more -->")
    assert desk.hub.spools() == []


async def test_half_a_file_is_refused_after_a_time_with_its_reason_and_kept(desk: Desk) -> None:
    half = letter(A, B)[:-300]
    desk.put("vb.edxml", half)
    await desk.look()
    assert desk.names("out") == ["vb.edxml"]
    await desk.look_much_later()
    assert desk.names("refused") == ["vb.edxml", "vb.edxml.problem.json"]
    assert (desk.inside("refused") / "vb.edxml").read_bytes() == half
    assert desk.problem("vb.edxml")["code"] == "file_incomplete"
    assert await desk.hub.count("document") == 0


async def test_half_a_file_that_is_finished_in_time_is_taken(desk: Desk) -> None:
    body = letter(A, B)
    path = desk.put("vb.edxml", body[:-300])
    await desk.look()
    path.write_bytes(body)
    await desk.look_much_later()
    assert desk.names("done") == ["vb.edxml"]


async def test_a_part_that_nobody_finishes_is_refused_after_a_time(desk: Desk) -> None:
    (desk.inside("out") / "vb.edxml.part").write_bytes(b"<half")
    await desk.look()
    await desk.look_much_later()
    assert desk.names("refused") == ["vb.edxml.part", "vb.edxml.part.problem.json"]


async def test_a_message_that_is_refused_goes_to_refused_with_words_for_people(desk: Desk) -> None:
    desk.put("vb.edxml", letter(B, A))
    await desk.look()
    assert desk.problem("vb.edxml")["code"] == "sender_not_allowed"
    assert desk.problem("vb.edxml")["vi"]
    assert desk.names("out") == desk.names("taking") == []


async def test_the_same_file_again_gets_the_same_receipt_and_makes_no_second_document(desk: Desk) -> None:
    body = letter(A, B)
    desk.put("vb.edxml", body)
    await desk.look()
    first = (desk.inside("receipts") / "vb.edxml.receipt.json").read_bytes()
    desk.put("vb.edxml", body)
    await desk.look()
    assert (desk.inside("receipts") / "vb.edxml.receipt.json").read_bytes() == first
    assert await desk.hub.count("document") == 1
    assert len(desk.names("done")) == 2


async def test_a_name_used_again_for_another_message_is_another_message(desk: Desk) -> None:
    for number in (1, 2, 3):
        desk.put("vb.edxml", letter(A, B, number=number))
        await desk.look()
    assert await desk.hub.count("document") == 3
    assert len(desk.names("done")) == 3


async def test_a_crash_between_commit_and_move_is_the_same_submission(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = letter(A, B)
    desk.put("vb.edxml", body)
    taking: Any = desk.hub.folders._pickup

    class Died(BaseException):
        pass

    async def die(*_: object) -> None:
        raise Died

    for point in ("_claimed", "_finish"):
        monkeypatch.setattr(taking, point, die)
        with pytest.raises(Died):
            await desk.look()
        monkeypatch.undo()
        await desk.hub.later(minutes=2)
    await desk.look()
    assert await desk.hub.count("document") == 1
    assert desk.names("done") == ["vb.edxml"]
    assert desk.names("receipts") == ["vb.edxml.receipt.json"]


async def test_a_new_file_under_the_name_of_one_just_read_is_not_lost(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = letter(A, B, number=1), letter(A, B, number=2, subject="V/v khác hẳn")
    desk.put("vb.edxml", first)
    real = desk.hub.services.intake.submit

    async def then_replaced(caller: Any, chunks: Any) -> Any:
        submitted = await real(caller, chunks)
        monkeypatch.setattr(desk.hub.folders._pickup, "_submit", real)
        desk.put("vb.edxml", second)
        return submitted

    monkeypatch.setattr(desk.hub.folders._pickup, "_submit", then_replaced)
    await desk.look()
    await desk.look()
    digests = {sha.hex() for sha in await desk.hub.column("SELECT sha256 FROM document")}
    assert digests == {sha256(first), sha256(second)}


async def test_while_the_hub_cannot_take_in_files_stay_where_they_are(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 4):
        desk.put(f"vb{number}.edxml", letter(A, B, number=number))
    for error in (HubError("disk_low"), DatabaseUnavailable("away")):

        async def closed(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(desk.hub.folders._pickup, "_submit", closed)
        try:
            await desk.look()
        except DatabaseUnavailable:
            await desk.hub.later(minutes=2)
        monkeypatch.undo()
        assert len(desk.names("out")) == 3
    await desk.look()
    assert len(desk.names("done")) == 3


async def test_a_file_at_which_the_hub_stumbles_keeps_no_other_waiting(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.put("a.edxml", b"stumble")
    desk.put("b.edxml", letter(A, B))
    real = desk.hub.services.intake.submit

    async def stumbling(caller: Any, chunks: Any) -> Any:
        first = await anext(chunks)
        if first == b"stumble":
            raise RuntimeError("a fault of the program")

        async def all_of() -> AsyncIterator[bytes]:
            yield first
            async for chunk in chunks:
                yield chunk

        return await real(caller, all_of())

    monkeypatch.setattr(desk.hub.folders._pickup, "_submit", stumbling)
    await desk.look()
    assert desk.names("out") == ["a.edxml"]
    assert desk.names("done") == ["b.edxml"]


async def test_more_files_than_a_page_are_all_taken(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickup_module, "PAGE", 4)
    for number in range(11):
        desk.put(f"{number:02}.edxml", letter(A, B, number=number + 1))
    (desk.inside("out") / "00.edxml.part").write_bytes(b"stuck")
    await desk.look()
    assert await desk.hub.count("document") == 11
    assert desk.names("out") == ["00.edxml.part"]


@pytest.mark.parametrize("kind", ["symlink", "folder"])
async def test_what_is_no_plain_file_is_refused_and_never_read(desk: Desk, tmp_path: Path, kind: str) -> None:
    secret = tmp_path / "secret.xml"
    secret.write_bytes(letter(A, B))
    path = desk.inside("out") / "vb.edxml"
    if kind == "symlink":
        path.symlink_to(secret)
    else:
        path.mkdir()
    await desk.look()
    assert desk.problem("vb.edxml")["code"] == "file_not_plain"
    assert desk.names("out") == []
    assert await desk.hub.count("document") == 0
    assert secret.exists()


async def test_names_that_could_do_harm_are_refused_under_harmless_ones(desk: Desk) -> None:
    for name in ("a\nb.edxml", "\x1b[31mred.edxml", "x" * 240 + ".xml"):
        (desk.inside("out") / name).write_bytes(letter(A, B))
    (desk.root.joinpath(A, "out")).joinpath(os.fsdecode(b"\xff\xfe.edxml")).write_bytes(b"x")
    await desk.look()
    refused = desk.names("refused")
    assert len(refused) == 8
    assert all(name.isprintable() for name in refused)
    assert desk.names("out") == []
    assert await desk.hub.count("document") == 0


async def test_other_files_are_none_of_the_hubs_business(desk: Desk) -> None:
    for name in ("ghi-chu.txt", ".an.edxml", "vb.edxml.bak"):
        (desk.inside("out") / name).write_bytes(b"x")
    await desk.look()
    assert len(desk.names("out")) == 3


# ---------------------------------------------------------------------------- answers


async def delivered(desk: Desk, b: Peer, number: int = 1) -> tuple[str, str]:
    """A letter of B that lies in A's folder: its document and its delivery."""
    sent = await b.accepted(letter(B, A, number=number))
    await desk.hub.settle()
    await desk.hub.push()
    (delivery_id,) = await desk.hub.column("SELECT id FROM delivery WHERE document_id = $1", sent.document_id)
    return sent.document_id, str(delivery_id)


async def state_of(desk: Desk, delivery_id: str) -> str:
    (state,) = await desk.hub.column("SELECT state FROM delivery WHERE id = $1", delivery_id)
    return str(state)


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


async def _set(desk: Desk, **settings: str) -> None:
    await desk.hub.pushing.adapters.configure("DMS A", settings=settings)


async def test_where_taking_away_confirms_a_document_is_confirmed_once_gone(desk: Desk, b: Peer) -> None:
    await _set(desk, confirm="taken")
    _, delivery_id = await delivered(desk, b)
    await desk.look()
    assert await state_of(desk, delivery_id) == "handed_over"
    (desk.inside("in") / f"{delivery_id}.edxml").unlink()
    await desk.look()
    assert await state_of(desk, delivery_id) == "confirmed"
    assert desk.names("in") == []


async def test_a_root_that_is_not_mounted_confirms_nothing(desk: Desk, b: Peer) -> None:
    await _set(desk, confirm="taken")
    _, delivery_id = await delivered(desk, b)
    desk.root.rename(desk.root.parent / "away")
    desk.root.mkdir()
    (desk.root / A / "in").mkdir(parents=True)
    await desk.look()
    assert await state_of(desk, delivery_id) == "handed_over"
    assert await error_of(desk.hub) == "root_unmarked"


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
