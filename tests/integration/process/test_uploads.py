"""Bodies that are too large, too slow, cut, or not wanted at all; spoken to the socket itself."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from hub.domain.limits import BODY_MAX, MIB
from tests.integration.process.kit import CONTENT, SENDER, Letters, with_noise
from tests.support.process import Home, Hub, copy_of, new_folder, until

TWO_GB = 2 * 1024**3
ANSWER_S = 20.0
WINDOW_S = 1.0
# What lies in sockets between a sender that does not look and a hub that has stopped reading.
IN_FLIGHT = 16 * MIB


@pytest.fixture(scope="module")
def running(template: Home) -> Iterator[tuple[Home, Hub]]:
    """One hub for all tests here, with a short window for the rate of a body."""
    env = {
        "LIENTHONG_VERIFY_WORKERS": "1",
        "LIENTHONG_LIMITS__MIN_RATE_WINDOW_S": str(WINDOW_S),
        "LIENTHONG_LIMITS__DRAIN_S": "1",
    }
    with new_folder() as folder:
        home = copy_of(template, folder)
        with home.served(env=env) as hub:
            yield home, hub


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The code of a problem document."""
        return str(json.loads(self.body)["code"])


class Wire:
    """A connection to the hub, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer
        self.sent = 0

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()
        self.sent += len(data)

    async def answer(self) -> Answer:
        """Read one answer, 100 Continue too."""
        async with asyncio.timeout(ANSWER_S):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lines = head.rstrip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
            length = int(headers.get("content-length", "0"))
            return Answer(int(lines[0].split()[1]), headers, await self._reader.readexactly(length))

    async def ended(self) -> bytes:
        """Wait until the hub closes; returns what came before that."""
        async with asyncio.timeout(ANSWER_S):
            return await self._reader.read()


@asynccontextmanager
async def wire(hub: Hub) -> AsyncIterator[Wire]:
    address = urlsplit(hub.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def head(home: Home, *headers: str, path: str = "/api/v1/documents", key: str | None = None) -> bytes:
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: hub",
        f"Authorization: Bearer {key or home.keys[SENDER.system]}",
        "Content-Type: application/xml",
        *headers,
        "",
        "",
    )
    return "\r\n".join(lines).encode()


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


async def count(home: Home, table: str) -> int:
    async with home.database() as connection:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))


async def nothing_is_left(home: Home, documents: int) -> None:
    async def clean() -> bool | None:
        return not home.spools or None

    await until(clean, within_s=10, what="empty spools")
    assert await count(home, "document") == documents
    assert len(home.blobs) == documents


def spooled(home: Home) -> int:
    total = 0
    for path in home.path.glob("blobs/tmp/**/*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size if path.is_file() else 0
    return total


def endless(message: bytes) -> Iterator[bytes]:
    """A message with attachment after attachment of 32 MB, each within the limits, without end."""
    begin = message.index(b"<Attachment>", message.index(b"<AttachmentEncoded"))
    opening = CONTENT.search(message, begin)
    assert opening is not None
    block = base64.b64encode(bytes(range(256)) * 192)  # 64 KB
    yield message[:begin]
    while True:
        yield message[begin : opening.end(1)]
        for _ in range(512):
            yield block
        yield b"</edXML:ContentTransferEncoded></Attachment>"


async def test_two_gigabytes_without_a_length_are_refused_at_the_limit(
    running: tuple[Home, Hub], letters: Letters
) -> None:
    home, hub = running
    documents, most = await count(home, "document"), 0
    async with wire(hub) as connection:
        await connection.send(head(home, "Transfer-Encoding: chunked"))

        async def pour() -> None:
            nonlocal most
            for part in endless(letters.new()):
                await connection.send(chunk(part))
                if connection.sent % MIB < len(part):
                    most = max(most, spooled(home))
                if connection.sent > TWO_GB:
                    return

        pouring = asyncio.get_running_loop().create_task(pour())
        answer = await connection.answer()
        sent = connection.sent
        pouring.cancel()
        with suppress(asyncio.CancelledError, ConnectionError):
            await pouring
    assert (answer.status, answer.code) == (413, "body_too_large")
    assert BODY_MAX - MIB < sent < BODY_MAX + IN_FLIGHT
    # The body as it came and its attachments decoded.
    assert 100 * MIB < most < BODY_MAX * 2
    await nothing_is_left(home, documents)


@pytest.mark.parametrize("expect", [(), ("Expect: 100-continue",)], ids=["plain", "expect"])
async def test_a_declared_length_over_the_limit_is_refused_before_the_body(
    running: tuple[Home, Hub], expect: tuple[str, ...]
) -> None:
    home, hub = running
    documents = await count(home, "document")
    async with wire(hub) as connection:
        await connection.send(head(home, f"Content-Length: {TWO_GB}", *expect))
        answer = await connection.answer()
        assert (answer.status, answer.code) == (413, "body_too_large")
        assert await connection.ended() == b""
    await nothing_is_left(home, documents)


async def test_who_asks_before_sending_is_told_to_go_on_when_the_call_is_good(
    running: tuple[Home, Hub], letters: Letters
) -> None:
    home, hub = running
    body = letters.new()
    async with wire(hub) as connection:
        await connection.send(head(home, f"Content-Length: {len(body)}", "Expect: 100-continue"))
        assert (await connection.answer()).status == 100
        await connection.send(body)
        assert (await connection.answer()).status == 201


async def test_who_asks_before_sending_with_a_wrong_key_uploads_nothing(running: tuple[Home, Hub]) -> None:
    home, hub = running
    async with wire(hub) as connection:
        await connection.send(
            head(home, "Content-Length: 1000", "Expect: 100-continue", key="ltk_AAAAAAAA_wrong")
        )
        answer = await connection.answer()
        assert (answer.status, answer.code) == (401, "unauthenticated")
        # Whether the body still comes is unclear: the hub does not read on as if it were a call.
        assert answer.headers["connection"] == "close"


async def test_a_body_that_trickles_is_cut_off(running: tuple[Home, Hub], letters: Letters) -> None:
    home, hub = running
    documents, body = await count(home, "document"), letters.new()
    async with wire(hub) as connection:
        await connection.send(head(home, f"Content-Length: {len(body)}"))

        async def trickle() -> None:
            for position in range(0, len(body), 10):
                await connection.send(body[position : position + 10])
                await asyncio.sleep(WINDOW_S / 20)

        trickling = asyncio.get_running_loop().create_task(trickle())
        answer = await connection.answer()
        trickling.cancel()
        with suppress(asyncio.CancelledError, ConnectionError):
            await trickling
    assert (answer.status, answer.code) == (408, "body_too_slow")
    await nothing_is_left(home, documents)


async def test_a_body_that_never_comes_is_cut_off(running: tuple[Home, Hub]) -> None:
    home, hub = running
    documents = await count(home, "document")
    async with wire(hub) as connection:
        await connection.send(head(home, "Content-Length: 1000"))
        answer = await connection.answer()
    assert (answer.status, answer.code) == (408, "body_too_slow")
    await nothing_is_left(home, documents)


async def test_a_json_body_that_never_comes_is_cut_off(running: tuple[Home, Hub]) -> None:
    home, hub = running
    async with wire(hub) as connection:
        await connection.send(head(home, "Content-Length: 100", path="/api/v1/statuses"))
        answer = await connection.answer()
    assert (answer.status, answer.code) == (408, "body_too_slow")


async def test_a_json_body_in_pieces_is_read_whole(running: tuple[Home, Hub]) -> None:
    home, hub = running
    about = b'{"about":"0190a0a0-0000-7000-8000-000000000000","at":"2026-01-01T00:00:00Z",'
    async with wire(hub) as connection:
        await connection.send(head(home, "Transfer-Encoding: chunked", path="/api/v1/statuses"))
        await connection.send(chunk(about))
        await asyncio.sleep(WINDOW_S / 10)  # so that the two do not come as one
        await connection.send(chunk(b'"status_code":"01"}') + b"0\r\n\r\n")
        answer = await connection.answer()
    assert (answer.status, answer.code) == (404, "document_unknown")


async def test_a_body_cut_in_the_middle_leaves_nothing(running: tuple[Home, Hub], letters: Letters) -> None:
    home, hub = running
    documents, refused, body = await count(home, "document"), await count(home, "refusal"), letters.new()
    async with wire(hub) as connection:
        await connection.send(head(home, f"Content-Length: {len(body)}"))
        await connection.send(body[: len(body) // 2])

        async def begun() -> bool | None:
            return bool(home.spools) or None

        await until(begun, within_s=10, what="the hub has begun to read")
        connection.writer.transport.abort()

    async def noted() -> bool | None:
        return await count(home, "refusal") == refused + 1 or None

    await until(noted, within_s=10, what="the refusal is on record")
    await nothing_is_left(home, documents)
    # The whole of it is judged anew.
    async with wire(hub) as connection:
        await connection.send(head(home, f"Content-Length: {len(body)}"))
        await connection.send(body)
        assert (await connection.answer()).status == 201


async def test_a_damaged_original_never_looks_whole_to_its_sender(
    running: tuple[Home, Hub], letters: Letters
) -> None:
    home, hub = running
    body = b"".join(with_noise(letters.new(), 40))
    async with wire(hub) as connection:
        await connection.send(head(home, f"Content-Length: {len(body)}"))
        await connection.send(body)
        answer = await connection.answer()
        path = home.path / "blobs" / "objects"
        stored = next(p for p in path.glob("*/*") if p.read_bytes() == body)
        stored.chmod(0o600)
        with stored.open("r+b") as file:
            file.seek(len(body) // 2)
            file.write(b"!")
        location = answer.headers["location"]
        key = home.keys[SENDER.system]
        await connection.send(
            f"GET {location}/content HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
        )
        begun = (await connection._reader.readuntil(b"\r\n\r\n")).decode()
        assert f"Content-Length: {len(body)}" in begun
        with suppress(ConnectionError):
            assert len(await connection.ended()) < len(body)
