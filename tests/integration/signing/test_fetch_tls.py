"""Fetching over TLS: the certificate is checked, and a handshake that drips is cut off."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from signing import fetch
from signing.addresses import AddressRules
from signing.fetch import Budget, Call, Fetcher, FetchFailed


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for this machine, with its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "identity.pem"
    path.write_bytes(
        certificate.public_bytes(Encoding.PEM)
        + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return path


@contextmanager
def _server(serve: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run() -> None:
            connected, _ = listening.accept()
            with connected:
                try:
                    serve(connected, over)
                except OSError:
                    return

        thread = threading.Thread(target=run)
        thread.start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}/list.crl"
        over.set()
        thread.join()


def _answering(identity: Path) -> Callable[[socket.socket, threading.Event], None]:
    def serve(connected: socket.socket, _over: threading.Event) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity)
        with context.wrap_socket(connected, server_side=True) as secured:
            asked = secured.recv(65536)
            assert b"Host: 127.0.0.1" in asked
            secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlist")

    return serve


def _silent(_connected: socket.socket, over: threading.Event) -> None:
    over.wait()


def _dripping(connected: socket.socket, over: threading.Event) -> None:
    # The head of a handshake record of 16 KB, then a byte now and then.
    connected.sendall(b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb")
    while not over.wait(0.02):
        connected.sendall(b"\0")


def _fetch(url: str) -> bytes:
    rules = AddressRules(allow_private=True, ports=frozenset())
    return Fetcher(rules=rules, seconds=1).fetch(Call(url=url), most=100, budget=Budget(seconds=5, fetches=5))


def test_a_list_over_tls_is_fetched(identity: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.create_default_context(cafile=str(identity))
    monkeypatch.setattr(fetch, "_tls", lambda: context)
    with _server(_answering(identity)) as url:
        assert _fetch(url) == b"list"


def test_a_server_that_nobody_vouches_for_is_not_believed(identity: Path) -> None:
    with _server(_answering(identity)) as url, pytest.raises(FetchFailed, match="CERTIFICATE_VERIFY"):
        _fetch(url)


@pytest.mark.parametrize("serve", [_silent, _dripping])
def test_a_handshake_that_does_not_end_is_cut_off(
    serve: Callable[[socket.socket, threading.Event], None],
) -> None:
    with _server(serve) as url, pytest.raises(FetchFailed, match="no answer within 1 s"):
        _fetch(url)
