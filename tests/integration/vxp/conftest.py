"""A hub behind its own HTTP server, and systems that call it as the SDK does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from hub.domain.adapters import VXP
from hub.services import shared_secrets
from hub.services.adapters import AdapterService
from hub.storage.secret_box import FileSecretBox
from hub.storage.unit_of_work import PgUnitOfWork
from hub.web.keys import UNDER_WAY
from hub.web.server import serve_http
from tests.support.hub import B_SECOND, A, B, HubUnderTest, Peer, hub_on
from tests.support.messages import letter
from tests.support.sdk import Sdk

SECRET = "khoa-thu-nghiem-khong-co-that"


@dataclass
class Served:
    """A hub under test at a real address."""

    hub: HubUnderTest
    host: str
    port: int
    adapters: AdapterService

    async def connect(
        self, name: str, *units: str, settings: dict[str, str] | None = None
    ) -> tuple[Peer, Sdk]:
        """Register a system for units and give it the secret of the client API."""
        peer = await self.hub.system(name, *units)
        await self.adapters.configure(name, adapter=VXP, settings={"system_id": units[0], **(settings or {})})
        await self.adapters.put_secret(name, VXP, SECRET.encode(), grace=timedelta(days=7))
        return peer, self.sdk(units[0])

    def sdk(self, system_id: str, secret: str = SECRET) -> Sdk:
        """A fresh client object."""
        return Sdk(self.host, self.port, system_id, secret)

    async def package(self, **letter_fields: Any) -> tuple[Sdk, Sdk, str, bytes]:
        """Let A send B a letter; return their clients, the package that B finds, and the letter."""
        _, a = await self.connect("DMS A", A)
        _, b = await self.connect("DMS B", B, B_SECOND)
        document = letter(A, B, **letter_fields)
        assert (await a.send(document, sender=A)).code == "0"
        await self.settle()
        (listed,) = await b.received() or []
        return a, b, listed["docId"], document

    async def settle(self) -> None:
        """Let calls end and the hub do what is due; what nodes remember of empty lists is forgotten."""
        assert await self.hub.app[UNDER_WAY].ended(20)
        await self.hub.settle()
        self.hub.services.wakeups.wake_everybody()


@asynccontextmanager
async def serve(database_url: str, folder: Path, **options: Any) -> AsyncIterator[Served]:
    """Serve a hub by the product's own server."""
    async with (
        hub_on(database_url, folder, **options) as hub,
        serve_http(hub.app, host="127.0.0.1", port=0, drain_s=2.0) as url,
    ):
        parts = urlsplit(url)
        box = FileSecretBox.open_or_create(folder / "keys" / "secrets.key")
        adapters = AdapterService(uow=PgUnitOfWork(hub.pool), box=box, kinds={})
        yield Served(hub, str(parts.hostname), int(parts.port or 0), adapters)


@pytest.fixture
async def served(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """A hub with the tests' directory."""
    monkeypatch.setattr(shared_secrets, "REMEMBERED_S", 0.0)
    async with serve(database_url, tmp_path) as made:
        yield made
