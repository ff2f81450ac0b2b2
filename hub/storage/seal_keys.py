"""The hub's own signing key, kept in its home folder, and the seal made with it.

One EC P-256 key per file in `keys/`, private bytes readable by the owner only (0600). The newest file
signs; the public keys of all files are published, so that receipts stay verifiable after a change of
key. The key is made at the first start: written to a temporary file, fsynced and renamed, so that a
crash leaves either no key or a whole one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from joserfc import jws
from joserfc.jwk import ECKey

PRIVATE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
SUFFIX: Final = ".pem"


class SealKeyError(Exception):
    """The folder of the hub's keys cannot be read or holds something that is not a key."""


class FileSealer:
    """Implements `Sealer` with keys in a folder."""

    def __init__(self, keys: list[ECKey]) -> None:
        self._keys = keys
        self._header = {"alg": "ES256", "kid": keys[-1].thumbprint(), "typ": "lienthong-statement+json"}

    @classmethod
    def open_or_create(cls, folder: Path) -> FileSealer:
        """Return the sealer of a folder, making the first key if there is none.

        Raises:
            SealKeyError: the folder or a key in it cannot be used.
        """
        try:
            folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            if not sorted(folder.glob(f"*{SUFFIX}")):
                _make_key(folder)
            keys = [_read_key(path) for path in sorted(folder.glob(f"*{SUFFIX}"))]
        except OSError as error:
            raise SealKeyError(f"the key folder {folder} cannot be used: {error.strerror}") from error
        return cls(keys)

    def seal(self, payload: bytes) -> str:
        """Return the compact JWS (ES256) over the payload."""
        return jws.serialize_compact(self._header, payload, self._keys[-1], algorithms=["ES256"])

    def public_keys(self) -> dict[str, object]:
        """Return the JWK set of all keys, the signing one last."""
        return {
            "keys": [
                {**key.as_dict(private=False), "kid": key.thumbprint(), "use": "sig", "alg": "ES256"}
                for key in self._keys
            ]
        }


def _read_key(path: Path) -> ECKey:
    try:
        return ECKey.import_key(path.read_bytes())
    except ValueError as error:
        raise SealKeyError(f"{path.name} is not an EC private key") from error


def _make_key(folder: Path) -> None:
    key = ECKey.generate_key("P-256")
    temporary = folder / f".new-{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.as_pem(private=True))
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(folder / f"0001{SUFFIX}")
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
