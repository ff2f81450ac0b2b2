"""Which addresses out of certificates may be asked: a certificate is written by others, and so are its URLs.

Only http and https, without credentials, on the usual ports; a host may be renamed (an authority that left
its old name in old certificates) and must be on the list of hosts if there is one. Names are resolved here
and the connection goes to the address that was judged, so that a second answer of the name service cannot
lead elsewhere. Loopback, private, link-local, multicast and reserved addresses are refused, also where they
hide in IPv6 [RFC 4291 §2.5.5, RFC 6052, RFC 3056, RFC 4380].
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

MAX_URL: Final = 2048
USUAL_PORTS: Final = frozenset({80, 443, 8080, 8443})
# The host in certificates of the first generation is a name of a closed network.
KNOWN_ALIASES: Final = (("ocsp.ca.ptc", "ocsp.ca.gov.vn"),)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_PORTS: Final = {"http": 80, "https": 443}
# Characters that stay as they are in a request target; what is escaped already is not escaped again.
_TARGET_SAFE: Final = "/%:=&?~#+!$,;'@()*[]"
Resolve = Callable[[str, int, float], tuple[str, ...]]


class AddressRefused(Exception):
    """An address that must not be asked; the text says why, for the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a request goes: by this address, in the name of this host."""

    scheme: str
    host: str
    port: int
    path: str
    addresses: tuple[str, ...]


def resolve(host: str, port: int, seconds: float) -> tuple[str, ...]:
    """The addresses of a host; the system's resolver knows no time limit, so it is left behind when late."""
    answers: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put([str(item[4][0]) for item in found])
        except OSError as error:
            answers.put(error)

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=max(seconds, 0.001))
    except queue.Empty:
        raise TimeoutError(f"name service: {host}") from None
    if isinstance(answer, OSError):
        raise answer
    return tuple(dict.fromkeys(answer))


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRules:
    """What may be asked.

    `hosts`: names (with what is below them) that alone may be asked; empty: any. `allow_private`: addresses
    of one's own network too. `ports`: empty: any.
    """

    hosts: frozenset[str] = frozenset()
    allow_private: bool = False
    ports: frozenset[int] = USUAL_PORTS
    aliases: tuple[tuple[str, str], ...] = KNOWN_ALIASES

    def target(self, url: str, *, seconds: float, resolver: Resolve = resolve) -> Target:
        """Judge an address and resolve its host.

        Raises:
            AddressRefused: it must not be asked.
            OSError: the host cannot be resolved, or not in time.
        """
        scheme, host, port, path = self._parts(url)
        addresses = resolver(host, port, seconds)
        if not self.allow_private:
            addresses = tuple(a for a in addresses if is_public(a))
        if not addresses:
            raise AddressRefused(f"{host}: not a public address")
        return Target(scheme=scheme, host=host, port=port, path=path, addresses=addresses)

    def _parts(self, url: str) -> tuple[str, str, int, str]:
        try:
            parts = urlsplit(url)
            port = parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError:
            raise AddressRefused("not an address") from None
        if parts.scheme not in _PORTS:
            raise AddressRefused(f"scheme {parts.scheme[:20] or '?'}")
        host = (parts.hostname or "").rstrip(".").lower()
        if not host or len(url) > MAX_URL or parts.username is not None or not host.isascii():
            raise AddressRefused("not an address")
        if any(ord(c) <= 0x20 or ord(c) == 0x7F for c in url):
            raise AddressRefused("control characters")
        host = dict(self.aliases).get(host, host)
        if self.hosts and not any(host == h or host.endswith(f".{h}") for h in self.hosts):
            raise AddressRefused(f"{host}: not on the list of hosts")
        if self.ports and port not in self.ports:
            raise AddressRefused(f"{host}: port {port}")
        target = quote(parts.path or "/", safe=_TARGET_SAFE)
        return (
            parts.scheme,
            host,
            port,
            target + (f"?{quote(parts.query, safe=_TARGET_SAFE)}" if parts.query else ""),
        )


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, and so is the one that it may carry inside."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = _carried(ip)
        if inner is not None:
            return inner.is_global and not inner.is_multicast
    return ip.is_global and not ip.is_multicast


def _carried(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    if ip.sixtofour is not None:
        return ip.sixtofour
    if ip.teredo is not None:
        return ip.teredo[1]
    return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None
