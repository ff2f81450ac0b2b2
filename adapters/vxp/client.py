"""The hub as a client of the national exchange: calls over HTTP, strict about what comes back.

The national SDK takes an HTML page for an empty list, so that an outage looks like "no mail". Here an answer
is the protocol's or it is an error: HTML, nothing at all, JSON without the three fields, fields of other
types, too many bytes, a redirect. Documents stream in both directions; lists are limited in size. Every call
has a time limit and a connection of its own, as the SDK's have. Parameters are ASCII. Two secrets may be
valid while one takes the place of the other: the one that works is kept. [national format, 3.1 to 3.3, 6]

`sendEdoc` is repeated by the push worker with the same bytes until an answer comes: the exchange recognises
them and gives the same DocId.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar

import aiohttp

from adapters.vxp import rows
from adapters.vxp.embedded_data import EmbeddedData
from adapters.vxp.endpoint import ClientLimits, Endpoint
from adapters.vxp.wire import (
    CONTENT_TYPE_BYTES,
    CONTENT_TYPE_JSON,
    NO_DOCUMENT,
    OPERATIONS,
    Answer,
    AnswerUnreadable,
    ErrorCode,
    OperationName,
    padded,
    parse_answer,
    signed_headers,
    unaccented,
    unpadded,
    write_listed,
    write_stamp,
)
from hub.ports.national import (
    ExchangeRefused,
    ExchangeUnavailable,
    ListedAgency,
    MessageType,
    Package,
    SentPackage,
    Word,
)

T = TypeVar("T")

SERVICE_TYPE: Final = "eDoc"
CHUNK_BYTES: Final = 65_536
# Enough of a body to tell a page or an answer from a message.
SNIFF_BYTES: Final = 64
DESCRIPTION_MOST: Final = 200
LIST_MOST_BYTES: Final = 8 * 1024 * 1024
# The directory has some 120,000 agencies.
DIRECTORY_MOST_BYTES: Final = 64 * 1024 * 1024
# Refusals that another spelling of hash-file cannot change.
_NOT_OF_THE_DIGEST: Final = frozenset(
    {
        ErrorCode.WRONG_CREDENTIALS,
        ErrorCode.UNKNOWN_RECIPIENT,
        ErrorCode.UNREGISTERED_SENDER,
        ErrorCode.LOCKED_RECIPIENT,
    }
)
_NO_MESSAGE: Final = (b"<!doctype html", b"<html", b"{")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A message to send: who sends it, to which codes, its bytes and their digest."""

    from_code: str
    to_codes: tuple[str, ...]
    kind: MessageType
    sha256: bytes
    size: int
    open: Callable[[], AsyncIterator[bytes]]


class VxpClient:
    """Implements `NationalExchange` over the client API, and sends."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        limits: ClientLimits | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if not endpoint.secrets:
            raise ValueError("secret")
        self._endpoint = endpoint
        self._limits = limits or ClientLimits()
        self._now = now
        self._secrets = list(endpoint.secrets)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Let go of all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def send(self, upload: Upload) -> str:
        """Send a message and return the exchange's id of it.

        The digest goes padded; if the exchange will not have it so, once more as the Java client writes it.

        Raises:
            ExchangeRefused, ExchangeUnavailable.
            ValueError: a code cannot stand in a header.
        """
        try:
            return await self._with_secrets(lambda: self._send(upload, padded(upload.sha256)))
        except ExchangeRefused as refused:
            other = unpadded(upload.sha256)
            if refused.code in _NOT_OF_THE_DIGEST or other == padded(upload.sha256):
                raise
            return await self._send(upload, other)

    async def received(self, kind: MessageType, *, since: datetime | None) -> tuple[Package, ...]:
        """Return the packages that wait for us."""
        dates = {}
        if since is not None and self._endpoint.lists_take_dates:
            dates = {"fromDate": write_listed(since), "toDate": write_listed(self._now())}
        return rows.packages(await self._call(OperationName.RECEIVED_LIST, {**_kind(kind), **dates}), kind)

    async def sent(self, kind: MessageType) -> tuple[SentPackage, ...]:
        """Return how far recipients are with what we have sent."""
        return rows.sent_packages(await self._call(OperationName.SENT_LIST, _kind(kind)))

    async def tell(self, package_id: str, word: Word, *, text: str = "") -> None:
        """Say what became of a package."""
        description = unaccented(text)[:DESCRIPTION_MOST].strip()
        more = {"description": description} if description else {}
        await self._call(OperationName.UPDATE_STATUS, {"docid": package_id, "status": word.value, **more})

    async def agencies(self) -> tuple[ListedAgency, ...]:
        """Return the exchange's directory: its list and the pairs of old and new codes."""
        listed = await self._call(OperationName.AGENCIES, {}, most=DIRECTORY_MOST_BYTES)
        pairs = await self._call(OperationName.AGENCIES_QD20, {"level": "1"}, most=DIRECTORY_MOST_BYTES)
        return await asyncio.to_thread(rows.agencies, listed, pairs)

    async def download(self, package_id: str) -> AsyncGenerator[bytes]:
        """Stream the message of a package: as bytes, or if the exchange will not, out of getEdoc's JSON."""
        begun = False
        try:
            async with aclosing(self._raw(package_id)) as chunks:
                async for chunk in chunks:
                    begun = True
                    yield chunk
            return
        except ExchangeRefused:
            if begun:
                raise
        async with aclosing(self.download_again(package_id)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def download_again(self, package_id: str) -> AsyncGenerator[bytes]:
        """Stream the message of a package out of getEdoc's JSON, without holding it in memory.

        Whether the answer is a good one is known at its end: nothing may be done with the bytes before.
        """
        data = EmbeddedData()
        size = 0
        async with self._response(OperationName.GET, {"docId": package_id}, transfer=True) as response:
            async for chunk in self._chunks(response, most=2 * self._limits.document_bytes):
                try:
                    decoded = data.feed(chunk)
                except ValueError as error:
                    raise ExchangeUnavailable("answer_unreadable", str(error)) from error
                size += len(decoded)
                if decoded:
                    yield decoded
        _judged(_parsed(data.rest(), OperationName.GET.value))
        if not data.complete or not size:
            raise ExchangeUnavailable("answer_incomplete", "getEdoc without data")

    async def _send(self, upload: Upload, digest: str) -> str:
        parameters = {
            "from": upload.from_code,
            **_kind(upload.kind),
            "to": json.dumps(list(upload.to_codes), separators=(",", ":")),
            "hash-file": digest,
        }
        async with self._response(OperationName.SEND, parameters, upload=upload, transfer=True) as response:
            body = await self._whole(response, LIST_MOST_BYTES)
        answer = _judged(_parsed(body, OperationName.SEND.value))
        reference = answer.fields.get("DocId")
        if reference == NO_DOCUMENT:
            raise ExchangeUnavailable("answer_incomplete", "sendEdoc without a DocId")
        return rows.package_id(reference)

    async def _call(
        self, operation: OperationName, parameters: Mapping[str, str], *, most: int = LIST_MOST_BYTES
    ) -> Answer:
        async def once() -> Answer:
            large = most > LIST_MOST_BYTES
            async with self._response(operation, parameters, transfer=large) as response:
                body = await self._whole(response, most)
            if large:
                return _judged(await asyncio.to_thread(_parsed, body, operation.value))
            return _judged(_parsed(body, operation.value))

        return await self._with_secrets(once)

    async def _with_secrets(self, call: Callable[[], Awaitable[T]]) -> T:
        try:
            return await call()
        except ExchangeRefused as refused:
            if refused.code != ErrorCode.WRONG_CREDENTIALS or len(self._secrets) == 1:
                raise
        # The exchange may know only the secret before this one, or the one after it.
        self._secrets.reverse()
        return await call()

    async def _raw(self, package_id: str) -> AsyncGenerator[bytes]:
        async with self._response(OperationName.DOWNLOAD, {"docId": package_id}, transfer=True) as response:
            if response.status != 200:
                # An error has an empty body by the protocol: there is nothing to learn but that it is one.
                raise ExchangeRefused(f"http_{response.status}", "downloadEdoc")
            if response.content_type == "text/html":
                raise ExchangeUnavailable("answer_unreadable", "downloadEdoc answered with HTML")
            async for chunk in _sniffed(self._chunks(response, most=self._limits.document_bytes)):
                yield chunk

    async def _whole(self, response: aiohttp.ClientResponse, most: int) -> bytes:
        body = bytearray()
        async for chunk in self._chunks(response, most=most):
            body += chunk
        if not body:
            raise ExchangeUnavailable("answer_empty", f"HTTP {response.status}")
        return bytes(body)

    async def _chunks(self, response: aiohttp.ClientResponse, *, most: int) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in response.content.iter_chunked(CHUNK_BYTES):
            size += len(chunk)
            if size > most:
                raise ExchangeUnavailable("answer_too_large", f"more than {most} bytes")
            yield chunk

    @asynccontextmanager
    async def _response(
        self,
        operation: OperationName,
        parameters: Mapping[str, str],
        *,
        upload: Upload | None = None,
        transfer: bool = False,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        spec = OPERATIONS[operation]
        headers = dict(
            signed_headers(
                parameters,
                system_id=self._endpoint.system_id,
                secret=self._secrets[0],
                timestamp=write_stamp(self._now()),
                content_type=CONTENT_TYPE_JSON if upload is None else CONTENT_TYPE_BYTES,
            )
        )
        if upload is not None:
            headers["Content-Length"] = str(upload.size)
        body = spec.body.encode() if upload is None else upload.open()
        method = "POST" if "POST" in spec.methods else "GET"
        url = f"{self._endpoint.url.rstrip('/')}/{operation.value}"
        limit = self._limits.transfer_s if transfer else self._limits.call_s
        try:
            async with (
                asyncio.timeout(limit),
                self._open().request(
                    method, url, headers=headers, data=body or None, allow_redirects=False
                ) as response,
            ):
                if 300 <= response.status < 400:
                    raise ExchangeUnavailable("redirected", f"HTTP {response.status}")
                yield response
        except TimeoutError as error:
            raise ExchangeUnavailable("timed_out", operation.value) from error
        except (aiohttp.ClientError, OSError) as error:
            # The text of these errors may hold addresses and headers: the kind is enough.
            raise ExchangeUnavailable("not_reached", type(error).__name__) from error

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            limits = self._limits
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True, ssl=self._endpoint.tls or True),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=limits.connect_s, sock_read=limits.stalled_s
                ),
                trust_env=False,
            )
        return self._session


def _kind(kind: MessageType) -> dict[str, str]:
    return {"servicetype": SERVICE_TYPE, "messagetype": kind.value}


def _parsed(body: bytes, operation: str) -> Answer:
    try:
        return parse_answer(body)
    except AnswerUnreadable as error:
        raise ExchangeUnavailable("answer_unreadable", f"{operation}: {error}") from error


def _judged(answer: Answer) -> Answer:
    if not answer.ok:
        raise ExchangeRefused(rows.error_code(answer.code), unaccented(answer.text)[:DESCRIPTION_MOST])
    return answer


async def _sniffed(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Pass a message through, unless it begins like a page, or like an answer in JSON, or is empty."""
    head: bytes | None = b""
    async for chunk in chunks:
        if head is None:
            yield chunk
            continue
        head += chunk
        if len(head) >= SNIFF_BYTES:
            _refuse_page(head)
            yield head
            head = None
    if head == b"":
        raise ExchangeUnavailable("answer_empty", "downloadEdoc")
    if head is not None:
        _refuse_page(head)
        yield head


def _refuse_page(head: bytes) -> None:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(_NO_MESSAGE):
        raise ExchangeUnavailable("answer_unreadable", "downloadEdoc answered with a page")
