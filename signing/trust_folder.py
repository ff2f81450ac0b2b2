"""A trust folder in use: read again when it has changed, so that a new root needs no restart.

A change is seen by names, sizes and times of files. A folder that cannot be read at that moment (a file half
copied) changes nothing: the store read last stays until the folder can be read again.
"""

from __future__ import annotations

from pathlib import Path

from signing.errors import SigningError
from signing.trust import TrustStore

_PARTS = ("", "anchors", "anchors.d", "intermediates", "crls")
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
        found: list[tuple[str, int, int]] = []
        for part in _PARTS:
            folder = self._folder / part
            try:
                for path in folder.iterdir():
                    state = path.stat()
                    found.append((str(path), state.st_mtime_ns, state.st_size))
            except OSError:
                continue
        return tuple(sorted(found))
