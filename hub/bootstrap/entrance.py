"""The way in: what settings say about TLS and proxies, as values for the HTTP entrance."""

from __future__ import annotations

from hub.config import Settings
from hub.web.peer import PeerReader


def peers_of(settings: Settings) -> PeerReader:
    return PeerReader(
        proxies=settings.proxy.networks,
        address_header=settings.proxy.address_header,
        certificate_header=settings.proxy.certificate_header,
    )
