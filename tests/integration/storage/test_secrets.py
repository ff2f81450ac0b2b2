"""Secrets of systems: sealed, two valid at a time, useless without the key file."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.ports.records import SystemRecord
from hub.ports.secrets import SecretUnreadable
from hub.storage.secret_box import FileSecretBox, SecretKeyError
from hub.storage.unit_of_work import PgUnitOfWork
from tests.integration.storage.test_systems import dms

DAY = timedelta(days=1)


@pytest.fixture
def uow(pool: Any) -> PgUnitOfWork:
    return PgUnitOfWork(pool)


@pytest.fixture
async def system(uow: PgUnitOfWork) -> SystemRecord:
    made = dms("DMS")
    async with uow.begin() as tx:
        await tx.systems.add(made)
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "secrets.key"


async def put(uow: PgUnitOfWork, system: SystemRecord, *values: bytes, grace: timedelta = DAY) -> None:
    for value in values:
        async with uow.begin() as tx:
            await tx.secrets.put(system.id, "hmac", value, grace=grace)


async def current(uow: PgUnitOfWork, system: SystemRecord) -> tuple[bytes, ...]:
    async with uow.read() as query:
        return await query.secrets.current(system.id, "hmac")


def test_what_is_sealed_opens_again_with_its_context_alone(path: Path) -> None:
    box = FileSecretBox.open_or_create(path)
    sealed = box.seal(b"secret", context="system:1:hmac")
    assert b"secret" not in sealed
    assert box.open(sealed, context="system:1:hmac") == b"secret"
    with pytest.raises(SecretUnreadable):
        box.open(sealed, context="system:2:hmac")


def test_the_same_secret_is_sealed_differently_each_time(path: Path) -> None:
    box = FileSecretBox.open_or_create(path)
    assert box.seal(b"secret", context="x") != box.seal(b"secret", context="x")


@pytest.mark.parametrize("place", [0, 2, 6, -1])
def test_a_changed_byte_anywhere_keeps_it_shut(path: Path, place: int) -> None:
    box = FileSecretBox.open_or_create(path)
    sealed = bytearray(box.seal(b"secret", context="x"))
    sealed[place] ^= 1
    with pytest.raises(SecretUnreadable):
        box.open(bytes(sealed), context="x")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" * 16, b"\x02" * 60])
def test_what_was_never_sealed_does_not_open(path: Path, sealed: bytes) -> None:
    with pytest.raises(SecretUnreadable):
        FileSecretBox.open_or_create(path).open(sealed, context="x")


def test_another_key_file_opens_nothing_and_says_so(tmp_path: Path) -> None:
    sealed = FileSecretBox.open_or_create(tmp_path / "a.key").seal(b"secret", context="x")
    with pytest.raises(SecretUnreadable, match="key file"):
        FileSecretBox.open_or_create(tmp_path / "b.key").open(sealed, context="x")


def test_the_key_is_made_once_and_is_for_its_owner_alone(path: Path) -> None:
    sealed = FileSecretBox.open_or_create(path).seal(b"secret", context="x")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o077 == 0
    assert FileSecretBox.open_or_create(path).open(sealed, context="x") == b"secret"
    assert [each.name for each in path.parent.iterdir()] == [path.name]


async def test_nodes_that_start_at_once_use_one_key(path: Path) -> None:
    boxes = await asyncio.gather(*(asyncio.to_thread(FileSecretBox.open_or_create, path) for _ in range(8)))
    sealed = boxes[0].seal(b"secret", context="x")
    assert {box.open(sealed, context="x") for box in boxes} == {b"secret"}


def test_a_key_added_in_the_file_seals_and_the_older_one_still_opens(path: Path) -> None:
    old = FileSecretBox.open_or_create(path).seal(b"secret", context="x")
    path.write_bytes(path.read_bytes() + base64.b64encode(b"k" * 32) + b"\n")
    box = FileSecretBox.open_or_create(path)
    assert box.open(old, context="x") == b"secret"
    assert box.seal(b"secret", context="x")[1:5] != old[1:5]


@pytest.mark.parametrize("content", [b"", b"\n", b"not base64!\n", base64.b64encode(b"short")])
def test_a_file_that_holds_no_key_is_refused(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SecretKeyError):
        FileSecretBox.open_or_create(path)


def test_a_key_file_that_everybody_may_read_is_refused(path: Path) -> None:
    FileSecretBox.open_or_create(path)
    path.chmod(0o644)
    with pytest.raises(SecretKeyError, match="chmod"):
        FileSecretBox.open_or_create(path)


async def test_the_newest_secret_comes_first_and_two_are_valid_at_most(
    uow: PgUnitOfWork, system: SystemRecord
) -> None:
    await put(uow, system, b"1", b"2", b"3")
    assert await current(uow, system) == (b"3", b"2")


async def test_the_replaced_secret_ends_with_its_grace(
    pool: Any, uow: PgUnitOfWork, system: SystemRecord
) -> None:
    await put(uow, system, b"1", b"2")
    await pool.execute("UPDATE hub_clock SET clock_offset = interval '25 hours'")
    assert await current(uow, system) == (b"2",)


async def test_without_grace_the_replaced_secret_ends_at_once(
    uow: PgUnitOfWork, system: SystemRecord
) -> None:
    await put(uow, system, b"1", b"2", grace=timedelta(0))
    assert await current(uow, system) == (b"2",)


async def test_a_removed_secret_is_gone(uow: PgUnitOfWork, system: SystemRecord) -> None:
    await put(uow, system, b"1")
    async with uow.begin() as tx:
        assert await tx.secrets.names(system.id) == ("hmac",)
        await tx.secrets.remove(system.id, "hmac")
        assert await tx.secrets.names(system.id) == ()
    assert await current(uow, system) == ()


async def test_of_many_who_replace_a_secret_at_once_two_remain(
    uow: PgUnitOfWork, system: SystemRecord
) -> None:
    await asyncio.gather(*(put(uow, system, bytes([n])) for n in range(6)))
    assert len(await current(uow, system)) == 2


async def test_the_mark_changes_with_whatever_a_reader_would_see(
    pool: Any, uow: PgUnitOfWork, system: SystemRecord
) -> None:
    marks = [await mark_of(uow)]
    await put(uow, system, b"first")
    marks.append(await mark_of(uow))
    await put(uow, system, b"second")
    marks.append(await mark_of(uow))
    await pool.execute("UPDATE hub_clock SET clock_offset = interval '2 days'")  # the first runs out
    marks.append(await mark_of(uow))
    async with uow.begin() as tx:
        await tx.systems.update(replace(system, active=False))
    marks.append(await mark_of(uow))
    assert len(set(marks)) == 5
    async with uow.begin() as tx:
        await tx.secrets.remove(system.id, "hmac")
    assert await mark_of(uow) == marks[0]


async def test_the_mark_stays_while_nothing_changes(uow: PgUnitOfWork, system: SystemRecord) -> None:
    await put(uow, system, b"first")
    before = await mark_of(uow)
    async with uow.begin() as tx:
        await tx.secrets.put(system.id, "another", b"x", grace=DAY)
    assert await mark_of(uow) == before


async def mark_of(uow: PgUnitOfWork) -> str:
    async with uow.read() as query:
        return await query.secrets.mark("hmac")
