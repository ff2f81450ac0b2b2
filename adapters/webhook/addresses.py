"""Where a webhook may lead: an administrator names the host, but the name service says where it is.

The host's addresses are judged at every connection, after they were resolved and before anything is sent:
loopback, link-local (where clouds keep their metadata), multicast and reserved ones are refused unless a
setting allows their network. Private networks are allowed, for that is where the systems of a province are.
IPv4 addresses hidden in IPv6 ones are judged as what they are.
[RFC 4291 §2.5.5, RFC 6052, RFC 3056, RFC 4380]
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
# Metadata services outside the link-local range.
_METADATA: Final = tuple(ipaddress.ip_network(n) for n in ("100.100.100.200/32", "fd00:ec2::254/128"))


class AddressRefused(OSError):
    """A host lies at an address to which nothing is sent."""


def judge(address: str, allowed: tuple[Network, ...]) -> None:
    """Raise AddressRefused for an address that must not be connected to."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if any(found in network for network in allowed if network.version == found.version):
        return
    for each in (found, *_hidden(found)):
        refused = (
            each.is_loopback
            or each.is_link_local
            or each.is_multicast
            or each.is_unspecified
            or (each.is_reserved and not _is_nat64(each))
            or any(each in network for network in _METADATA if network.version == each.version)
        )
        if refused:
            raise AddressRefused(f"{address} is not an address that deliveries are sent to")


def is_address(host: str) -> bool:
    """Whether a host is written as an address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_nat64(address: Address) -> bool:
    return address.version == 6 and address in _NAT64


def _hidden(address: Address) -> tuple[Address, ...]:
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    teredo = address.teredo[1] if address.teredo else None
    nat64 = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if _is_nat64(address) else None
    return tuple(each for each in (address.ipv4_mapped, address.sixtofour, teredo, nat64) if each)


class JudgingResolver(AbstractResolver):
    """Resolves names and lets no address through that `judge` refuses.

    A name with one refused address among others is refused as a whole: the administrator meant another.
    """

    def __init__(self, allowed: tuple[Network, ...]) -> None:
        self._allowed = allowed
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a host. Raises AddressRefused, OSError."""
        found = await self._resolver.resolve(host, port, family)
        for each in found:
            judge(each["host"], self._allowed)
        return found

    async def close(self) -> None:
        """Nothing to let go of."""
        await self._resolver.close()
