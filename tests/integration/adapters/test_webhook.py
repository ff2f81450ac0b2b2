"""The webhook over real TLS: the contract, what goes over the line, and servers that misbehave."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import UUID

import pytest
from aiohttp import web

from hub.services.registry import RegistryError
from tests.support.exit_contract import SYSTEM, ExitContract, Sent, give, send, state_of
from tests.support.hub import B, HubUnderTest, Peer, hub_on
from tests.support.push import about, due_in
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


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[WebhookServer]:
    made = WebhookServer(tmp_path / "server")
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def hub(database_url: str, tmp_path: Path, server: WebhookServer) -> AsyncIterator[HubUnderTest]:
    async with hub_on(database_url, tmp_path / "hub", exits=[server.kind()]) as made:
        yield made


@pytest.fixture
async def b(hub: HubUnderTest, server: WebhookServer) -> Peer:
    peer = await hub.system(SYSTEM, B)
    await give(hub, server)
    return peer


async def failure(hub: HubUnderTest, a: Peer, sent: Sent) -> tuple[str, str]:
    """The code and the words of the last attempt, which must have failed."""
    assert await state_of(hub, sent) == "queued"
    answer = await a.call("GET", f"/api/v1/documents/{sent.document_id}/timeline")
    event = [e for e in answer.json["events"] if e["kind"] == "delivery_attempt_failed"][-1]
    said = await hub.column("SELECT reason FROM delivery_text WHERE event_id = $1", UUID(event["event_id"]))
    return event["data"]["problem"], "".join(said)


def answers(server: WebhookServer, response: Callable[[], web.StreamResponse]) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return response()

    server.answering.append(answer)


class TestHeaders:
    async def test_a_call_says_what_it_is_about_and_which_attempt(
        self, hub: HubUnderTest, a: Peer, b: Peer, server: WebhookServer
    ) -> None:
        answers(server, lambda: web.Response(status=500))
        sent = await send(hub, a)
        await hub.push()
        await hub.later(minutes=1)
        await hub.push()
        facts = server.taken[0].facts
        digest = hashlib.sha256(sent.body).hexdigest()
        assert facts["X-Delivery-Id"] == sent.delivery_id
        assert facts["X-Document-Id"] == sent.document_id
        assert facts["X-Document-Kind"] == "document"
        assert facts["X-Attempt"] == "2"
        assert facts["X-Content-SHA256"] == facts["X-Original-SHA256"] == digest
        assert facts["X-Rendition"] == "original"

    async def test_while_a_secret_is_replaced_receivers_with_either_accept(
        self, hub: HubUnderTest, a: Peer, b: Peer, server: WebhookServer
    ) -> None:
        await hub.pushing.adapters.make_secret(SYSTEM, "hmac")
        sent = await send(hub, a)
        await hub.push()
        assert await state_of(hub, sent) == "confirmed"
        await hub.later(days=8)
        assert await hub.pushing.adapters.test(SYSTEM) is not None

    async def test_a_bearer_token_is_sent_along(
        self, hub: HubUnderTest, a: Peer, b: Peer, server: WebhookServer
    ) -> None:
        await hub.pushing.adapters.put_secret(SYSTEM, "bearer", b"token-1")
        seen: list[str | None] = []

        async def note(request: web.Request) -> web.StreamResponse:
            seen.append(request.headers.get("Authorization"))
            return web.Response()

        server.answering.append(note)
        await send(hub, a)
        await hub.push()
        assert seen == ["Bearer token-1"]


class TestMisbehaviour:
    async def test_a_redirect_is_not_followed_and_the_failure_says_so(
        self, hub: HubUnderTest, a: Peer, b: Peer, server: WebhookServer
    ) -> None:
        answers(server, lambda: web.Response(status=307, headers={"Location": "/nhan"}))
        sent = await send(hub, a)
        await hub.push()
        code, words = await failure(hub, a, sent)
        assert (code, server.calls) == ("redirected", 1)
        assert "redirect" in words

    async def test_of_an_answer_of_ten_megabytes_little_is_read_and_2xx_counts(
        self, hub: HubUnderTest, a: Peer, b: Peer, server: WebhookServer
    ) -> None:
        answers(server, lambda: web.Response(body=b"x" * 10_000_000))
        sent = await send(hub, a)
        await hub.push()
        assert await state_of(hub, sent) == "confirmed"

    async def test_an_error_of_ten_megabytes_is_quoted_shortly(
        self, hub: HubUnderTest, a: Peer, b: Peer, server: WebhookServer
    ) -> None:
        answers(server, lambda: web.Response(status=500, body=b"x" * 10_000_000))
        sent = await send(hub, a)
        await hub.push()
        code, words = await failure(hub, a, sent)
        assert code == "http_500"
        assert len(words) <= 200

    async def test_a_compressed_bomb_is_not_unpacked(
        self, hub: HubUnderTest, a: Peer, b: Peer, server: WebhookServer
    ) -> None:
        bomb = gzip.compress(b"\0" * 50_000_000)
        answers(server, lambda: web.Response(status=500, body=bomb, headers={"Content-Encoding": "gzip"}))
        sent = await send(hub, a)
        await hub.push()
        assert (await failure(hub, a, sent))[0] == "http_500"

    async def test_a_busy_peer_says_when_to_come_again(
        self, hub: HubUnderTest, a: Peer, b: Peer, server: WebhookServer
    ) -> None:
        answers(server, lambda: web.Response(status=429, headers={"Retry-After": "900"}))
        sent = await send(hub, a)
        await hub.push()
        assert about(await due_in(hub, sent), 900)

    async def test_a_peer_whose_certificate_is_for_another_name_gets_nothing(
        self, hub: HubUnderTest, a: Peer, b: Peer, server: WebhookServer
    ) -> None:
        url = f"https://localhost:{server.port}/nhan"
        allowed = "127.0.0.0/8, ::1/128"
        await hub.pushing.adapters.configure(SYSTEM, settings={"url": url, "allow_networks": allowed})
        sent = await send(hub, a)
        await hub.push()
        assert (await failure(hub, a, sent))[0] == "certificate_refused"
        assert server.calls == 0

    async def test_a_name_that_leads_to_the_hubs_own_machine_is_not_called(
        self, hub: HubUnderTest, a: Peer, b: Peer, server: WebhookServer
    ) -> None:
        url = f"https://localhost:{server.port}/nhan"
        await hub.pushing.adapters.configure(SYSTEM, settings={"url": url, "allow_networks": None})
        sent = await send(hub, a)
        await hub.push()
        assert (await failure(hub, a, sent))[0] == "address_refused"
        assert server.calls == 0

    async def test_what_is_wrong_with_new_settings_is_said_and_the_old_ones_stay(
        self, hub: HubUnderTest, a: Peer, b: Peer
    ) -> None:
        before = (await hub.pushing.adapters.show(SYSTEM)).settings
        with pytest.raises(RegistryError, match="must be https") as caught:
            await hub.pushing.adapters.configure(SYSTEM, settings={"url": "http://dms.vn/"})
        assert caught.value.code == "adapter_settings_invalid"
        with pytest.raises(RegistryError, match="secret"):
            await hub.pushing.adapters.configure(SYSTEM, settings={"hmac": "x"})
        assert (await hub.pushing.adapters.show(SYSTEM)).settings == before

    async def test_a_damaged_original_is_no_fault_of_the_peer_and_never_whole(
        self, hub: HubUnderTest, a: Peer, b: Peer, server: WebhookServer
    ) -> None:
        sent = await send(hub, a, padding=1_000_000)
        (blob,) = [p for p in (hub.folder / "blobs").rglob("*") if p.is_file() and p.stat().st_size > 100_000]
        blob.chmod(0o600)
        blob.write_bytes(b"x" * blob.stat().st_size)
        await hub.push()
        assert (await failure(hub, a, sent))[0] == "original_unavailable"
        assert server.taken == []
        assert await hub.column("SELECT failures FROM peer") == [0]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"", "connection_lost"),
        (b"\x00\xff garbage \r\n\r\n", "answer_unreadable"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "answer_unreadable"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000, "answer_unreadable"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", None),
        (b"HTTP/1.1 500 Loi\r\nContent-Length: 10\r\n\r\n12345", "answer_unreadable"),
        (b"HTTP/1.1 204 No Content\r\n\r\nmore", "answer_unreadable"),
    ],
)
async def test_a_garbage_answer_is_a_failure_unless_a_2xx_came_first(
    hub: HubUnderTest, a: Peer, b: Peer, said: bytes, code: str | None
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1])  # type: ignore[index]  # it is there
        await reader.readexactly(length)
        writer.write(said)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as raw:
        url = f"http://127.0.0.1:{raw.sockets[0].getsockname()[1]}/?token=bi-mat"
        await hub.pushing.adapters.configure(SYSTEM, settings={"url": url, "allow_http": "127.0.0.1"})
        sent = await send(hub, a)
        await hub.push()
    if code is None:
        assert await state_of(hub, sent) == "confirmed"
    else:
        found, text = await failure(hub, a, sent)
        assert found == code
        assert "bi-mat" not in text, "an address may hold a token"


async def test_a_2xx_before_the_whole_document_was_read_is_no_confirmation(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as raw:
        url = f"http://127.0.0.1:{raw.sockets[0].getsockname()[1]}/"
        await hub.pushing.adapters.configure(SYSTEM, settings={"url": url, "allow_http": "127.0.0.1"})
        sent = await send(hub, a, padding=20_000_000)
        await hub.push()
    assert (await failure(hub, a, sent))[0] in {"answered_early", "connection_lost"}
