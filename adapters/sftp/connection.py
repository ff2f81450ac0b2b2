"""One SFTP connection to a server that is known by its key, made when needed and made again when it broke.

The server's key is pinned: it must be one of those in the settings, whatever this machine or anyone else
knows of the host. Nothing of this machine is used beside: no configuration of ssh, no agent, no keys. Of two
valid passwords the newer is tried first. A call that gets no answer in time ends the connection, for
nobody knows what became of it. Errors carry no password and no key.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import asyncssh

from adapters.folder.files import FilesError, FilesUnavailable

KEEPALIVE_S: Final = 30
# One line for each connection is the business of our own log.
logging.getLogger("asyncssh").setLevel(logging.WARNING)

_SFTP_CODES: Final[tuple[tuple[type[asyncssh.SFTPError], str], ...]] = (
    (asyncssh.SFTPNoSpaceOnFilesystem, "folder_full"),
    (asyncssh.SFTPQuotaExceeded, "folder_full"),
    (asyncssh.SFTPPermissionDenied, "folder_not_allowed"),
    (asyncssh.SFTPWriteProtect, "folder_not_allowed"),
    (asyncssh.SFTPNoSuchFile, "folder_missing"),
    (asyncssh.SFTPNoSuchPath, "folder_missing"),
    (asyncssh.SFTPNotADirectory, "folder_not_plain"),
    (asyncssh.SFTPConnectionLost, "sftp_connection_lost"),
    (asyncssh.SFTPNoConnection, "sftp_connection_lost"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SftpAccount:
    """Where to log in, as whom, and how the server is known. Secrets: newest first."""

    host: str
    port: int
    user: str
    host_keys: tuple[asyncssh.SSHKey, ...]
    keys: tuple[asyncssh.SSHKey, ...]
    passwords: tuple[str, ...]
    call_s: float


class SftpConnection:
    """Lends a client; connects at the first use and after a break."""

    def __init__(self, account: SftpAccount) -> None:
        self._account = account
        self._lock = asyncio.Lock()
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: asyncssh.SFTPClient | None = None

    @asynccontextmanager
    async def client(self) -> AsyncIterator[asyncssh.SFTPClient]:
        """Lend the client for one call, which ends in time. Raises FilesUnavailable for whatever happens."""
        used: asyncssh.SSHClientConnection | None = None
        try:
            async with self._lock:
                client = await self._ready()
                used = self._connection
            async with asyncio.timeout(self._account.call_s):
                yield client
        except FilesError:
            raise
        except TimeoutError:
            self._abandon(used)
            raise FilesUnavailable("sftp_slow", "the server did not answer in time") from None
        except asyncssh.SFTPError as error:
            code = next((code for kind, code in _SFTP_CODES if isinstance(error, kind)), "folder_failed")
            if code == "sftp_connection_lost":
                self._abandon(used)
            raise FilesUnavailable(code, f"the server said: {error.reason[:200]}") from None
        except (OSError, asyncssh.Error) as error:
            self._abandon(used)
            raise _connection_failure(error) from None

    async def _ready(self) -> asyncssh.SFTPClient:
        if self._client is not None and self._connection is not None and not self._connection.is_closed():
            return self._client
        self._abandon(self._connection)
        async with asyncio.timeout(self._account.call_s * 2):
            self._connection = await self._connect()
            # Names that are not UTF-8 are seen as such, not stumbled over.
            self._client = await self._connection.start_sftp_client(path_errors="surrogateescape")
        return self._client

    async def _connect(self) -> asyncssh.SSHClientConnection:
        passwords: tuple[str | None, ...] = self._account.passwords or (None,)
        for password in passwords[:-1]:
            try:
                return await self._log_in(password)
            except asyncssh.PermissionDenied:
                continue  # the one before it is still valid
        return await self._log_in(passwords[-1])

    async def _log_in(self, password: str | None) -> asyncssh.SSHClientConnection:
        account = self._account
        return await asyncssh.connect(
            account.host,
            account.port,
            username=account.user,
            password=password,
            client_keys=list(account.keys) or None,
            known_hosts=(list(account.host_keys), [], []),
            config=None,
            agent_path=None,
            gss_auth=False,
            gss_kex=False,
            host_based_auth=False,
            connect_timeout=account.call_s,
            login_timeout=account.call_s,
            keepalive_interval=KEEPALIVE_S,
        )

    def _abandon(self, connection: asyncssh.SSHClientConnection | None) -> None:
        if connection is not None:
            connection.abort()
        if connection is self._connection:
            self._connection = self._client = None

    async def close(self) -> None:
        """Say good-bye."""
        connection, self._connection, self._client = self._connection, None, None
        if connection is None:
            return
        connection.close()
        try:
            async with asyncio.timeout(self._account.call_s):
                await connection.wait_closed()
        except TimeoutError:
            connection.abort()


def _connection_failure(error: Exception) -> FilesUnavailable:
    if isinstance(error, asyncssh.HostKeyNotVerifiable) or _no_common_host_key(error):
        return FilesUnavailable(
            "sftp_host_key",
            "the server's key is not the one in the settings: it was changed, or this is another server",
        )
    if isinstance(error, asyncssh.PermissionDenied):
        return FilesUnavailable("sftp_login_refused", "the server refused the user, password or key")
    if isinstance(error, asyncssh.Error):
        return FilesUnavailable("sftp_failed", f"{type(error).__name__}: {error.reason[:200]}")
    strerror = error.strerror if isinstance(error, OSError) else None
    return FilesUnavailable("sftp_unreachable", strerror or type(error).__name__)


def _no_common_host_key(error: Exception) -> bool:
    # A server whose new key is of another kind than the pinned one: told by the library in words alone.
    return isinstance(error, asyncssh.KeyExchangeFailed) and "host key" in error.reason.lower()
