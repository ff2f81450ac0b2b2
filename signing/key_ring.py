"""Keys of one process by name: opened when first wanted, kept open, found again when their token returns.

A key file is read and a token's session opened once; further signatures cost the key operation alone. When a
token fails (it was pulled out, the device restarted) all sessions of its module are closed, the module is
started anew, and the signature is tried once more. A secret that was refused is never tried again in this
process, whatever comes: the refusal itself is kept and said each time, until the process is started with
another secret. What a token itself remembers of failed logins is heeded besides (`signing.token_keys`).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from signing.credentials import Credential
from signing.errors import CredentialUnusable
from signing.token_keys import SCHEME, TokenAddress, restart_module

# Refusals that further tries would make worse, or that no further try can change.
FINAL: Final = frozenset({"pin_wrong", "pin_locked", "pin_refused_before", "credential_passphrase"})
# What a token says that was pulled out or restarted.
LOST: Final = frozenset({"token_failed", "token_missing"})
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPlace:
    """Where a key lies: a file or a `pkcs11:` URI, and the secret that opens it."""

    name: str
    key: str
    certificate: Path | None = None
    secret: bytes | None = field(default=None, repr=False)


class KeyRing:
    """Keys by name; safe to use from several threads, which then take turns."""

    def __init__(self, places: Iterable[KeyPlace]) -> None:
        self._places = {place.name: place for place in places}
        self._open: dict[str, Credential] = {}
        self._refused: dict[str, CredentialUnusable] = {}
        self._turn = threading.RLock()

    @property
    def names(self) -> frozenset[str]:
        """The names of the keys."""
        return frozenset(self._places)

    def sign_with(self, name: str, work: Callable[[Credential], T]) -> T:
        """Do work that signs; done anew once if the key's token was lost and has come back.

        Raises `CredentialUnusable`, and what the work raises.
        """
        with self._turn:
            try:
                return work(self._credential(name))
            except CredentialUnusable as error:
                if error.code not in LOST or not self._places[name].key.startswith(SCHEME):
                    raise
            self._restart(name)
            return work(self._credential(name))

    def close(self) -> None:
        """Leave all tokens."""
        with self._turn:
            for name in list(self._open):
                self._drop(name)

    def _credential(self, name: str) -> Credential:
        refusal = self._refused.get(name)
        if refusal is not None:
            raise CredentialUnusable(str(refusal), code=refusal.code)
        if name not in self._open:
            try:
                self._open[name] = _opened(self._places[name])
            except CredentialUnusable as error:
                if error.code in FINAL:
                    self._refused[name] = error
                raise
        return self._open[name]

    def _restart(self, name: str) -> None:
        """Close every session of the key's module and start the module anew: it forgets tokens that left."""
        module = TokenAddress.parse(self._places[name].key).module
        for each, place in self._places.items():
            if place.key.startswith(SCHEME) and TokenAddress.parse(place.key).module == module:
                self._drop(each)
        restart_module(module)

    def _drop(self, name: str) -> None:
        credential = self._open.pop(name, None)
        if credential is not None:
            with contextlib.suppress(CredentialUnusable):
                credential.close()


def _opened(place: KeyPlace) -> Credential:
    if not place.key.startswith(SCHEME):
        return Credential.from_file(Path(place.key), passphrase=place.secret, certificate=place.certificate)
    if not place.secret:
        raise CredentialUnusable("a token needs a PIN", code="pin_missing")
    return Credential.from_token(
        TokenAddress.parse(place.key), pin=place.secret, certificate=place.certificate
    )
