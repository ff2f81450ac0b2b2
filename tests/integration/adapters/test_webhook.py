"""The webhook over real TLS: the contract, what goes over the line, and servers that misbehave."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.exit_contract import ExitContract
from tests.support.webhook_server import WebhookServer


class TestWebhookSecret(ExitContract):
    @pytest.fixture
    async def counterpart(self, tmp_path: Path) -> AsyncIterator[WebhookServer]:
        server = WebhookServer(tmp_path / "server")
        await server.start()
        yield server
        await server.stop()


class TestWebhookCertificate(ExitContract):
    @pytest.fixture
    async def counterpart(self, tmp_path: Path) -> AsyncIterator[WebhookServer]:
        server = WebhookServer(tmp_path / "server", changes="certificate")
        await server.start()
        yield server
        await server.stop()
