"""The folder as an exit, in what the contract of exits does not ask."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from adapters.folder.handover import FolderExit
from adapters.folder.kind import FolderKind
from adapters.folder.watch import mark_root
from hub.ports.blobs import BlobDamaged
from hub.ports.exits import Delivered, Failed, Parcel, ParcelContent, Rejected
from hub.ports.records import DocumentText, SystemRecord
from tests.support.dms_folder import QUICK
from tests.support.parcels import letter_record

SYSTEM = SystemRecord(
    id=uuid4(), name="DMS", adapter="folder", dialects=("qcvn-prefixed",), policy=(), active=True
)
UNIT = "000.00.02.H09"
BODY = b"<edXML/>" * 1000


def parcel(
    delivery_id: UUID,
    *,
    attempt: int = 1,
    body: bytes = BODY,
    opened: Callable[[], AsyncIterator[bytes]] | None = None,
) -> Parcel:
    async def chunks() -> AsyncIterator[bytes]:
        yield body[:100]
        yield body[100:]

    document = letter_record(uuid4(), sha256=bytes(32), size=len(body))
    return Parcel(
        delivery_ids=(delivery_id,),
        unit_ids=(UNIT,),
        addressed_as=((UNIT,),),
        document=document,
        text=DocumentText(salt=b""),
        content=ParcelContent(
            sha256=bytes(32),
            size=len(body),
            original_sha256=bytes(32),
            is_rendition=False,
            open=opened or chunks,
        ),
        token=1,
        attempt=attempt,
        deadline_at=None,
    )


@pytest.fixture
async def exit_(tmp_path: Path) -> AsyncIterator[FolderExit]:
    made = FolderKind(tmp_path).open(SYSTEM, {"path": "dms", **QUICK}, {})
    assert isinstance(made, FolderExit)
    await mark_root(made.files, SYSTEM.id)
    yield made
    await made.close()


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    return tmp_path / "dms" / UNIT / "in"


async def test_the_note_comes_after_the_document(exit_: FolderExit, incoming: Path) -> None:
    delivery = uuid4()

    async def watched() -> AsyncIterator[bytes]:
        yield BODY
        assert [path.suffix for path in incoming.iterdir()] == [".part"]

    assert await exit_.deliver(parcel(delivery, opened=watched)) == Delivered(confirmed=False)
    assert sorted(path.name for path in incoming.iterdir()) == [f"{delivery}.edxml", f"{delivery}.json"]


async def test_what_a_dms_has_taken_is_written_again_only_when_somebody_sends_it_again(
    exit_: FolderExit, incoming: Path
) -> None:
    delivery = uuid4()
    await exit_.deliver(parcel(delivery))
    (incoming / f"{delivery}.edxml").unlink()
    assert await exit_.deliver(parcel(delivery, attempt=2)) == Delivered(confirmed=False)
    assert not (incoming / f"{delivery}.edxml").exists()
    await exit_.deliver(parcel(delivery, attempt=1))
    assert (incoming / f"{delivery}.edxml").read_bytes() == BODY


async def test_half_a_document_of_an_attempt_that_died_is_replaced(exit_: FolderExit, incoming: Path) -> None:
    delivery = uuid4()
    await exit_.deliver(parcel(delivery))
    (incoming / f"{delivery}.edxml").write_bytes(BODY[:50])
    await exit_.deliver(parcel(delivery, attempt=2))
    assert (incoming / f"{delivery}.edxml").read_bytes() == BODY


async def test_an_answer_that_is_there_is_the_outcome(exit_: FolderExit, incoming: Path) -> None:
    confirmed, rejected = uuid4(), uuid4()
    for delivery in (confirmed, rejected):
        await exit_.deliver(parcel(delivery))
    (incoming / f"{confirmed}.confirmed").touch()
    (incoming / f"{rejected}.rejected").write_text("Không đúng nơi nhận")
    assert await exit_.deliver(parcel(confirmed, attempt=2)) == Delivered(confirmed=True)
    outcome = await exit_.deliver(parcel(rejected, attempt=2))
    assert outcome == Rejected(code="rejected_by_recipient", text="Không đúng nơi nhận")


async def test_a_document_that_is_damaged_at_the_hub_is_no_fault_of_the_peer_and_never_appears(
    exit_: FolderExit, incoming: Path
) -> None:
    delivery = uuid4()

    async def damaged() -> AsyncIterator[bytes]:
        yield BODY[:100]
        raise BlobDamaged(uuid4(), expected=bytes(32), found=bytes(32))

    outcome = await exit_.deliver(parcel(delivery, opened=damaged))
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.peer_fault) == ("blob_damaged", False)
    assert list(incoming.iterdir()) == []


async def test_a_root_without_the_mark_gets_nothing(exit_: FolderExit, tmp_path: Path) -> None:
    (tmp_path / "dms" / ".lienthong-root").unlink()
    outcome = await exit_.deliver(parcel(uuid4()))
    assert isinstance(outcome, Failed)
    assert outcome.code == "root_unmarked"
    assert list((tmp_path / "dms").iterdir()) == []
    probed = await exit_.probe()
    assert probed is not None
    assert probed.code == "root_unmarked"


async def test_a_document_of_another_size_than_it_should_have_gets_no_note(
    exit_: FolderExit, incoming: Path
) -> None:
    delivery = uuid4()
    given = parcel(delivery)
    outcome = await exit_.deliver(replace(given, content=replace(given.content, size=len(BODY) + 1)))
    assert isinstance(outcome, Failed)
    assert not (incoming / f"{delivery}.json").exists()


def test_settings_are_checked_before_they_are_kept(tmp_path: Path) -> None:
    kind = FolderKind(tmp_path)
    assert kind.check({"path": "so/noi-vu", **QUICK}) == ()
    for path in ("", "/etc", "..", "a/../b", "a//b", "a/", ".ssh", "a\nb"):
        assert [p.name for p in kind.check({"path": path})] == ["path"], path
    wrong = {"path": "a", "poll_s": "nan", "confirm": "x", "pth": "a"}
    assert {p.name for p in kind.check(wrong)} == {"poll_s", "confirm", "pth"}
    with pytest.raises(ValueError, match="path"):
        kind.open(SYSTEM, {}, {})
