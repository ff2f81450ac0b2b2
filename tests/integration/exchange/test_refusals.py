"""Bad input by HTTP: each kind gets its documented status and code, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from hub.domain.limits import API_KEY_GRACE
from tests.support.hub import (
    ALONE,
    B_NEW,
    LOCKED,
    OUTSIDE,
    UNKNOWN,
    A,
    B,
    C,
    HubUnderTest,
    Peer,
    hub_on,
    sha256,
)
from tests.support.messages import PDF, letter, status
from tests.unit.schemas.kit import changed, with_content, without, zipped

SMALL = {"body_bytes": 60_000, "recipients": 20, "unzipped_bytes": 50_000}


@pytest.fixture
async def hub(database_url: str, tmp_path: Path) -> AsyncIterator[HubUnderTest]:
    """A hub with small limits, so that what is too large is quickly made."""
    async with hub_on(database_url, tmp_path, limits=SMALL) as made:
        yield made


def text(**fields: Any) -> str:
    return letter(A, B, **fields).decode()


def doctype(encoding: str) -> bytes:
    body = text().replace("<edXML xmlns", '<!DOCTYPE edXML [<!ENTITY x "y">]><edXML xmlns', 1)
    return body.replace("UTF-8", encoding, 1).encode(encoding)


def in_bits(body: bytes, size: int) -> Callable[[], AsyncIterator[bytes]]:
    async def stream() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]
            await asyncio.sleep(0)

    return stream


def bomb() -> bytes:
    packed = zipped(("a.txt", bytes(60_000)))
    return letter(A, B, files=[("a.txt", packed)]).replace(b"application/pdf", b"application/zip")


BROKEN_BASE64 = with_content("A", document=text()).encode()
WRONG_NAMESPACE = text().replace("TBT/QCVN_102_2016", "TBT/QCVN_102_2099").encode()

REFUSED: dict[str, tuple[bytes, int, str]] = {
    "not XML": (b"khong phai XML", 400, "not_xml"),
    "cut short": (letter(A, B)[:-40], 400, "not_xml"),
    "a DOCTYPE": (doctype("UTF-8"), 422, "doctype_forbidden"),
    "a DOCTYPE in UTF-16": (doctype("UTF-16"), 422, "doctype_forbidden"),
    "another namespace": (WRONG_NAMESPACE, 422, "namespace_wrong"),
    "no From": (without(text(), "From").encode(), 422, "from_missing"),
    "no To": (without(text(), "To").encode(), 422, "to_missing"),
    "a status for nobody": (
        without(status(B, "01", about=(A, 1)).decode(), "ResponseFor").encode(),
        422,
        "response_for_missing",
    ),
    "a status about no document": (
        without(status(B, "01", about=(A, 1)).decode(), "DocumentId").encode(),
        422,
        "document_id_missing",
    ),
    "an unknown status code": (status(B, "77", about=(A, 1)), 422, "status_code_unknown"),
    "an unknown change": (
        changed(text(), ("DocType>0<", "DocType>9<")).encode(),
        422,
        "business_type_unknown",
    ),
    "broken base64": (BROKEN_BASE64, 422, "base64_invalid"),
    "a zip bomb": (bomb(), 422, "archive_unsafe"),
    "10,000 recipients": (letter(A, [f"000.00.{n:05}.H09" for n in range(200)]), 422, "too_many_recipients"),
    "another agency's letter": (letter(C, B), 403, "sender_not_allowed"),
    "an agency nobody knows as sender": (letter(UNKNOWN, B), 403, "sender_not_allowed"),
    "another agency's status": (status(C, "01", about=(A, 1)), 403, "sender_not_allowed"),
    "an unknown recipient": (letter(A, UNKNOWN), 422, "recipient_unknown"),
    "a locked recipient": (letter(A, LOCKED), 422, "recipient_locked"),
    "a recipient without a system": (letter(A, ALONE), 422, "recipient_has_no_system"),
    "a recipient outside": (letter(A, OUTSIDE), 422, "no_relay"),
    "secrecy in the subject": (letter(A, B, subject="[MẬT] V/v nhân sự"), 422, "secrecy_mark"),
    "secrecy in the content": (letter(A, B, content="TỐI MẬT"), 422, "secrecy_mark"),
    "secrecy in the notation": (letter(A, B, notation="UBND-MẬT"), 422, "secrecy_mark"),
    "secrecy in the typer's notation": (letter(A, B, typer="MẬT"), 422, "secrecy_mark"),
    "secrecy in the sphere": (letter(A, B, sphere="TUYỆT MẬT"), 422, "secrecy_mark"),
    "secrecy in a file's name": (letter(A, B, files=[("MẬT.pdf", PDF)]), 422, "secrecy_mark"),
    "an empty body": (b"", 400, "body_empty"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_bad_input_is_refused_with_its_code_and_leaves_nothing(
    hub: HubUnderTest, a: Peer, b: Peer, what: str
) -> None:
    body, expected, code = REFUSED[what]
    answer = await a.send(body)
    assert (answer.status, answer.code) == (expected, code)
    assert "{" not in answer.json["title"] + answer.json["detail"]
    assert answer.json["detail"]
    assert await hub.holds_nothing()


@pytest.mark.parametrize("size", [1, 7, 64])
async def test_a_doctype_cut_over_many_chunks_is_seen(hub: HubUnderTest, a: Peer, size: int) -> None:
    answer = await a.send(in_bits(doctype("UTF-8")[:400], size)())
    assert (answer.status, answer.code) == (422, "doctype_forbidden")
    assert await hub.holds_nothing()


async def test_a_body_whose_length_is_over_the_limit_is_refused_before_it_is_read(
    hub: HubUnderTest, a: Peer
) -> None:
    answer = await a.send(letter(A, B, files=[("to.pdf", PDF + bytes(60_000))]))
    assert (answer.status, answer.code) == (413, "body_too_large")
    assert await hub.count("refusal") == 0, "the body was read before it was refused"
    assert await hub.holds_nothing()


async def test_a_body_of_unknown_length_is_refused_where_it_passes_the_limit(
    hub: HubUnderTest, a: Peer
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        start = letter(A, B, files=[("to.pdf", PDF * 20)])[:1500]
        yield start
        while sent < 2**31:
            sent += 10_000
            yield b"A" * 10_000
            await asyncio.sleep(0)

    try:
        answer = await a.send(endless())
    except ConnectionError:
        pytest.fail("the refusal did not reach the sender")
    assert (answer.status, answer.code) == (413, "body_too_large")
    assert sent < 2**31
    assert await hub.holds_nothing()


async def test_a_body_that_breaks_off_leaves_nothing(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    body = letter(A, B)
    head = (
        f"POST /api/v1/documents HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {a.key}\r\n"
        f"Content-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    host, port = a.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(head.encode() + body[:-100])
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await a.send(body)).status == 201
    async with asyncio.timeout(20):
        while hub.spools():
            await a.call("GET", "/healthz")
    assert await hub.count("document") == 1


async def test_names_that_climb_folders_are_made_harmless(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    sent = await a.accepted(letter(A, B, files=[("../../etc/passwd.pdf", PDF), ("C:\\x\\y.pdf", PDF)]))
    names = [each["name"] for each in (await a.show(sent.document_id))["attachments"]]
    assert len(names) == 2
    assert not any(mark in name for name in names for mark in ("/", "\\", "..", ":"))
    await hub.settle()
    assert [name for name, _ in hub.verifier.seen] == names


async def test_a_priority_no_column_can_hold_is_taken_as_normal(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    body = changed(text(), ("Priority>0<", "Priority>99999999999<")).encode()
    sent = await a.accepted(body)
    assert (await a.show(sent.document_id))["priority"] == 0


async def test_of_a_secret_only_time_system_sender_digest_and_field_are_kept(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    body = letter(A, B, subject="TUYỆT MẬT")
    assert (await a.send(body)).json["params"] == {"field": "Subject"}
    row = await hub.pool.fetchrow("SELECT * FROM refusal")
    assert row is not None
    assert row["sha256"] == bytes.fromhex(sha256(body))
    assert (row["system_id"], row["code"], row["field"], row["from_code"]) == (
        a.caller.system_id,
        "secrecy_mark",
        "Subject",
        A,
    )


async def test_a_refused_message_may_be_sent_again_once_the_reason_is_gone(
    hub: HubUnderTest, a: Peer
) -> None:
    body = letter(A, B)
    assert (await a.send(body, Idempotency_Key="x")).code == "recipient_has_no_system"
    await hub.system("DMS B", B)
    assert (await a.send(body, Idempotency_Key="x")).status == 201


@pytest.mark.parametrize("media_type", ["application/json", "text/plain", "multipart/mixed"])
async def test_another_media_type_is_refused(hub: HubUnderTest, a: Peer, media_type: str) -> None:
    answer = await a.send(letter(A, B), Content_Type=media_type)
    assert (answer.status, answer.code) == (415, "media_type_unsupported")


@pytest.mark.parametrize("key", ["", "x" * 201, "a\tb", "a\u00a0b"])
async def test_an_idempotency_key_must_be_a_short_plain_name(hub: HubUnderTest, a: Peer, key: str) -> None:
    answer = await a.send(letter(A, B), Idempotency_Key=key)
    assert (answer.status, answer.code) == (400, "bad_request")
    assert answer.json["params"] == {"field": "Idempotency-Key"}


KEYS: dict[str, Callable[[Peer], str]] = {
    "absent": lambda _: "",
    "of another scheme": lambda peer: f"Basic {peer.key}",
    "malformed": lambda _: "Bearer ltk_x",
    "unknown": lambda _: "Bearer ltk_" + "A" * 22 + "_" + "A" * 43,
    "with another secret": lambda peer: f"Bearer {peer.key[:27]}" + "A" * 43,
}


@pytest.mark.parametrize("what", KEYS)
async def test_without_a_good_key_nobody_is_let_in(hub: HubUnderTest, a: Peer, what: str) -> None:
    answer = await a.send(letter(A, B), Authorization=KEYS[what](a))
    assert (answer.status, answer.code) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert await hub.holds_nothing()


async def test_a_revoked_key_and_a_locked_system_are_not_let_in(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await hub.registry.revoke_key(a.caller.key_id)
    await hub.registry.set_system_active("DMS B", active=False)
    for peer in (a, b):
        assert (await peer.send(letter(A, B))).code == "unauthenticated"


async def test_an_old_key_works_beside_the_new_one_until_its_grace_is_over(hub: HubUnderTest) -> None:
    old = await hub.system("DMS A", A)
    made = await hub.registry.new_key("DMS A")
    new = hub.peer("DMS A again", made.text, old.caller)
    hub.services.access.forget()
    assert await old.inbox() == await new.inbox() == []
    hub.services.access.forget()
    await hub.later(seconds=API_KEY_GRACE.total_seconds() + 1)
    assert (await old.call("GET", "/api/v1/inbox")).code == "key_expired"
    assert await new.inbox() == []


async def test_a_full_counter_refuses_before_the_body_is_read(hub: HubUnderTest, a: Peer) -> None:
    slots = hub.services.intake._slots
    slots._per_system = 0
    answer = await a.send(letter(A, B))
    assert (answer.status, answer.code) == (429, "system_busy")
    slots._per_system, slots._per_node = 1, 0
    answer = await a.send(letter(A, B))
    assert (answer.status, answer.code) == (503, "intake_busy")
    assert int(answer.headers["Retry-After"]) > 0
    assert slots._all == 0


async def test_the_code_of_a_unit_in_the_other_scheme_is_the_same_sender(hub: HubUnderTest, b: Peer) -> None:
    a = await hub.system("DMS A", A)
    sent = await b.accepted(letter(B_NEW, A))
    assert sent.json["receipt"]["from"] == B_NEW
    await hub.settle()
    assert len(await a.take_all()) == 1
