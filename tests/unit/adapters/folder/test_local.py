from __future__ import annotations

import errno
import os
import stat
from collections.abc import AsyncIterator, Callable
from io import FileIO
from pathlib import Path
from typing import Any, NoReturn

import pytest

from adapters.folder.files import FileChanged, FileInfo, FilesUnavailable, once
from adapters.folder.local import LocalFiles, _write_all


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[LocalFiles]:
    made = LocalFiles(tmp_path / "root", timeout_s=20)
    await made.prepare(["unit/in", "unit/out"])
    yield made
    await made.close()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "root" / "unit" / "out"


async def read(files: LocalFiles, info: FileInfo | None) -> bytes:
    assert info is not None
    return b"".join([chunk async for chunk in files.read("unit/out", info)])


@pytest.mark.parametrize("size", [0, 1, 262_144, 262_145, 1_000_000])
async def test_what_is_written_is_read(files: LocalFiles, out: Path, size: int) -> None:
    content = os.urandom(size)
    assert await files.write("unit/out", "a", once(content)) == size
    assert await read(files, await files.look("unit/out", "a")) == content
    assert [path.name for path in out.iterdir()] == ["a"]


async def test_a_name_appears_only_when_the_file_is_whole_and_durable(
    files: LocalFiles, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        seen.append((out / "a").exists())
        real(handle)

    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 1000
            assert not (out / "a").exists()

    monkeypatch.setattr(os, "fsync", fsync)
    await files.write("unit/out", "a", slowly())
    assert seen == [False, True]


async def test_a_writing_that_fails_leaves_nothing(files: LocalFiles, out: Path) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"half"
        raise LookupError

    with pytest.raises(LookupError):
        await files.write("unit/out", "a", failing())
    assert list(out.iterdir()) == []


async def test_a_file_is_replaced_at_once(files: LocalFiles, out: Path) -> None:
    (out / "a").write_bytes(b"old")
    await files.write("unit/out", "a", once(b"new"))
    assert (out / "a").read_bytes() == b"new"


async def test_a_move_replaces_nothing(files: LocalFiles, out: Path) -> None:
    (out / "a").write_bytes(b"a")
    (out.parent / "in" / "b").write_bytes(b"b")
    assert not await files.move("unit/out", "a", "unit/in", "b")
    assert (out / "a").read_bytes() == b"a"
    assert await files.move("unit/out", "a", "unit/in", "c")
    with pytest.raises(FileChanged):
        await files.move("unit/out", "a", "unit/in", "d")


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


def shrink(path: Path) -> None:
    path.write_bytes(b"x")


def rewrite(path: Path) -> None:
    path.write_bytes(path.read_bytes())
    os.utime(path, ns=(1, 1))


def link(path: Path) -> None:
    if not path.with_name("other").exists():
        path.with_name("other").hardlink_to(path)


@pytest.mark.parametrize("change", [grow, shrink, rewrite, link])
async def test_a_file_that_changes_while_it_is_read_never_completes(
    files: LocalFiles, out: Path, change: Callable[[Path], None]
) -> None:
    (out / "a").write_bytes(os.urandom(600_000))
    info = await files.look("unit/out", "a")
    assert info is not None
    received = 0
    with pytest.raises(FileChanged):
        async for chunk in files.read("unit/out", info):
            received += len(chunk)
            change(out / "a")
    assert received < 600_000


async def test_a_file_that_disappears_is_told(files: LocalFiles, out: Path) -> None:
    (out / "a").write_bytes(b"x")
    info = await files.look("unit/out", "a")
    (out / "a").unlink()
    with pytest.raises(FileChanged):
        await read(files, info)
    assert await files.look("unit/out", "a") is None


def as_link(path: Path, secret: Path) -> None:
    path.symlink_to(secret)


def as_second_name(path: Path, secret: Path) -> None:
    path.hardlink_to(secret)


def as_pipe(path: Path, _: Path) -> None:
    os.mkfifo(path)


def as_folder(path: Path, _: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("make", [as_link, as_second_name, as_pipe, as_folder])
async def test_what_is_no_plain_file_is_seen_as_such_and_not_read(
    files: LocalFiles, out: Path, tmp_path: Path, make: Callable[[Path, Path], None]
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    make(out / "a", secret)
    info = await files.look("unit/out", "a")
    assert info is not None
    assert not info.plain
    with pytest.raises(FileChanged):
        await read(files, info)


async def test_a_plain_file_that_became_a_link_is_not_read(
    files: LocalFiles, out: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    (out / "a").write_bytes(b"x")
    info = await files.look("unit/out", "a")
    (out / "a").unlink()
    (out / "a").symlink_to(tmp_path / "secret")
    with pytest.raises(FileChanged):
        await read(files, info)


async def test_a_folder_that_is_a_link_is_not_followed(files: LocalFiles, out: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    out.rmdir()
    out.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FilesUnavailable) as caught:
        await files.write("unit/out", "a", once(b"x"))
    assert caught.value.code == "folder_not_plain"
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("folder", ["..", "unit/..", "unit//out", "/etc"])
async def test_there_is_no_way_out_of_the_root(files: LocalFiles, folder: str) -> None:
    with pytest.raises(ValueError, match="root"):
        await files.look(folder, "a")


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "folder_full"),
        (errno.EROFS, "folder_not_allowed"),
        (errno.EACCES, "folder_not_allowed"),
        (errno.EIO, "folder_failed"),
    ],
)
async def test_what_a_disk_refuses_is_told_by_its_code(
    files: LocalFiles, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(FilesUnavailable) as caught:
        await files.write("unit/out", "a", once(b"x"))
    assert caught.value.code == code


async def test_old_unfinished_files_of_the_hub_go_and_young_ones_stay(files: LocalFiles, out: Path) -> None:
    for name, age in ((".lienthong-old.part", 200_000), (".lienthong-young.part", 10)):
        (out / name).touch()
        at = (out / name).stat().st_mtime - age
        os.utime(out / name, (at, at))
    await files.prepare(["unit/out"])
    assert [path.name for path in out.iterdir()] == [".lienthong-young.part"]
    assert await files.names("unit/out", accept=lambda _: True, after="", limit=10) == ()


async def test_hub_and_dms_share_what_is_made_through_their_group(files: LocalFiles, out: Path) -> None:
    await files.write("unit/out", "a", once(b"x"))
    assert stat.S_IMODE((out / "a").stat().st_mode) == 0o660
    assert stat.S_IMODE(out.stat().st_mode) == 0o2770


def test_a_writer_that_wakes_up_after_its_file_was_closed_writes_into_no_other(tmp_path: Path) -> None:
    file = FileIO(tmp_path / "slow", "wb")
    number = file.fileno()
    file.close()
    with FileIO(tmp_path / "other", "wb") as other:
        assert other.fileno() == number, "the number was given to the next"
        with pytest.raises(ValueError, match="closed"):
            _write_all(file, b"mat")
    assert (tmp_path / "other").read_bytes() == b""
