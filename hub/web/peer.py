"""Who is at the other end of a call: its address and its client certificate, seen or told.

Where the hub serves TLS itself, both are what the connection says. Behind a reverse proxy they are what
headers say, and only if the connection comes from a network of proxies that the operator has named: anybody
else's headers are passed over. An address header is read from its end, skipping proxies: what stands further
left was written by the client. A certificate that a proxy hands on is read in the form of RFC 9440
(`:base64 DER:`) or as PEM, URL-encoded, as proxies commonly write it; a header that cannot be read, or that
is there twice, is no certificate, never an error of its own: the binding then refuses the call.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ssl
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from aiohttp import web

from hub.domain.binding import Peer, within

CERTIFICATE_MAX: Final = 32_768
_PEM_BEGIN: Final = "-----BEGIN CERTIFICATE-----"
_PEM_END: Final = "-----END CERTIFICATE-----"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerReader:
    """Reads the peer of a call; believes headers of `proxies` alone."""

    proxies: tuple[str, ...] = ()
    address_header: str = "X-Forwarded-For"
    certificate_header: str | None = None

    def read(self, request: web.BaseRequest) -> Peer:
        """Return the peer of a call."""
        address = _address_of(request)
        if not self.proxies or not within(address, self.proxies):
            return Peer(address=address, certificate_sha256=_shown(request))
        return Peer(address=self._told_address(request) or address, certificate_sha256=self._told(request))

    def _told_address(self, request: web.BaseRequest) -> str | None:
        told = ",".join(request.headers.getall(self.address_header, ()))
        chain = [text.strip() for text in told.split(",") if text.strip()]
        return next((text for text in reversed(chain) if not within(text, self.proxies)), None)

    def _told(self, request: web.BaseRequest) -> bytes | None:
        if self.certificate_header is None:
            return None
        values = request.headers.getall(self.certificate_header, ())
        if len(values) != 1 or not 0 < len(values[0]) <= CERTIFICATE_MAX:
            return None
        der = _der_of(values[0].strip())
        return None if der is None else hashlib.sha256(der).digest()


def _address_of(request: web.BaseRequest) -> str | None:
    name = None if request.transport is None else request.transport.get_extra_info("peername")
    return str(name[0]) if isinstance(name, tuple) and name else None


def _shown(request: web.BaseRequest) -> bytes | None:
    connection = None if request.transport is None else request.transport.get_extra_info("ssl_object")
    if not isinstance(connection, ssl.SSLObject | ssl.SSLSocket):
        return None
    der = connection.getpeercert(binary_form=True)
    return None if der is None else hashlib.sha256(der).digest()


def _der_of(text: str) -> bytes | None:
    if text.startswith(":") and text.endswith(":") and len(text) > 2:
        inner = text[1:-1]
    else:
        pem = unquote(text)
        start, end = pem.find(_PEM_BEGIN), pem.find(_PEM_END)
        if start < 0 or end < start:
            return None
        inner = "".join(pem[start + len(_PEM_BEGIN) : end].split())
    try:
        return base64.b64decode(inner, validate=True) or None
    except (binascii.Error, ValueError):
        return None
