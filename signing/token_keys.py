"""Keys on a token or in an HSM, through PKCS#11; named by a URI [RFC 7512].

    pkcs11:token=VGCA;object=Nguy%E1%BB%85n?module-path=/usr/lib/softhsm/libsofthsm2.so

`token`, `serial`, `object` and `id` choose; what is left out must not be needed to choose. The PIN is never
part of the URI. A wrong PIN is never tried twice, for three wrong ones destroy a clerk's token: not in this
process, which remembers its refusal, and not in a later one, which sees on the token that the last login
failed (CKF_USER_PIN_COUNT_LOW) and stops until somebody has logged in with another tool.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, unquote_to_bytes

import pkcs11
from asn1crypto import x509
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from pkcs11.constants import Attribute, ObjectClass
from pkcs11.exceptions import (
    PinIncorrect,
    PinInvalid,
    PinLenRange,
    PinLocked,
    PKCS11Error,
    UserAlreadyLoggedIn,
)
from pkcs11.mechanisms import KeyType, Mechanism

from signing.certificates import load_certificate
from signing.errors import CredentialUnusable, UsageError

SCHEME: Final = "pkcs11:"
_LAST_LOGIN_FAILED, _PIN_LOCKED = 0x00010000, 0x00040000
# PINs by token, as keyed digests: a refused one is not tried again, further logins must say the accepted one.
_SALT: Final = secrets.token_bytes(32)
_refused: set[tuple[bytes, bytes]] = set()
_accepted: set[tuple[bytes, bytes]] = set()


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAddress:
    """Where a key is: the module, and what its token and the key are called."""

    module: str
    token: str | None = None
    serial: bytes | None = None
    label: str | None = None
    id: bytes | None = None

    @classmethod
    def parse(cls, uri: str) -> TokenAddress:
        """The address that a URI names."""
        path, _, query = uri.removeprefix(SCHEME).partition("?")
        parts = dict(part.partition("=")[::2] for part in path.split(";") if part)
        options = dict(parse_qsl(query))
        if "pin-value" in options or "pin-source" in options:
            raise UsageError("the PIN is no part of the URI", code="pin_in_uri")
        unknown = set(parts) - {"token", "serial", "object", "id", "type"} | set(options) - {"module-path"}
        if unknown or "module-path" not in options:
            raise UsageError(f"not a key's address: {uri}", code="token_uri")
        texts = {name: unquote(value) for name, value in parts.items()}
        return cls(
            module=options["module-path"],
            token=texts.get("token"),
            serial=texts["serial"].encode() if "serial" in texts else None,
            label=texts.get("object"),
            id=unquote_to_bytes(parts["id"]) if "id" in parts else None,
        )


class TokenKey:
    """One private key in an open session; signs one thing at a time."""

    def __init__(self, session: Any, key: Any) -> None:
        self._session, self._key = session, key
        self._turn = threading.Lock()

    def sign(self, data: bytes) -> bytes:
        """The value over the data with SHA-256: PKCS#1 v1.5, or ECDSA in DER."""
        with self._turn, _told("token_failed"):
            if self._key.key_type is KeyType.RSA:
                return bytes(self._key.sign(data, mechanism=Mechanism.SHA256_RSA_PKCS))
            raw = bytes(self._key.sign(hashlib.sha256(data).digest(), mechanism=Mechanism.ECDSA))
        half = len(raw) // 2
        return encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))

    def certificates(self) -> tuple[list[x509.Certificate], list[x509.Certificate]]:
        """Certificates on the token: those of this key, by its identifier, and all others."""
        own: list[x509.Certificate] = []
        others: list[x509.Certificate] = []
        with self._turn, _told("token_failed"):
            mark = bytes(self._key[Attribute.ID])
            for thing in self._session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE}):
                certificate = load_certificate(bytes(thing[Attribute.VALUE]))
                if certificate is not None:
                    (own if bytes(thing[Attribute.ID]) == mark else others).append(certificate)
        return own, others

    def close(self) -> None:
        """Leave the token."""
        with self._turn, _told("token_failed"):
            self._session.close()


def open_key(address: TokenAddress, *, pin: bytes) -> TokenKey:
    """Log in, once, and find the key."""
    with _told("token_missing"):
        tokens = [t for t in pkcs11.lib(address.module).get_tokens() if _is_meant(t, address)]
    if len(tokens) != 1:
        raise CredentialUnusable(f"{len(tokens)} tokens fit the address", code="token_missing")
    session = _logged_in(tokens[0], pin)
    wanted: dict[Attribute, object] = {Attribute.CLASS: ObjectClass.PRIVATE_KEY}
    wanted |= {Attribute.LABEL: address.label} if address.label is not None else {}
    wanted |= {Attribute.ID: address.id} if address.id is not None else {}
    with _told("token_failed"):
        keys = [k for k in session.get_objects(wanted) if k.key_type in {KeyType.RSA, KeyType.EC}]
        if len(keys) == 1:
            return TokenKey(session, keys[0])
        session.close()
    raise CredentialUnusable(f"{len(keys)} private keys fit the address", code="token_key_missing")


def restart_module(module: str) -> None:
    """Start a module anew, for some never notice that a token left or came back; its sessions all end."""
    with _told("token_missing"):
        pkcs11.lib(module).reinitialize()


def _is_meant(token: Any, address: TokenAddress) -> bool:
    serial = bytes(token.serial).strip(b" \0")
    return address.token in {None, token.label} and address.serial in {None, serial}


def _logged_in(token: Any, pin: bytes) -> Any:
    mark = bytes(token.serial), hashlib.blake2b(pin, key=_SALT).digest()
    flags = int(token.flags)
    if flags & _PIN_LOCKED:
        raise CredentialUnusable("the token's PIN is locked", code="pin_locked")
    if mark in _refused or flags & _LAST_LOGIN_FAILED:
        raise CredentialUnusable(
            "the last login failed; the PIN is not tried again", code="pin_refused_before"
        )
    try:
        session = token.open(user_pin=pin.decode())
    except UnicodeDecodeError as error:
        raise CredentialUnusable("the PIN is not UTF-8", code="passphrase_unreadable") from error
    except UserAlreadyLoggedIn as error:
        # The login is the process's: a further session is in it already.
        if mark not in _accepted:
            raise CredentialUnusable("not the PIN of this login", code="pin_wrong") from error
        with _told("token_failed"):
            return token.open()
    except PinLocked as error:
        raise CredentialUnusable("the token's PIN is locked", code="pin_locked") from error
    except (PinIncorrect, PinInvalid, PinLenRange) as error:
        _refused.add(mark)
        raise CredentialUnusable("wrong PIN", code="pin_wrong") from error
    except PKCS11Error as error:
        raise CredentialUnusable(f"login: {type(error).__name__}", code="token_failed") from error
    _accepted.add(mark)
    return session


@contextmanager
def _told(code: str) -> Iterator[None]:
    """The module's errors as ours; a module that cannot be loaded is a RuntimeError too."""
    try:
        yield
    except (RuntimeError, KeyError) as error:
        raise CredentialUnusable(f"{type(error).__name__}: {error}", code=code) from error
