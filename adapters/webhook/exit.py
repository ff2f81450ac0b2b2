"""The exit of a webhook: one POST per delivery, streamed, signed, answered within a limit.

The body goes out as it is read from the blob store, in chunks, with its length known before; nothing is held.
Of an answer at most 64 KB are read, redirects are not followed, cookies not kept, content not decoded. A 2xx
counts only if the whole document had been sent by then. Connections are kept between calls and are this
system's alone.

Whatever the peer, the network or the library does becomes a `Failed`; what the blob store does is no fault of
the peer. [hub.ports.exits]
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import aiohttp
import structlog

from adapters.webhook.addresses import AddressRefused, JudgingResolver
from adapters.webhook.answer import outcome_of
from adapters.webhook.settings import WebhookSettings
from adapters.webhook.signature import sign
from hub.ports.blobs import BlobStoreError
from hub.ports.exits import Delivered, Failed, Outcome, Parcel, ParcelContent

log = structlog.get_logger(__name__)

ANSWER_MOST_BYTES: Final = 64 * 1024
# How long the rest of an answer is waited for whose status says it all.
REST_S: Final = 5.0
PING: Final = "ping"
EMPTY_SHA256: Final = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
CONTENT_TYPE: Final = "application/xml"
AGENT: Final = "lienthong"
_UNREACHED: Final = frozenset({401, 403, 404, 407, 410})

# What the client library raises, and what it lets through.
_FAILURES: Final = (aiohttp.ClientError, OSError, TimeoutError, ValueError)


class _Source:
    # Reads the parcel's content for one call and remembers how that went.

    def __init__(self, content: ParcelContent) -> None:
        self._content = content
        self._sent = 0
        self.error: BlobStoreError | OSError | None = None

    @property
    def whole(self) -> bool:
        return self._sent == self._content.size

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._content.open():
                self._sent += len(chunk)
                yield chunk
        except (BlobStoreError, OSError) as error:
            self.error = error
            raise


class WebhookExit:
    """Implements `Exit`."""

    groups_recipients = False

    def __init__(
        self,
        settings: WebhookSettings,
        *,
        hmac_secrets: tuple[bytes, ...],
        bearer: str | None,
        tls: ssl.SSLContext,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._secrets = hmac_secrets
        self._bearer = bearer
        self._tls = tls
        self._clock = clock
        self._opened: aiohttp.ClientSession | None = None

    async def deliver(self, parcel: Parcel) -> Outcome:
        """Post one document."""
        source = _Source(parcel.content)
        headers = self._headers(str(parcel.delivery_ids[0]), parcel.content.sha256)
        headers |= {
            "Content-Type": CONTENT_TYPE,
            "Content-Length": str(parcel.content.size),
            "X-Document-Id": str(parcel.document.id),
            "X-Document-Kind": str(parcel.document.kind),
            "X-Attempt": str(parcel.attempt),
            "X-Content-SHA256": parcel.content.sha256.hex(),
            "X-Original-SHA256": parcel.content.original_sha256.hex(),
            "X-Rendition": "strict" if parcel.content.is_rendition else "original",
        }
        outcome = await self._call("POST", headers, parcel.content.size, source)
        if source.error is not None:
            log.error("original_unavailable", document_id=str(parcel.document.id), error=repr(source.error))
            return Failed(code="original_unavailable", text=type(source.error).__name__, peer_fault=False)
        if isinstance(outcome, Delivered) and not source.whole:
            return Failed(code="answered_early", text="answers 2xx before it has got the whole document")
        return outcome

    async def probe(self) -> Failed | None:
        """Ask with a signed GET under the id `ping`; what is not there, not ours or not well fails."""
        outcome = await self._call("GET", self._headers(PING, EMPTY_SHA256), 0, None)
        if not isinstance(outcome, Failed) or not outcome.code.startswith("http_"):
            return outcome if isinstance(outcome, Failed) else None
        status = int(outcome.code.removeprefix("http_"))
        return outcome if status in _UNREACHED or status >= 500 else None

    async def close(self) -> None:
        """Let go of connections."""
        session, self._opened = self._opened, None
        if session is not None:
            await session.close()

    def _headers(self, delivery_id: str, body_sha256: bytes) -> dict[str, str]:
        timestamp = int(self._clock().timestamp())
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": AGENT,
            "X-Delivery-Id": delivery_id,
            "X-Timestamp": str(timestamp),
            "X-Signature": sign(
                self._secrets, delivery_id=delivery_id, timestamp=timestamp, body_sha256=body_sha256
            ),
        }
        if self._bearer is not None:
            headers["Authorization"] = f"Bearer {self._bearer}"
        return headers

    async def _call(
        self, method: str, headers: Mapping[str, str], size: int, source: _Source | None
    ) -> Outcome:
        try:
            async with asyncio.timeout(self._settings.limit_s(size)):
                async with self._session().request(
                    method,
                    self._settings.url,
                    headers=headers,
                    data=source.chunks() if source is not None else None,
                    allow_redirects=False,
                ) as response:
                    body = await _start_of(response, calmly=response.ok)
                    return outcome_of(response.status, response.headers, body, now=self._clock())
        except _FAILURES as error:
            return _failure(error)

    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            settings = self._settings
            self._opened = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._tls, resolver=JudgingResolver(settings.allowed)),
                timeout=aiohttp.ClientTimeout(total=None, connect=settings.connect_s),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
        return self._opened


async def _start_of(response: aiohttp.ClientResponse, *, calmly: bool) -> bytes:
    # At most 64 KB. If the status says it all, a rest that does not come is not waited for, and an error in
    # it is not heard.
    if not calmly:
        return await _read(response)
    with suppress(*_FAILURES):
        async with asyncio.timeout(REST_S):
            return await _read(response)
    return b""


async def _read(response: aiohttp.ClientResponse) -> bytes:
    read = bytearray()
    async for chunk in response.content.iter_any():
        read += chunk
        if len(read) >= ANSWER_MOST_BYTES:
            # The rest is nothing to us: the connection ends here.
            response.close()
            break
    return bytes(read[:ANSWER_MOST_BYTES])


def _failure(error: Exception) -> Failed:
    refused = _cause(error, AddressRefused)
    if refused is not None:
        return Failed(code="address_refused", text=str(refused))
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return Failed(code="certificate_refused", text=str(error.certificate_error))
    if isinstance(error, ssl.SSLError | aiohttp.ClientSSLError):
        return Failed(code="tls_failed", text=str(error))
    if isinstance(error, TimeoutError):
        return Failed(code="no_answer", text="no answer within the time limit")
    if isinstance(error, aiohttp.ClientConnectorError):
        return Failed(code="not_connected", text=str(error.os_error))
    if isinstance(error, aiohttp.ClientResponseError):
        # Not its own words: they hold the whole address, and an address may hold a token.
        return Failed(code="answer_unreadable", text=error.message)
    if isinstance(error, aiohttp.ClientPayloadError):
        return Failed(code="answer_unreadable", text=str(error))
    return Failed(code="connection_lost", text=str(error) or type(error).__name__)


def _cause(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    while error is not None:
        if isinstance(error, kind):
            return error
        if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, kind):
            return error.os_error
        error = error.__cause__ or error.__context__
    return None
