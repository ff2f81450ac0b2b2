"""A real SFTP server in the test's process: passwords and keys of the test, one folder as its root."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

USER = "truc"


class _Door(asyncssh.SSHServer):
    def __init__(self, server: SftpServer) -> None:
        self._server = server

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        self._server.tried.append(password)
        return username == USER and password == self._server.password

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        accepted = self._server.client_key
        return username == USER and accepted is not None and key.public_data == accepted.public_data


@dataclass
class SftpServer:
    """A server on the loopback address; stopped and started it keeps port, key and files."""

    root: Path
    password: str = "first-password"
    client_key: asyncssh.SSHKey | None = None
    host_key: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))
    port: int = 0
    tried: list[str] = field(default_factory=list)
    sftp: type[asyncssh.SFTPServer] = asyncssh.SFTPServer
    _acceptor: asyncssh.SSHAcceptor | None = None
    _connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)

    @property
    def host_keys(self) -> str:
        """The server's key as ssh-keyscan prints it."""
        return f"127.0.0.1 {self.host_key.export_public_key().decode().strip()}"

    async def start(self) -> None:
        """Serve."""
        self._acceptor = await asyncssh.create_server(
            lambda: _Door(self),
            "127.0.0.1",
            self.port,
            server_host_keys=[self.host_key],
            sftp_factory=lambda channel: self.sftp(channel, chroot=str(self.root).encode()),
            acceptor=self._connections.append,
            reuse_address=True,
        )
        self.port = self._acceptor.get_port()

    async def stop(self) -> None:
        """Cut all connections and be away."""
        if self._acceptor is not None:
            self._acceptor.close()
            await self._acceptor.wait_closed()
            self._acceptor = None
        connections, self._connections = self._connections, []
        for connection in connections:
            connection.abort()
        await asyncio.gather(*(connection.wait_closed() for connection in connections))
