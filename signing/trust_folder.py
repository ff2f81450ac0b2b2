"""A trust folder in use: read again when it has changed, so that a new root needs no restart.

A change is seen by names, sizes and times of files. A folder that cannot be read at that moment (a file half
copied) changes nothing: the store read last stays until the folder can be read again.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from signing.errors import SigningError
from signing.trust import TrustStore

_PARTS = ("", "anchors", "anchors.d", "intermediates", "crls")
_NONE, _STAMP_DIGITS = "nobody", 32
_State = tuple[tuple[str, int, int], ...]


class TrustFolder:
    """The store of a folder as it is now."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._state = self._look()
        self._store = TrustStore.from_folder(folder)

    def store(self) -> TrustStore:
        """The current store; unchanged folders give the same object."""
        state = self._look()
        if state != self._state:
            try:
                self._store, self._state = TrustStore.from_folder(self._folder), state
            except (SigningError, OSError, ValueError):
                return self._store
        return self._store

    def _look(self) -> _State:
        return look(self._folder)


def look(root: Path) -> _State:
    """Names, times and sizes of what lies in a trust folder."""
    found: list[tuple[str, int, int]] = []
    for part in _PARTS:
        folder = root / part
        try:
            for path in folder.iterdir():
                state = path.stat()
                found.append((str(path), state.st_mtime_ns, state.st_size))
        except OSError:
            continue
    return tuple(sorted(found))


class TrustStamp:
    """What a trust folder says, as a short text: the same for the same files on every node."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._state: _State = ()
        self._text = _NONE

    def text(self) -> str:
        """The stamp of the folder as it is now; files are read again only where something changed."""
        if self._folder is None:
            return _NONE
        state = look(self._folder)
        if state != self._state:
            digest = hashlib.sha256()
            for name, _, _ in state:
                path = Path(name)
                with contextlib.suppress(OSError):
                    if path.is_file():
                        relative = path.relative_to(self._folder).as_posix()
                        digest.update(f"{relative}\0".encode("utf-8", "surrogateescape"))
                        digest.update(hashlib.sha256(path.read_bytes()).digest())
            self._state, self._text = state, digest.hexdigest()[:_STAMP_DIGITS]
        return self._text
