"""What is kept of answers: for how long, by whom it is seen, and what a crash leaves."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from signing.net_cache import Kept, NetCache

NOW = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _kept(body: bytes | None = b"list", reason: str = "") -> Kept:
    return Kept(stored=NOW, expires=NOW + HOUR, body=body, reason=reason)


@pytest.mark.parametrize("in_folder", [True, False])
def test_an_entry_lasts_until_it_expires(tmp_path: Path, in_folder: bool) -> None:
    cache = NetCache(tmp_path if in_folder else None)
    cache.put("a", _kept())
    assert cache.get("a", now=NOW + HOUR - timedelta(seconds=1)) == _kept()
    assert cache.get("a", now=NOW + HOUR) is None


def test_another_process_sees_it(tmp_path: Path) -> None:
    NetCache(tmp_path).put("a", _kept())
    assert NetCache(tmp_path).get("a", now=NOW) == _kept()


def test_a_failure_is_kept_with_its_reason(tmp_path: Path) -> None:
    NetCache(tmp_path).put("a", _kept(None, "HTTP 503"))
    assert NetCache(tmp_path).get("a", now=NOW) == _kept(None, "HTTP 503")


@pytest.mark.parametrize("damage", [b"", b"{", b'{"failed": false}\nlist', b"\xff\xfe\n"])
def test_a_damaged_entry_is_none(tmp_path: Path, damage: bytes) -> None:
    NetCache(tmp_path).put("a", _kept())
    (path,) = tmp_path.glob("??/*")
    path.write_bytes(damage)
    assert NetCache(tmp_path).get("a", now=NOW) is None


def test_an_entry_cut_short_is_none(tmp_path: Path) -> None:
    NetCache(tmp_path).put("a", _kept())
    (path,) = tmp_path.glob("??/*")
    path.write_bytes(path.read_bytes()[:-1])
    assert NetCache(tmp_path).get("a", now=NOW) is None


def test_a_folder_that_cannot_be_written_costs_only_the_sharing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = NetCache(tmp_path / "file" / "cache")
    cache.put("a", _kept())
    assert cache.get("a", now=NOW) == _kept()


def test_entries_are_for_their_owner_alone(tmp_path: Path) -> None:
    NetCache(tmp_path / "c").put("a", _kept())
    modes = {stat.S_IMODE(p.stat().st_mode) & 0o077 for p in (tmp_path / "c").rglob("*")}
    assert modes == {0}


def test_memory_is_bounded() -> None:
    cache = NetCache(memory_bytes=5_000)
    for number in range(10):
        cache.put(str(number), _kept(b"x" * 1_000))
    assert [n for n in range(10) if cache.get(str(n), now=NOW)] == [6, 7, 8, 9]


def test_the_folder_is_bounded_and_the_newest_stay(tmp_path: Path) -> None:
    cache = NetCache(tmp_path, max_bytes=3_500, memory_bytes=0)
    for number in range(50):
        cache.put(str(number), _kept(b"x" * 1_000))
    for age, path in enumerate(sorted(tmp_path.glob("??/*"))):
        os.utime(path, (NOW.timestamp() - age, NOW.timestamp() - age))
    cache.put("last", _kept(b"x" * 1_000))
    assert sum(p.stat().st_size for p in tmp_path.glob("??/*")) <= 3_500
    assert NetCache(tmp_path).get("last", now=NOW) is not None
