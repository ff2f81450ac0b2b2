"""TLS of the hub with real certificates: a change of any of them is no outage, a stolen key is not enough."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from hub.domain.binding import PinnedCertificate
from hub.services.registry import RegistryError
from hub.web.app import create_app
from hub.web.server import serve_http
from hub.web.tls import ServerTls, TlsFiles, TlsUnusable
from tests.support.hub import HubUnderTest, Peer
from tests.support.tls import TestAuthority

HOST = "127.0.0.1"


class Files:
    """Certificate, key and clients' CAs of one hub, and certificates of its clients."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers, self.clients = TestAuthority(folder / "s"), TestAuthority(folder / "c", "clients")
        self.files = TlsFiles(
            certificate=folder / "hub.pem", key=folder / "hub.key", client_ca=folder / "client-ca.pem"
        )
        self.put(self.servers.issue(HOST))
        (folder / "client-ca.pem").write_bytes(self.clients.file.read_bytes())

    def put(self, pair: bytes) -> None:
        """Renew the hub's own certificate."""
        self.files.certificate.write_bytes(pair)
        self.files.key.write_bytes(pair)

    def client(self, name: str, authority: TestAuthority | None = None) -> tuple[Path, bytes]:
        """Make a client's certificate; return its file and SHA-256."""
        pair = (authority or self.clients).issue(name)
        (self.folder / f"{name}.pem").write_bytes(pair)
        der = x509.load_pem_x509_certificate(pair).public_bytes(Encoding.DER)
        return self.folder / f"{name}.pem", hashlib.sha256(der).digest()


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@asynccontextmanager
async def served(hub: HubUnderTest, tls: ServerTls) -> AsyncIterator[str]:
    async with serve_http(create_app(hub.services), host=HOST, port=0, drain_s=0.1, tls=tls) as url:
        yield url


async def call(url: str, trusted: Path, peer: Peer, shown: Path | None = None) -> tuple[int, str | None]:
    """Make one call on a connection of its own; return status and problem code."""
    context = ssl.create_default_context(cafile=trusted)
    if shown is not None:
        context.load_cert_chain(shown)
    headers = {"Authorization": f"Bearer {peer.key}"}
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session,
        session.get(f"{url}/api/v1/inbox", headers=headers) as answer,
    ):
        return answer.status, (await answer.json(content_type=None)).get("code")


async def forget_callers(hub: HubUnderTest) -> None:
    """As after the few seconds for which callers are remembered."""
    hub.services.access.forget()
    hub.services.access._hub_time = None


async def test_with_a_pinned_certificate_the_key_alone_is_not_enough(
    hub: HubUnderTest, a: Peer, files: Files
) -> None:
    own, digest = files.client("own")
    other, _ = files.client("other")
    await hub.registry.settings.pin("DMS A", PinnedCertificate(sha256=digest))
    async with served(hub, ServerTls(files.files)) as url:
        trusted = files.servers.file
        assert url.startswith("https://")
        assert await call(url, trusted, a, own) == (200, None)
        assert await call(url, trusted, a, other) == (403, "binding_refused")
        assert await call(url, trusted, a) == (403, "binding_refused")


async def test_two_certificates_serve_side_by_side_until_the_old_one_ends(
    hub: HubUnderTest, a: Peer, files: Files
) -> None:
    old, old_digest = files.client("old")
    new, new_digest = files.client("new")
    settings = hub.registry.settings
    await settings.pin("DMS A", PinnedCertificate(sha256=old_digest))
    now = (await settings.show("DMS A")).now
    await settings.pin("DMS A", PinnedCertificate(sha256=new_digest), others_end=now + timedelta(days=7))
    async with served(hub, ServerTls(files.files)) as url:
        for shown in (old, new):
            assert await call(url, files.servers.file, a, shown) == (200, None)
        await hub.later(days=8)
        await forget_callers(hub)
        assert await call(url, files.servers.file, a, old) == (403, "binding_refused")
        assert await call(url, files.servers.file, a, new) == (200, None)


async def test_a_third_certificate_is_refused_until_one_has_ended(hub: HubUnderTest, a: Peer) -> None:
    settings = hub.registry.settings
    for number in (1, 2):
        await settings.pin("DMS A", PinnedCertificate(sha256=bytes([number]) * 32))
    third = PinnedCertificate(sha256=b"\x03" * 32)
    with pytest.raises(RegistryError) as refused:
        await settings.pin("DMS A", third)
    assert refused.value.code == "pins_too_many"
    await settings.unpin("DMS A", b"\x01" * 32)
    await settings.pin("DMS A", third)


async def test_a_network_is_asked_for_beside_the_key(hub: HubUnderTest, a: Peer) -> None:
    assert (await a.call("GET", "/api/v1/inbox")).status == 200
    await hub.registry.settings.set_networks("DMS A", ["192.0.2.0/24"])
    await forget_callers(hub)
    refused = await a.call("GET", "/api/v1/inbox")
    assert (refused.status, refused.code) == (403, "binding_refused")
    assert refused.json["params"] == {"reason": "address_other"}
    await hub.registry.settings.set_networks("DMS A", ["127.0.0.0/8"])
    await forget_callers(hub)
    assert (await a.call("GET", "/api/v1/inbox")).status == 200


async def test_the_hubs_certificate_is_renewed_while_connections_stand(
    hub: HubUnderTest, a: Peer, files: Files
) -> None:
    new_root = TestAuthority(files.folder / "n", "new-root")
    tls = ServerTls(files.files)
    async with served(hub, tls) as url:
        context = ssl.create_default_context(cafile=files.servers.file)
        headers = {"Authorization": f"Bearer {a.key}"}
        connector = aiohttp.TCPConnector(ssl=context)
        async with aiohttp.ClientSession(connector=connector, headers=headers) as standing:
            async with standing.get(f"{url}/healthz") as answer:
                assert answer.status == 200
            files.put(new_root.issue(HOST))
            assert await tls.look()
            async with standing.get(f"{url}/healthz") as answer:
                assert answer.status == 200
        assert await call(url, new_root.file, a) == (200, None)
        with pytest.raises(aiohttp.ClientConnectorError):
            await call(url, files.servers.file, a)


@pytest.mark.parametrize("broken", ["half", "other key", "gone"])
async def test_files_that_do_not_fit_leave_the_old_certificate_in_service(
    hub: HubUnderTest, a: Peer, files: Files, broken: str
) -> None:
    tls = ServerTls(files.files)
    async with served(hub, tls) as url:
        match broken:
            case "half":
                files.files.certificate.write_bytes(files.files.certificate.read_bytes()[:200])
            case "other key":
                files.files.key.write_bytes(files.servers.issue(HOST))
            case _:
                files.files.certificate.unlink()
        assert not await tls.look()
        assert await call(url, files.servers.file, a) == (200, None)
        files.put(files.servers.issue(HOST))
        assert await tls.look()
        assert await call(url, files.servers.file, a) == (200, None)


async def test_clients_of_a_new_authority_come_in_once_it_stands_beside_the_old_one(
    hub: HubUnderTest, a: Peer, files: Files
) -> None:
    new_authority = TestAuthority(files.folder / "c2", "clients-2")
    old, old_digest = files.client("old")
    new, new_digest = files.client("new", new_authority)
    for digest in (old_digest, new_digest):
        await hub.registry.settings.pin("DMS A", PinnedCertificate(sha256=digest))
    tls = ServerTls(files.files)
    async with served(hub, tls) as url:
        with pytest.raises(aiohttp.ClientError):
            await call(url, files.servers.file, a, new)
        assert files.files.client_ca is not None
        files.files.client_ca.write_bytes(files.clients.file.read_bytes() + new_authority.file.read_bytes())
        assert await tls.look()
        assert await call(url, files.servers.file, a, new) == (200, None)
        assert await call(url, files.servers.file, a, old) == (200, None)


async def test_sighup_has_the_files_read_at_once(hub: HubUnderTest, a: Peer, files: Files) -> None:
    new_root = TestAuthority(files.folder / "n", "new-root")
    async with served(hub, ServerTls(files.files)) as url:
        files.put(new_root.issue(HOST))
        assert signal.getsignal(signal.SIGHUP) is not signal.SIG_DFL
        os.kill(os.getpid(), signal.SIGHUP)
        async with asyncio.timeout(30):
            while True:
                try:
                    assert await call(url, new_root.file, a) == (200, None)
                    break
                except aiohttp.ClientConnectorError:
                    continue


def test_files_that_cannot_be_used_at_the_start_are_named(files: Files, tmp_path: Path) -> None:
    files.files.key.write_bytes(files.servers.issue(HOST))
    with pytest.raises(TlsUnusable) as refused:
        ServerTls(files.files)
    assert str(files.files.key) in refused.value.vi
    assert "KEY_VALUES_MISMATCH" in refused.value.en
