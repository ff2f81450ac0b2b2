"""The way out over TLS: the exchange's own certification authority, and no other."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.vxp.client import VxpClient
from adapters.vxp.endpoint import endpoint_of
from adapters.vxp.wire import success
from hub.ports.national import ExchangeUnavailable, MessageType

NOW = dt.datetime.now(dt.UTC)


def authority(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for this machine and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - dt.timedelta(days=1))
        .not_valid_after(NOW + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate_file, key_file


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """An exchange with a certificate of its own authority."""

    async def handle(_request: web.Request) -> web.Response:
        return web.Response(body=success(data=[]), content_type="application/json")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority(tmp_path, "exchange"))
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=context)
    yield f"https://127.0.0.1:{server.port}/vxp"
    await server.close()


def client(url: str, **settings: str) -> VxpClient:
    """A client with these settings."""
    given = {"endpoint": url, "system_id": "00.09.W00", **settings}
    return VxpClient(endpoint_of(given, {"secret": (b"x",)}))


async def test_the_authority_that_is_set_is_trusted(url: str, tmp_path: Path) -> None:
    over = client(url, ca_file=str(tmp_path / "exchange.pem"))
    assert await over.received(MessageType.DOCUMENT, since=None) == ()
    await over.close()


async def test_no_other_authority_is(url: str, tmp_path: Path) -> None:
    authority(tmp_path, "another")
    for settings in ({}, {"ca_file": str(tmp_path / "another.pem")}):
        over = client(url, **settings)
        with pytest.raises(ExchangeUnavailable, match="not_reached"):
            await over.received(MessageType.DOCUMENT, since=None)
        await over.close()
