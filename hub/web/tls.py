"""TLS served by the hub: client certificates asked for if a CA is named, files read again when they change.

A certificate that is renewed must not be an outage: the files are looked at every ten seconds, and at once on
SIGHUP. What was read becomes a context of its own, which new connections are moved to when they say hello;
those that stand go on. A half-written pair, a key that does not fit or a file that is gone changes nothing:
the old one is served on, and the log says so until it is mended.

With `client_ca` every client is asked for a certificate. One that the CAs do not vouch for ends the
connection; having none does not, unless `client_required` says so: which system must show which one is its
binding's business (`hub.domain.binding`), asked with every call. A self-signed certificate may stand in
`client_ca` itself.
"""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 10.0

_Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Where certificate, key and clients' CAs lie (PEM)."""

    certificate: Path
    key: Path
    client_ca: Path | None = None
    client_required: bool = False

    def stamp(self) -> _Stamp:
        """Return what tells one state of the files from another. Raises OSError."""
        found = [path.stat() for path in (self.certificate, self.key, self.client_ca) if path is not None]
        return tuple((s.st_mtime_ns, s.st_size, s.st_ino) for s in found)


class TlsUnusable(Exception):
    """The files of TLS cannot be used; the texts name the file and say what to do."""

    code = "tls_unusable"

    def __init__(self, files: TlsFiles, reason: str) -> None:
        named = f"{files.certificate}, {files.key}" + (f", {files.client_ca}" if files.client_ca else "")
        super().__init__(f"{named}: {reason}")
        self.vi = f"Không dùng được chứng thư TLS ({named}): {reason}. Kiểm tra [tls] trong cấu hình."
        self.en = f"The TLS files cannot be used ({named}): {reason}. Look at [tls] in the settings."


class ServerTls:
    """The context to listen with, and its renewal."""

    def __init__(self, files: TlsFiles) -> None:
        """Read the files. Raises TlsUnusable."""
        self._files = files
        self._stamp = _stamp(files)
        self._current = load(files)
        self.context = load(files)
        self.context.sni_callback = self._hello
        self._asked = asyncio.Event()

    async def look(self) -> bool:
        """Read the files again if they have changed; return whether new ones are served now."""
        try:
            stamp = await asyncio.to_thread(_stamp, self._files)
            if stamp == self._stamp:
                return False
            self._current = await asyncio.to_thread(load, self._files)
        except TlsUnusable as error:
            log.error("tls_not_renewed", reason=str(error))  # noqa: TRY400 (no traceback: it is the files)
            return False
        self._stamp = stamp
        log.info("tls_renewed")
        return True

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Look at the files now and then, and on SIGHUP, for the length of the block."""
        loop = asyncio.get_running_loop()
        # Only a main thread hears signals; elsewhere the files are looked at all the same.
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(signal.SIGHUP, self._asked.set)
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(self._watch(), name="tls-files")
            try:
                yield
            finally:
                watching.cancel()
                with suppress(NotImplementedError, RuntimeError, ValueError):
                    loop.remove_signal_handler(signal.SIGHUP)

    async def _watch(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._asked.wait()
            self._asked.clear()
            await self.look()

    def _hello(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        # Called for every hello, with or without a name: the connection goes on with what is served now.
        connection.context = self._current


def load(files: TlsFiles) -> ssl.SSLContext:
    """Make a context of the files as they are now. Raises TlsUnusable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # Without a password OpenSSL would ask for one on the terminal.
        context.load_cert_chain(files.certificate, files.key, password=lambda: "")
        if files.client_ca is not None:
            context.load_verify_locations(cafile=files.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED if files.client_required else ssl.CERT_OPTIONAL
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    except ssl.SSLError as error:
        raise TlsUnusable(files, error.reason or type(error).__name__) from error
    except OSError as error:
        raise TlsUnusable(files, error.strerror or type(error).__name__) from error
    return context


def _stamp(files: TlsFiles) -> _Stamp:
    try:
        return files.stamp()
    except OSError as error:
        raise TlsUnusable(files, f"{error.filename} {error.strerror}") from error
