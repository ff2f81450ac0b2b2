"""Who is at the other end: seen on the connection, or told by a proxy that is believed."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from unittest.mock import Mock
from urllib.parse import quote

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from hub.domain.binding import Peer
from hub.web.peer import PeerReader

DER = b"\x30\x03\x02\x01\x07"
DIGEST = hashlib.sha256(DER).digest()
PEM = f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(DER).decode()}\n-----END CERTIFICATE-----\n"
PROXY = "10.0.0.1"
BEHIND = PeerReader(proxies=("10.0.0.0/24",), certificate_header="Client-Cert")


def request(address: str, *headers: tuple[str, str]) -> Any:
    transport = Mock()
    transport.get_extra_info = lambda name, default=None: (address, 999) if name == "peername" else default
    return make_mocked_request("GET", "/", headers=CIMultiDict(headers), transport=transport)


def test_headers_of_strangers_are_passed_over() -> None:
    forged = request("192.0.2.9", ("X-Forwarded-For", "10.9.9.9"), ("Client-Cert", quote(PEM)))
    assert BEHIND.read(forged) == PeerReader().read(forged) == Peer(address="192.0.2.9")


def test_by_default_no_proxy_is_believed() -> None:
    assert PeerReader().read(request(PROXY, ("X-Forwarded-For", "10.9.9.9"))) == Peer(address=PROXY)


def test_the_address_is_the_last_one_that_is_no_proxy() -> None:
    told = request(PROXY, ("X-Forwarded-For", "203.0.113.5, 198.51.100.7"), ("X-Forwarded-For", "10.0.0.2"))
    assert BEHIND.read(told).address == "198.51.100.7"


def test_a_proxy_that_tells_no_address_is_the_peer_itself() -> None:
    assert BEHIND.read(request(PROXY)).address == PROXY


@pytest.mark.parametrize("text", [quote(PEM), f":{base64.b64encode(DER).decode()}:"])
def test_a_certificate_is_read_in_both_spellings(text: str) -> None:
    assert BEHIND.read(request(PROXY, ("Client-Cert", text))).certificate_sha256 == DIGEST


@pytest.mark.parametrize(
    "text", ["", ":", "::", ":@@@:", "MAMCAQc=", "-----END CERTIFICATE-----", "a" * 40_000]
)
def test_what_cannot_be_read_is_no_certificate(text: str) -> None:
    assert BEHIND.read(request(PROXY, ("Client-Cert", text))).certificate_sha256 is None


def test_two_certificates_are_none() -> None:
    twice = request(PROXY, ("Client-Cert", quote(PEM)), ("Client-Cert", quote(PEM)))
    assert BEHIND.read(twice).certificate_sha256 is None


def test_without_a_named_header_no_certificate_is_believed() -> None:
    reader = PeerReader(proxies=("10.0.0.0/24",))
    assert reader.read(request(PROXY, ("Client-Cert", quote(PEM)))).certificate_sha256 is None
