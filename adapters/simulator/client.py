"""A client of the hub's REST interface, as a document-management system would write it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import aiohttp

TIMEOUT_S: Final = 60.0
Json = dict[str, Any]


class Problem(Exception):
    """The hub's answer was a problem document [RFC 9457]."""

    def __init__(self, status: int, document: Json) -> None:
        super().__init__(f"{status} {document.get('code')}: {document.get('title')}")
        self.status = status
        self.code = str(document.get("code", ""))
        self.title = str(document.get("title", ""))
        self.detail = str(document.get("detail", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The answer to a submission: the receipt's bytes as they came, and its parts."""

    raw: bytes
    receipt: Json
    jws: str
    repeated: bool

    @property
    def document_id(self) -> str:
        """The hub's id of the message."""
        return str(self.receipt["receipt_id"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A message handed over under a lease."""

    delivery_id: str
    lease_token: int
    body: bytes
    sha256: str
    rendition: str


class HubClient:
    """Calls the hub in the name of one system. Every method raises `Problem` for a problem document."""

    def __init__(self, session: aiohttp.ClientSession, url: str, key: str) -> None:
        self._session = session
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}"}

    async def send(self, body: bytes) -> Sent:
        """Send an edXML message and return its receipt."""
        async with self._session.post(
            f"{self._url}/api/v1/documents",
            data=io.BytesIO(body),
            headers={**self._headers, "Content-Type": "application/xml"},
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
        ) as response:
            return await _sent(response)

    async def status(
        self, about: str, code: str, *, at: datetime, description: str = "", staff: str = ""
    ) -> Sent:
        """Say a business status about a document."""
        order = {
            "about": about,
            "at": at.isoformat(),
            "status_code": code,
            "description": description,
            "staff": staff,
        }
        async with self._session.post(
            f"{self._url}/api/v1/statuses",
            json=order,
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
        ) as response:
            return await _sent(response)

    async def inbox(self, *, wait: int = 0) -> list[Json]:
        """Return what may be leased now, waiting for it up to `wait` seconds."""
        answer = await self._get("/api/v1/inbox", {"wait": str(wait)})
        deliveries: list[Json] = answer["deliveries"]
        return deliveries

    async def fetch(self, delivery_id: str, *, seconds: int | None = None) -> Fetched:
        """Lease a delivery, for so many seconds or as long as is usual, and fetch its content."""
        wanted: Json = {} if seconds is None else {"seconds": seconds}
        lease = await self._post(f"/api/v1/inbox/{delivery_id}/lease", wanted)
        async with self._session.get(
            f"{self._url}{lease['content_url']}",
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
        ) as response:
            if response.status != 200:
                raise Problem(response.status, await response.json(content_type=None))
            return Fetched(
                delivery_id=delivery_id,
                lease_token=lease["lease_token"],
                body=await response.read(),
                sha256=response.headers["X-Content-SHA256"],
                rendition=response.headers["X-Rendition"],
            )

    async def confirm(self, fetched: Fetched) -> Json:
        """Confirm a delivery that was fetched."""
        return await self._post(
            f"/api/v1/inbox/{fetched.delivery_id}/confirm", {"lease_token": fetched.lease_token}
        )

    async def reject(self, fetched: Fetched, reason: str) -> Json:
        """Give a delivery back with a reason."""
        return await self._post(
            f"/api/v1/inbox/{fetched.delivery_id}/reject",
            {"lease_token": fetched.lease_token, "reason": reason},
        )

    async def document(self, document_id: str) -> Json:
        """Return a document and where its deliveries stand."""
        return await self._get(f"/api/v1/documents/{document_id}")

    async def recall(self, document_id: str, reason: str, *, at: datetime) -> list[Json]:
        """Ask for a document back from all its recipients; return what became of it at each."""
        order = {"reason": reason, "at": at.isoformat()}
        answer = await self._post(f"/api/v1/documents/{document_id}/recall", order)
        recipients: list[Json] = answer["recipients"]
        return recipients

    async def timeline(self, document_id: str) -> list[Json]:
        """Return what happened to a document."""
        events: list[Json] = (await self._get(f"/api/v1/documents/{document_id}/timeline"))["events"]
        return events

    async def signatures(self, document_id: str) -> Json:
        """Return the signature reports of a document."""
        return await self._get(f"/api/v1/documents/{document_id}/signatures")

    async def evidence(self, document_id: str) -> list[Json]:
        """Return the hub's statements about a document."""
        rows: list[Json] = (await self._get(f"/api/v1/documents/{document_id}/evidence"))["evidence"]
        return rows

    async def events(self, after: int) -> tuple[list[Json], int]:
        """Return events after a cursor, and the next cursor."""
        page = await self._get("/api/v1/events", {"after": str(after), "limit": "500"})
        return page["events"], page["next"]

    async def keys(self) -> Json:
        """Return the hub's public keys."""
        return await self._get("/api/v1/keys")

    async def _get(self, path: str, query: Mapping[str, str] | None = None) -> Json:
        async with self._session.get(
            f"{self._url}{path}",
            params=query,
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
        ) as response:
            return await _json(response)

    async def _post(self, path: str, body: Json) -> Json:
        async with self._session.post(
            f"{self._url}{path}",
            json=body,
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
        ) as response:
            return await _json(response)


async def _json(response: aiohttp.ClientResponse) -> Json:
    document: Json = await response.json(content_type=None)
    if response.status >= 400:
        raise Problem(response.status, document)
    return document


async def _sent(response: aiohttp.ClientResponse) -> Sent:
    raw = await response.read()
    document = await _json(response)
    return Sent(
        raw=raw, receipt=document["receipt"], jws=document["jws"], repeated="X-Repeated" in response.headers
    )
