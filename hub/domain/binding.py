"""From where a system may call: pinned client certificates and source networks, beside its key.

A binding is a second thing that a thief of the key does not have. What is set must hold, all of it: with
certificates *and* networks both are asked for. A certificate is known by the SHA-256 of its DER form, so a
new root, a renewed intermediate or a changed name is no outage; two may be pinned at a time, each with its
days, so that one can be put in place before the other goes. Pins whose days are all over let nobody in:
an empty list of valid pins is not "no pins".
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

CERTIFICATES_MOST: Final = 2
"""So many pins are valid at a time: the one in use and the one that follows it."""
NETWORKS_MOST: Final = 50
DIGEST_BYTES: Final = 32

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class BindingProblem(StrEnum):
    """Why a call is not let in although its key is right."""

    CERTIFICATE_ABSENT = "certificate_absent"
    CERTIFICATE_OTHER = "certificate_other"
    CERTIFICATE_OUTDATED = "certificate_outdated"
    ADDRESS_OTHER = "address_other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Who is at the other end of the connection: its address, and its client certificate's SHA-256."""

    address: str | None = None
    certificate_sha256: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedCertificate:
    """A client certificate and the time in which it counts; open where None."""

    sha256: bytes
    valid_from: datetime | None = None
    valid_to: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Whether the pin counts now; `valid_to` itself no longer does."""
        begun = self.valid_from is None or self.valid_from <= now
        return begun and (self.valid_to is None or now < self.valid_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What a system is bound to; nothing by default."""

    certificates: tuple[PinnedCertificate, ...] = ()
    networks: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.certificates or self.networks)

    def problem(self, peer: Peer, now: datetime) -> BindingProblem | None:
        """What keeps a peer out, or None."""
        if self.networks and not within(peer.address, self.networks):
            return BindingProblem.ADDRESS_OTHER
        if not self.certificates:
            return None
        if peer.certificate_sha256 is None:
            return BindingProblem.CERTIFICATE_ABSENT
        shown = [c for c in self.certificates if c.sha256 == peer.certificate_sha256]
        if not shown:
            return BindingProblem.CERTIFICATE_OTHER
        if not any(c.is_valid(now) for c in shown):
            return BindingProblem.CERTIFICATE_OUTDATED
        return None


UNBOUND: Final = Binding()


def within(address: str | None, networks: tuple[str, ...]) -> bool:
    """Whether an address lies in one of these networks; an IPv4 address in IPv6 clothes counts as IPv4."""
    found = parse_address(address)
    if found is None:
        return False
    return any(found in network for network in map(_network, networks))


def parse_address(text: str | None) -> Address | None:
    """An address without its zone, or None if the text is none."""
    try:
        address = ipaddress.ip_address((text or "").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def normalise_network(text: str) -> str:
    """A network in CIDR notation as it is kept; raises ValueError if it is none or has host bits set."""
    return str(ipaddress.ip_network(text.strip()))


def normalise_digest(text: str) -> bytes:
    """A SHA-256 as people copy it (colons, blanks, any case); raises ValueError if it is none."""
    digest = bytes.fromhex("".join(text.replace(":", "").split()))
    if len(digest) != DIGEST_BYTES:
        raise ValueError(f"a SHA-256 has {DIGEST_BYTES} bytes")
    return digest


def _network(text: str) -> Network:
    return ipaddress.ip_network(text)
