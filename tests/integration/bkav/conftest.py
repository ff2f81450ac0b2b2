"""A hub behind its own HTTP server, and systems that call it in the Bkav eDoc dialect."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from hub.domain.adapters import BKAV
from hub.services import shared_secrets
from tests.integration.vxp.conftest import Served, serve
from tests.support.hub import Answer

TOKEN = "wH9q/thu-nghiem+khong-co-that="


@dataclass(frozen=True)
class Client:
    """A client for one agency; it reads answers as JSON, whatever their HTTP status is."""

    session: ClientSession
    url: str
    organ: str
    token: str = TOKEN

    async def call(
        self, operation: str, *, method: str = "POST", headers: Mapping[str, str] | None = None, **more: Any
    ) -> Answer:
        """Make one call."""
        named = {"organid": self.organ, "authorization": self.token, **(headers or {})}
        async with self.session.request(
            method, f"{self.url}/EdocService/{operation}", headers=named, **more
        ) as response:
            assert response.content_type == "application/json"
            return Answer(response.status, response.headers, await response.read())

    async def send(self, document: bytes, kind: str = "EDOC") -> Answer:
        """sendDocument."""
        stream = {"type": kind, "Content-Type": "application/octet-stream"}
        return await self.call("sendDocument", headers=stream, data=io.BytesIO(document))

    async def pending(self, kind: str = "EDOC") -> list[str]:
        """getPendingDocIds."""
        answer = await self.call("getPendingDocIds", method="GET", headers={"messagetype": kind})
        assert answer.json["status"] == "Success", answer.raw
        ids: list[str] = answer.json["data"]
        return ids

    async def get(self, package: str) -> bytes:
        """getDocument."""
        answer = await self.call("getDocument", headers={"docid": package})
        assert answer.json["code"] == "0", answer.raw
        return base64.b64decode(answer.json["data"], validate=True)

    async def confirm(self, package: str) -> Answer:
        """confirmReceived."""
        return await self.call("confirmReceived", headers={"docid": package})


@dataclass
class Exchange:
    """A served hub whose systems have tokens."""

    served: Served

    @property
    def hub(self) -> Any:
        """The hub under test."""
        return self.served.hub

    async def connect(self, name: str, *units: str, token: str = TOKEN, **settings: str) -> Client:
        """Register a system for units and give it a token."""
        await self.hub.system(name, *units)
        await self.served.adapters.configure(name, adapter=BKAV, settings=settings)
        await self.served.adapters.put_secret(name, BKAV, token.encode(), grace=timedelta(days=7))
        return self.client(units[0], token)

    def client(self, organ: str, token: str = TOKEN) -> Client:
        """A client for an agency."""
        url = f"http://{self.served.host}:{self.served.port}"
        return Client(self.hub.session, url, organ, token)

    async def settle(self) -> None:
        """Let the hub do what is due."""
        await self.served.settle()


@pytest.fixture
async def exchange(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Exchange]:
    """A hub with the tests' directory."""
    monkeypatch.setattr(shared_secrets, "REMEMBERED_S", 0.0)
    async with serve(database_url, tmp_path, limits={"body_bytes": 2_000_000}) as made:
        yield Exchange(made)
