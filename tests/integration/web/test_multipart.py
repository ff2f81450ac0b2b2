"""POST /documents as metadata and files: the hub writes the edXML, and knows a resend."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import FormData

from tests.support.hub import A, Answer, B, HubUnderTest, Peer

METADATA: dict[str, Any] = {
    "from_code": A,
    "to": [B],
    "code_number": "77",
    "code_notation": "SNV-VP",
    "promulgation_date": "2026-11-02",
    "subject": "V/v thử gửi theo từng phần",
    "sent_at": "2026-11-02T09:00:00+07:00",
}


async def send(peer: Peer, metadata: object, *files: tuple[str, bytes]) -> Answer:
    """Send metadata and files; metadata None leaves the part out."""
    form = FormData(quote_fields=False)
    if metadata is not None:
        form.add_field("metadata", json.dumps(metadata), content_type="application/json")
    for name, content in files:
        form.add_field("file", content, filename=name, content_type="application/octet-stream")
    return await peer.call("POST", "/api/v1/documents", data=form())


@pytest.fixture
async def peers(hub: HubUnderTest) -> tuple[Peer, Peer]:
    return await hub.system("a", A), await hub.system("b", B)


async def test_the_recipient_gets_an_edxml_message_with_the_file(
    hub: HubUnderTest, peers: tuple[Peer, Peer]
) -> None:
    sender, recipient = peers
    assert (await send(sender, METADATA, ("báo cáo.txt", b"noi dung"))).status == 201
    await hub.settle()
    (offer,) = await recipient.inbox()
    assert [(a["name"], a["size"]) for a in offer["attachments"]] == [("báo cáo.txt", 8)]


async def test_the_same_fields_and_files_are_the_same_submission(peers: tuple[Peer, Peer]) -> None:
    first = await send(peers[0], METADATA, ("a.txt", b"x"))
    again = await send(peers[0], METADATA, ("a.txt", b"x"))
    assert (again.status, again.raw) == (200, first.raw)


async def test_an_agency_that_is_renamed_in_between_makes_no_second_document(
    hub: HubUnderTest, peers: tuple[Peer, Peer]
) -> None:
    first = await send(peers[0], METADATA, ("a.txt", b"x"))
    await hub.pool.execute("UPDATE agency SET name = 'Tên mới'")
    await hub.pool.execute("UPDATE directory_version SET version = version + 1")
    again = await send(peers[0], METADATA, ("a.txt", b"x"))
    assert (again.status, again.raw) == (200, first.raw)
    assert await hub.count("document") == 1


async def test_another_file_under_the_same_number_is_a_conflict(peers: tuple[Peer, Peer]) -> None:
    await send(peers[0], METADATA, ("a.txt", b"x"))
    assert (await send(peers[0], METADATA, ("a.txt", b"y"))).code == "document_conflict"


async def test_parts_that_do_not_fit_are_refused(peers: tuple[Peer, Peer]) -> None:
    assert (await send(peers[0], None, ("a.txt", b"x"))).code == "parts_invalid"
    assert (await send(peers[0], METADATA)).code == "parts_invalid"


@pytest.mark.parametrize(
    ("field", "value"), [("priority", 9), ("to", []), ("sent_at", "hôm qua"), ("unknown", 1)]
)
async def test_a_wrong_field_is_named(peers: tuple[Peer, Peer], field: str, value: object) -> None:
    answer = await send(peers[0], {**METADATA, field: value}, ("a.txt", b"x"))
    assert (answer.status, answer.code, answer.json["params"]["field"]) == (400, "bad_request", field)


async def test_nothing_is_left_of_refused_parts(hub: HubUnderTest, peers: tuple[Peer, Peer]) -> None:
    await send(peers[0], {**METADATA, "to": ["000.00.99.H09"]}, ("a.txt", b"x"))
    assert await hub.holds_nothing()


@pytest.mark.parametrize(
    "headers",
    [
        b'Content-Disposition: form-data; name="file"; filename="\xff\xfe.txt"',
        b'Content-Disposition: form-data; name="file"; filename="a.txt"\r\nContent-Type: \xff/plain',
        b'Content-Disposition: form-data; name="\xff"; filename="a.txt"',
    ],
)
async def test_a_part_whose_names_are_no_text_is_refused(peers: tuple[Peer, Peer], headers: bytes) -> None:
    lines = [
        b'--BB\r\nContent-Disposition: form-data; name="metadata"\r\n',
        json.dumps(METADATA).encode(),
        b"--BB\r\n" + headers + b"\r\n",
        b"x\r\n--BB--\r\n",
    ]
    answer = await peers[0].call(
        "POST",
        "/api/v1/documents",
        data=b"\r\n".join(lines),
        headers={"Content-Type": "multipart/form-data; boundary=BB"},
    )
    assert (answer.status, answer.code) == (422, "parts_invalid")


@pytest.mark.parametrize(("field", "value"), [("doc_type", True), ("doc_type", "1"), ("priority", True)])
async def test_what_is_no_number_is_not_read_as_one(
    peers: tuple[Peer, Peer], field: str, value: object
) -> None:
    answer = await send(peers[0], METADATA | {field: value}, ("a.txt", b"x"))
    assert (answer.status, answer.code) == (400, "bad_request")
