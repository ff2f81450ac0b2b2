"""Secrets sealed under a key in a file: AES-256-GCM, with the context bound into the seal.

The file (`LIENTHONG_HOME/keys/secrets.key`, 0600) holds one key per line, 32 bytes in base64: the last one
seals, every one opens, so that a key is replaced by adding a line and sealing anew at leisure. Nodes of one
hub need the same file. It is made at the first start: written beside, fsynced and linked to its name, so that
a crash leaves no key or a whole one, and of two nodes that start at once one makes it and both use it.

A sealed secret is: version (1 byte) | key id (4 bytes, from the key's digest) | nonce (12) | ciphertext and
tag. The key id says whether the right key is missing or the row was tampered with.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.ports.secrets import SecretUnreadable

PRIVATE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
KEY_BYTES: Final = 32
VERSION: Final = b"\x01"
KEY_ID_BYTES: Final = 4
NONCE_BYTES: Final = 12
_HEAD_BYTES: Final = len(VERSION) + KEY_ID_BYTES + NONCE_BYTES
_FOR_OTHERS: Final = stat.S_IRWXO


class SecretKeyError(Exception):
    """The file of keys cannot be read, is open to others, or holds something that is not a key."""


class FileSecretBox:
    """Implements `SecretBox` with the keys of one file."""

    def __init__(self, keys: Mapping[bytes, bytes], newest: bytes) -> None:
        self._keys = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._newest = newest

    @classmethod
    def open_or_create(cls, path: Path) -> FileSecretBox:
        """Return the box of a key file, making the file with one key if there is none.

        Raises:
            SecretKeyError: the file cannot be used.
        """
        try:
            if not path.exists():
                path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
                _make(path)
            keys = _read(path)
        except OSError as error:
            raise SecretKeyError(f"the key file {path} cannot be used: {error.strerror}") from error
        return cls({_key_id(key): key for key in keys}, _key_id(keys[-1]))

    def seal(self, plain: bytes, *, context: str) -> bytes:
        """Return the sealed form, to be stored."""
        head = VERSION + self._newest
        nonce = secrets.token_bytes(NONCE_BYTES)
        return head + nonce + self._keys[self._newest].encrypt(nonce, plain, head + context.encode())

    def open(self, sealed: bytes, *, context: str) -> bytes:
        """Return the secret. Raises SecretUnreadable."""
        if len(sealed) < _HEAD_BYTES or sealed[:1] != VERSION:
            raise SecretUnreadable("not a sealed secret of this version")
        head, nonce = sealed[: _HEAD_BYTES - NONCE_BYTES], sealed[_HEAD_BYTES - NONCE_BYTES : _HEAD_BYTES]
        key = self._keys.get(head[1:])
        if key is None:
            raise SecretUnreadable("sealed under a key that is not in this node's key file")
        try:
            return key.decrypt(nonce, sealed[_HEAD_BYTES:], head + context.encode())
        except InvalidTag as error:
            raise SecretUnreadable("damaged, or the secret of another system") from error


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"lienthong secret key id" + key).digest()[:KEY_ID_BYTES]


def _read(path: Path) -> list[bytes]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if os.fstat(descriptor).st_mode & _FOR_OTHERS:
            raise SecretKeyError(f"{path} is open to everybody: chmod 600")
        lines = [line.strip() for line in file.read().splitlines() if line.strip()]
    keys = [_decoded(line, path) for line in lines]
    if not keys:
        raise SecretKeyError(f"{path} holds no key")
    return keys


def _decoded(line: bytes, path: Path) -> bytes:
    try:
        key = base64.b64decode(line, validate=True)
    except binascii.Error as error:
        raise SecretKeyError(f"{path} holds a line that is not base64") from error
    if len(key) != KEY_BYTES:
        raise SecretKeyError(f"{path} holds a key that is not {KEY_BYTES} bytes long")
    return key


def _make(path: Path) -> None:
    temporary = path.with_name(f".{path.name}-{os.getpid()}-{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link, unlike a rename, never replaces the key that another node has just made.
            path.hardlink_to(temporary)
        except FileExistsError:
            return
    finally:
        temporary.unlink()
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
