"""What can go wrong with an SFTP server, and what the hub says then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NoReturn
from uuid import uuid4

import asyncssh
import pytest

from adapters.folder.files import FilesError, FilesUnavailable, once
from adapters.folder.handover import FolderExit
from adapters.sftp.kind import SftpKind
from hub.ports.records import SystemRecord
from tests.support.sftp_server import USER, SftpServer

SYSTEM = SystemRecord(
    id=uuid4(), name="DMS", adapter="sftp", dialects=("qcvn-prefixed",), policy=(), active=True
)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[SftpServer]:
    (tmp_path / "server" / "root").mkdir(parents=True)
    made = SftpServer(tmp_path / "server")
    await made.start()
    yield made
    await made.stop()


def settings_of(server: SftpServer, **more: str) -> dict[str, str]:
    return {
        "host": "127.0.0.1",
        "port": str(server.port),
        "user": USER,
        "path": "/root",
        "host_keys": server.host_keys,
        "call_s": "5",
        **more,
    }


def opened(
    server: SftpServer, secrets: dict[str, tuple[bytes, ...]] | None = None, **more: str
) -> FolderExit:
    given = {"password": (server.password.encode(),)} if secrets is None else secrets
    made = SftpKind().open(SYSTEM, settings_of(server, **more), given)
    assert isinstance(made, FolderExit)
    return made


async def failure(exit_: FolderExit) -> FilesError:
    """What a first call fails with."""
    try:
        with pytest.raises(FilesUnavailable) as caught:
            await exit_.files.look("", "x")
        return caught.value
    finally:
        await exit_.close()


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256"])
async def test_a_server_with_another_key_is_never_logged_in_to(server: SftpServer, kind: str) -> None:
    exit_ = opened(server)
    await server.stop()
    server.host_key = asyncssh.generate_private_key(kind)
    await server.start()
    assert (await failure(exit_)).code == "sftp_host_key"
    assert server.tried == []


async def test_while_a_server_changes_its_key_both_are_known(server: SftpServer) -> None:
    new = SftpServer(server.root)
    exit_ = opened(server, host_keys=f"{server.host_keys}\n{new.host_keys}")
    assert await exit_.files.look("", "x") is None
    await server.stop()
    server.host_key = new.host_key
    await server.start()
    assert await exit_.files.look("", "x") is None
    await exit_.close()


async def test_a_refused_password_is_told_without_it(server: SftpServer) -> None:
    error = await failure(opened(server, {"password": (b"wrong-password",)}))
    assert error.code == "sftp_login_refused"
    assert "wrong-password" not in repr(error) + error.text


async def test_of_two_passwords_the_newer_is_tried_first_and_the_older_still_works(
    server: SftpServer,
) -> None:
    exit_ = opened(server, {"password": (b"not-valid-yet", server.password.encode())})
    assert await exit_.files.look("", "x") is None
    assert server.tried == ["not-valid-yet", server.password]
    await exit_.close()


async def test_a_key_logs_in_too(server: SftpServer) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    server.client_key = key
    exit_ = opened(server, {"private_key": (key.export_private_key(),)})
    assert await exit_.files.look("", "x") is None
    assert server.tried == []
    await exit_.close()


async def test_a_connection_that_broke_is_made_again(server: SftpServer) -> None:
    exit_ = opened(server)
    await exit_.files.write("", "a", once(b"1"))
    await server.stop()
    with pytest.raises(FilesUnavailable):
        await exit_.files.look("", "a")
    await server.start()
    found = await exit_.files.look("", "a")
    assert found is not None
    assert found.size == 1
    await exit_.close()


async def test_a_server_that_does_not_answer_ends_the_call_and_the_connection(server: SftpServer) -> None:
    answering = asyncio.Event()

    class Slow(asyncssh.SFTPServer):
        async def lstat(self, path: bytes) -> Any:
            if path.endswith(b"slow"):
                await answering.wait()
            return super().lstat(path)

    server.sftp = Slow
    exit_ = opened(server, call_s="1")
    with pytest.raises(FilesUnavailable) as caught:
        await exit_.files.look("", "slow")
    assert caught.value.code == "sftp_slow"
    assert await exit_.files.look("", "quick") is None
    answering.set()
    await exit_.close()


async def test_a_connection_cut_in_the_middle_of_a_file_leaves_no_file_of_that_name(
    server: SftpServer,
) -> None:
    exit_ = opened(server)

    async def cut() -> AsyncIterator[bytes]:
        yield b"half" * 100_000
        await server.stop()
        yield b"rest" * 100_000

    with pytest.raises(FilesUnavailable):
        await exit_.files.write("", "vb.edxml", cut())
    await server.start()
    assert not (server.root / "root" / "vb.edxml").exists()
    await exit_.files.write("", "vb.edxml", once(b"whole"))
    assert (server.root / "root" / "vb.edxml").read_bytes() == b"whole"
    await exit_.close()


async def test_a_server_without_posix_rename_still_gets_files_replaced(
    server: SftpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    exit_ = opened(server)

    async def unsupported(*_: object) -> NoReturn:
        raise asyncssh.SFTPOpUnsupported("posix-rename")

    monkeypatch.setattr(asyncssh.SFTPClient, "posix_rename", unsupported)
    for content in (b"first", b"second"):
        await exit_.files.write("", "a", once(content))
    assert (server.root / "root" / "a").read_bytes() == b"second"
    await exit_.close()


async def test_a_server_that_keeps_fewer_bytes_is_noticed(server: SftpServer) -> None:
    class Lossy(asyncssh.SFTPServer):
        def write(self, file_obj: Any, offset: int, data: bytes) -> int:
            super().write(file_obj, offset, data[:-1])
            return len(data)

    server.sftp = Lossy
    exit_ = opened(server)
    with pytest.raises(FilesUnavailable, match="bytes"):
        await exit_.files.write("", "a", once(b"content"))
    assert not (server.root / "root" / "a").exists()
    await exit_.close()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (asyncssh.SFTPPermissionDenied("no"), "folder_not_allowed"),
        (asyncssh.SFTPFailure("disk"), "folder_failed"),
    ],
)
async def test_what_a_server_refuses_is_told_by_its_code(
    server: SftpServer, error: asyncssh.SFTPError, code: str
) -> None:
    class Refusing(asyncssh.SFTPServer):
        def open(self, path: bytes, pflags: int, attrs: Any) -> NoReturn:
            raise error

    server.sftp = Refusing
    exit_ = opened(server)
    with pytest.raises(FilesUnavailable) as caught:
        await exit_.files.write("", "a", once(b"x"))
    assert caught.value.code == code
    await exit_.close()


async def test_nothing_of_this_machine_logs_in(
    server: SftpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    server.client_key = key
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_ed25519").write_bytes(key.export_private_key())
    (tmp_path / ".ssh" / "config").write_text("Host *\n  User somebody\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    error = await failure(opened(server, {"password": (b"wrong",)}))
    assert error.code == "sftp_login_refused"


async def test_many_names_are_listed_page_by_page(server: SftpServer) -> None:
    for number in range(4_500):
        (server.root / "root" / f"{number:05}.xml").touch()
    exit_ = opened(server, call_s="30")
    seen: list[str] = []
    while page := await exit_.files.names(
        "", accept=lambda name: name.endswith(".xml"), after=seen[-1] if seen else "", limit=2_000
    ):
        seen += page
    assert seen == [f"{number:05}.xml" for number in range(4_500)]
    await exit_.close()


# ---------------------------------------------------------------------------- settings


async def test_settings_are_checked_before_they_are_kept(server: SftpServer) -> None:
    kind = SftpKind()
    assert kind.check(settings_of(server)) == ()
    wrong = {
        "host": "a b",
        "port": "70000",
        "user": "",
        "path": "../etc",
        "host_keys": "ssh-ed25519 AAAA",
        "poll_s": "soon",
        "confirm": "perhaps",
        "pasword": "x",
    }
    assert {p.name for p in kind.check(wrong)} == {*wrong}


async def test_a_key_under_a_passphrase_and_no_secret_at_all_are_told(server: SftpServer) -> None:
    locked = asyncssh.generate_private_key("ssh-rsa", key_size=2048).export_private_key(
        "pkcs8-pem", passphrase="x"
    )
    with pytest.raises(ValueError, match="passphrase"):
        opened(server, {"private_key": (locked,)})
    with pytest.raises(ValueError, match="password or private_key"):
        opened(server, {})
