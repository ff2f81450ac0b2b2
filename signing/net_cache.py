"""What was fetched, kept for a while: in memory, and in a folder that processes share.

    <folder>/ab/<sha256 of the key>     one JSON line (times, size, digest of the body), then the body

Entries appear by rename, so a reader sees a whole one or none; one that does not fit its own digest (after
a crash) counts as missing. Failures are kept too, for a short time, so that a dead host costs one wait and
not one per letter. Nothing here is trusted for being here: whatever is kept is signed by its authority and
judged again on every use.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

MIB: Final = 1024 * 1024
MAX_FOLDER_BYTES: Final = 512 * MIB
MAX_MEMORY_BYTES: Final = 32 * MIB
PRUNE_EVERY: Final = 50
PRIVATE_FOLDER, PRIVATE = 0o700, 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One entry; `body` None is a failure with its reason."""

    stored: datetime
    expires: datetime
    body: bytes | None = None
    reason: str = ""


class NetCache:
    """Entries by key; without a folder they live in memory alone."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        max_bytes: int = MAX_FOLDER_BYTES,
        memory_bytes: int = MAX_MEMORY_BYTES,
    ) -> None:
        self._folder, self._max_bytes, self._memory_bytes = folder, max_bytes, memory_bytes
        self._memory: OrderedDict[str, Kept] = OrderedDict()
        self._held = 0
        self._puts = 0

    def get(self, key: str, *, now: datetime) -> Kept | None:
        """The entry if there is one that has not expired."""
        name = _name(key)
        kept = self._memory.get(name)
        if kept is None or kept.expires <= now:
            # Another process may have fetched anew.
            kept = self._read(name)
            if kept is None or kept.expires <= now:
                return None
            self._remember(name, kept)
        if name in self._memory:
            self._memory.move_to_end(name)
        return kept

    def put(self, key: str, kept: Kept) -> None:
        """Keep an entry; a folder that cannot be written only costs the sharing."""
        name = _name(key)
        self._remember(name, kept)
        if self._folder is None:
            return
        with contextlib.suppress(OSError):
            self._write(self._folder, name, kept)
            self._puts += 1
            if self._puts % PRUNE_EVERY == 1:
                self._prune(self._folder, kept.stored)

    def _remember(self, name: str, kept: Kept) -> None:
        old = self._memory.pop(name, None)
        self._held += _size(kept) - (_size(old) if old is not None else 0)
        self._memory[name] = kept
        while self._held > self._memory_bytes and len(self._memory) > 1:
            _, gone = self._memory.popitem(last=False)
            self._held -= _size(gone)

    def _read(self, name: str) -> Kept | None:
        if self._folder is None:
            return None
        try:
            head, _, body = (self._folder / name[:2] / name).read_bytes().partition(b"\n")
            fields = json.loads(head)
            if fields["failed"]:
                body_or_none = None
            elif hashlib.sha256(body).hexdigest() == fields["sha256"]:
                body_or_none = body
            else:
                return None
            return Kept(
                stored=datetime.fromisoformat(fields["stored"]),
                expires=datetime.fromisoformat(fields["expires"]),
                body=body_or_none,
                reason=str(fields["reason"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _write(self, folder: Path, name: str, kept: Kept) -> None:
        place = folder / name[:2] / name
        place.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        body = kept.body or b""
        head = {
            "stored": kept.stored.isoformat(),
            "expires": kept.expires.isoformat(),
            "failed": kept.body is None,
            "reason": kept.reason,
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        draft = place.with_name(f".{name}.{secrets.token_hex(6)}")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
            with os.fdopen(descriptor, "wb") as file:
                file.write(json.dumps(head).encode() + b"\n" + body)
            draft.replace(place)
        finally:
            draft.unlink(missing_ok=True)

    def _prune(self, folder: Path, now: datetime) -> None:
        """Drop what a crash left, what nobody wrote for a month, and the oldest beyond the folder's size."""
        found = []
        for path in folder.glob("??/*"):
            with contextlib.suppress(OSError):
                state = path.stat()
                found.append((state.st_mtime, state.st_size, path))
        found.sort(reverse=True)
        total, month_ago = 0, (now - timedelta(days=31)).timestamp()
        for written, size, path in found:
            total += size
            if total > self._max_bytes or written < month_ago:
                with contextlib.suppress(OSError):
                    path.unlink()


def _name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _size(kept: Kept) -> int:
    return len(kept.body or b"") + 200
