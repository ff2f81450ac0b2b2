"""The exit to the national exchange: what its answers make of a delivery."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from adapters.vxp.client import Upload
from adapters.vxp.national import NationalExit
from hub.domain.submission import MessageKind
from hub.ports.exits import Delivered, Failed, Parcel, ParcelContent, Rejected
from hub.ports.national import ExchangeError, ExchangeRefused, ExchangeUnavailable, MessageType
from hub.ports.records import DocumentText
from tests.support.parcels import letter_record

BODY = b"<edXML/>"
DIGEST = hashlib.sha256(BODY).digest()
SYSTEM, ONE, TWO = UUID(int=1), UUID(int=2), UUID(int=3)


class FakeClient:
    """Takes uploads, or fails as it is told."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.sent: list[Upload] = []

    async def send(self, upload: Upload) -> str:
        """Read the body, then answer."""
        self.sent.append(upload)
        async for _ in upload.open():
            pass
        if self.error is not None:
            raise self.error
        return "5f1"

    async def received(self, kind: MessageType, *, since: datetime | None) -> tuple[()]:
        """Nothing, or the error."""
        if self.error is not None:
            raise self.error
        return ()

    async def close(self) -> None:
        """Nothing to close."""


class Kept:
    """What was kept of references."""

    def __init__(self) -> None:
        self.rows: list[tuple[UUID, str, tuple[UUID, ...]]] = []

    async def __call__(self, system_id: UUID, reference: str, delivery_ids: Collection[UUID]) -> None:
        """Keep one."""
        self.rows.append((system_id, reference, tuple(delivery_ids)))


def parcel(*, is_rendition: bool = True, broken: bool = False) -> Parcel:
    """A document for two units outside, one of them under two codes."""

    async def opened() -> AsyncIterator[bytes]:
        yield BODY[:2]
        if broken:
            raise OSError("disk")
        yield BODY[2:]

    document = letter_record(UUID(int=9), sha256=DIGEST, size=len(BODY))
    return Parcel(
        delivery_ids=(ONE, TWO),
        unit_ids=("000.00.00.G12", "000.00.00.G22"),
        addressed_as=(("000.00.00.G12", "G12"), ("000.00.00.G22",)),
        document=document,
        text=DocumentText(salt=b""),
        content=ParcelContent(
            sha256=DIGEST, size=len(BODY), original_sha256=DIGEST, is_rendition=is_rendition, open=opened
        ),
        token=1,
        attempt=1,
        deadline_at=None,
    )


def exit_on(client: FakeClient) -> tuple[NationalExit, Kept]:
    """The exit over a client, and what it has kept."""
    kept = Kept()
    given: Any = client
    return NationalExit(given, system_id=SYSTEM, keeper=kept), kept


async def test_all_outside_codes_of_a_document_go_in_one_call_and_its_id_is_kept() -> None:
    client = FakeClient()
    way_out, kept = exit_on(client)
    assert await way_out.deliver(parcel()) == Delivered(confirmed=True, reference="5f1")
    (upload,) = client.sent
    assert upload.to_codes == ("000.00.00.G12", "G12", "000.00.00.G22")
    assert (upload.from_code, upload.sha256, upload.size) == ("000.00.01.H09", DIGEST, len(BODY))
    assert kept.rows == [(SYSTEM, "5f1", (ONE, TWO))]


async def test_an_original_never_leaves_the_province() -> None:
    client = FakeClient()
    outcome = await exit_on(client)[0].deliver(parcel(is_rendition=False))
    assert outcome == Failed(code="rendition_missing", peer_fault=False)
    assert client.sent == []


@pytest.mark.parametrize("code", ["10", "18", "22", "23"])
async def test_what_the_exchange_refuses_for_good_ends_with_its_code(code: str) -> None:
    outcome = await exit_on(FakeClient(ExchangeRefused(code, "khong")))[0].deliver(parcel())
    assert outcome == Rejected(code=f"national_{code}", text="khong")


@pytest.mark.parametrize(("code", "peer"), [("15", True), ("20", True), ("19", False), ("21", False)])
async def test_other_refusals_are_tried_again(code: str, peer: bool) -> None:
    outcome = await exit_on(FakeClient(ExchangeRefused(code)))[0].deliver(parcel())
    assert outcome == Failed(code=f"national_{code}", peer_fault=peer)


async def test_an_outage_is_the_peers_fault() -> None:
    outcome = await exit_on(FakeClient(ExchangeUnavailable("answer_empty")))[0].deliver(parcel())
    assert outcome == Failed(code="national_answer_empty")


async def test_damaged_bytes_are_not_the_peers_fault() -> None:
    class Breaks(FakeClient):
        async def send(self, upload: Upload) -> str:
            try:
                async for _ in upload.open():
                    pass
            except OSError:
                raise ExchangeUnavailable("not_reached") from None
            return "5f1"

    outcome = await exit_on(Breaks())[0].deliver(parcel(broken=True))
    assert outcome == Failed(code="content_unreadable", text="OSError", peer_fault=False)


async def test_a_code_that_no_header_can_hold_ends_the_delivery() -> None:
    outcome = await exit_on(FakeClient(ValueError("from")))[0].deliver(parcel())
    assert isinstance(outcome, Rejected)
    assert outcome.code == "national_address"


@pytest.mark.parametrize("error", [None, ExchangeUnavailable("timed_out"), ExchangeRefused("15")])
async def test_a_probe_asks_and_changes_nothing(error: ExchangeError | None) -> None:
    found = await exit_on(FakeClient(error))[0].probe()
    assert (found is None) == (error is None)


async def test_a_status_goes_as_a_status() -> None:
    client = FakeClient()
    given = parcel()
    given = replace(given, document=replace(given.document, kind=MessageKind.STATUS, status_code="01"))
    await exit_on(client)[0].deliver(given)
    assert client.sent[0].kind is MessageType.STATUS
