"""The way in: what settings say about TLS and proxies, as values for the HTTP entrance."""

from __future__ import annotations

from hub.config import Settings
from hub.web.peer import PeerReader
from hub.web.tls import ServerTls, TlsFiles


def peers_of(settings: Settings) -> PeerReader:
    return PeerReader(
        proxies=settings.proxy.networks,
        address_header=settings.proxy.address_header,
        certificate_header=settings.proxy.certificate_header,
    )


def files_of(settings: Settings) -> TlsFiles | None:
    """Return where the files of TLS lie; None: the hub serves none."""
    tls = settings.tls
    if tls.certificate is None or tls.key is None:
        return None
    return TlsFiles(
        certificate=tls.certificate,
        key=tls.key,
        client_ca=tls.client_ca,
        client_required=tls.client_required,
    )


def tls_of(settings: Settings) -> ServerTls | None:
    """Return TLS as it is to be served. Raises TlsUnusable."""
    files = files_of(settings)
    return None if files is None else ServerTls(files)
