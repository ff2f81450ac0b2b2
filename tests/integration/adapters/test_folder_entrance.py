"""What a DMS puts into folders; on this machine and over SFTP alike."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters.folder import pickup as pickup_module
from hub.domain.problems import HubError
from hub.ports.unit_of_work import DatabaseUnavailable
from tests.support.dms_folder import Desk, delivered, set_up
from tests.support.hub import A, B, Peer, sha256
from tests.support.messages import letter, status


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
    await set_up(desk, settle_s="0.1")
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
    grown: list[bool] = []

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
