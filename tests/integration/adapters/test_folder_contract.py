from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.folder.kind import FolderKind
from adapters.sftp.kind import SftpKind
from hub.ports.exits import ExitKind
from tests.support.dms_folder import QUICK, FolderCounterpart
from tests.support.exit_contract import ExitContract
from tests.support.sftp_server import USER, SftpServer


class FolderThere(FolderCounterpart):
    """A folder of this machine; a disk that is not mounted leaves an empty one behind."""

    def __init__(self, base: Path) -> None:
        super().__init__(base / "dms-b")
        self._base = base

    def kind(self) -> ExitKind:
        return FolderKind(self._base)

    def settings(self) -> dict[str, str]:
        return {"path": self.dms.root.name, **QUICK}

    @property
    def _away(self) -> Path:
        return self._base.parent / "unmounted"

    async def stop(self) -> None:
        self.dms.root.rename(self._away)
        self.dms.root.mkdir()

    async def start(self) -> None:
        self.dms.root.rmdir()
        self._away.rename(self.dms.root)

    async def change_secret(self) -> None:
        # A folder's only secret is where it is.
        self.dms.root = self.dms.root.rename(self._base / "dms-b-moved")


class TestFolder(ExitContract):
    @pytest.fixture
    async def counterpart(self, tmp_path: Path) -> FolderThere:
        (tmp_path / "folders").mkdir()
        return FolderThere(tmp_path / "folders")


class SftpThere(FolderCounterpart):
    """A folder on an SFTP server."""

    adapter = "sftp"

    def __init__(self, server: SftpServer) -> None:
        super().__init__(server.root / "dms-b")
        self.server = server

    def kind(self) -> ExitKind:
        return SftpKind()

    def settings(self) -> dict[str, str]:
        return {
            "host": "127.0.0.1",
            "port": str(self.server.port),
            "user": USER,
            "path": "/dms-b",
            "host_keys": self.server.host_keys,
            **QUICK,
        }

    def secrets(self) -> dict[str, bytes]:
        return {"password": self.server.password.encode()}

    async def stop(self) -> None:
        await self.server.stop()

    async def start(self) -> None:
        await self.server.start()

    async def change_secret(self) -> None:
        await self.server.stop()
        self.server.password = "second-password"
        await self.server.start()


class TestSftp(ExitContract):
    @pytest.fixture
    async def counterpart(self, tmp_path: Path) -> AsyncIterator[SftpThere]:
        root = tmp_path / "server"
        root.mkdir()
        server = SftpServer(root)
        await server.start()
        yield SftpThere(server)
        await server.stop()
