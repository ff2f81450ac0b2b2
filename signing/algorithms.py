"""Names, digests and acceptability of algorithms.

One table maps object identifiers to names; the policy says which are broken (never acceptable), which are
old (a doubt for signatures, a finding elsewhere) and how long keys must be [design §7, --no-trust rule 5;
ETSI TS 119 312].
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol


class Hasher(Protocol):
    """What hashlib returns."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Take in more bytes."""

    def digest(self) -> bytes:
        """The value so far."""

    def copy(self) -> Hasher:
        """Another one that has taken in the same bytes."""


BROKEN_DIGESTS = frozenset({"md2", "md4", "md5", "ripemd160"})
OLD_DIGESTS = frozenset({"sha1"})
# Until the end of these days a signature that is proven to have existed may rest on the algorithm: the day
# before the first published SHA-1 collision; the end of RSA under 2048 bits in NIST SP 800-131A.
ACCEPTED_UNTIL = (
    ("rsa", datetime(2013, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
    ("sha1", datetime(2017, 2, 22, 23, 59, 59, 999999, tzinfo=UTC)),
)

_HASHERS: dict[str, Callable[[], Hasher]] = {
    "md5": lambda: hashlib.md5(usedforsecurity=False),
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha224": hashlib.sha224,
    "sha256": hashlib.sha256,
    "sha384": hashlib.sha384,
    "sha512": hashlib.sha512,
    "sha3_224": hashlib.sha3_224,
    "sha3_256": hashlib.sha3_256,
    "sha3_384": hashlib.sha3_384,
    "sha3_512": hashlib.sha3_512,
}

DIGEST_OIDS = {
    "1.2.840.113549.2.2": "md2",
    "1.2.840.113549.2.5": "md5",
    "1.3.36.3.2.1": "ripemd160",
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.7": "sha3_224",
    "2.16.840.1.101.3.4.2.8": "sha3_256",
    "2.16.840.1.101.3.4.2.9": "sha3_384",
    "2.16.840.1.101.3.4.2.10": "sha3_512",
    # signature OIDs that some tools write where a digest belongs
    "1.2.840.113549.1.1.5": "sha1",
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
}

# object identifier → (scheme, digest or None where the SignerInfo's digest algorithm decides)
SIGNATURE_OIDS: dict[str, tuple[str, str | None]] = {
    "1.2.840.113549.1.1.1": ("rsa", None),
    "1.2.840.113549.1.1.4": ("rsa", "md5"),
    "1.2.840.113549.1.1.5": ("rsa", "sha1"),
    "1.3.14.3.2.29": ("rsa", "sha1"),
    "1.2.840.113549.1.1.10": ("rsa-pss", None),
    "1.2.840.113549.1.1.11": ("rsa", "sha256"),
    "1.2.840.113549.1.1.12": ("rsa", "sha384"),
    "1.2.840.113549.1.1.13": ("rsa", "sha512"),
    "1.2.840.113549.1.1.14": ("rsa", "sha224"),
    "2.16.840.1.101.3.4.3.13": ("rsa", "sha3_224"),
    "2.16.840.1.101.3.4.3.14": ("rsa", "sha3_256"),
    "2.16.840.1.101.3.4.3.15": ("rsa", "sha3_384"),
    "2.16.840.1.101.3.4.3.16": ("rsa", "sha3_512"),
    "1.2.840.10045.2.1": ("ecdsa", None),
    "1.2.840.10045.4.1": ("ecdsa", "sha1"),
    "1.2.840.10045.4.3.1": ("ecdsa", "sha224"),
    "1.2.840.10045.4.3.2": ("ecdsa", "sha256"),
    "1.2.840.10045.4.3.3": ("ecdsa", "sha384"),
    "1.2.840.10045.4.3.4": ("ecdsa", "sha512"),
    "2.16.840.1.101.3.4.3.9": ("ecdsa", "sha3_224"),
    "2.16.840.1.101.3.4.3.10": ("ecdsa", "sha3_256"),
    "2.16.840.1.101.3.4.3.11": ("ecdsa", "sha3_384"),
    "2.16.840.1.101.3.4.3.12": ("ecdsa", "sha3_512"),
    # BSI TR-03111 plain format: r || s instead of a DER sequence
    "0.4.0.127.0.7.1.1.4.1.1": ("ecdsa-plain", "sha1"),
    "0.4.0.127.0.7.1.1.4.1.2": ("ecdsa-plain", "sha224"),
    "0.4.0.127.0.7.1.1.4.1.3": ("ecdsa-plain", "sha256"),
    "0.4.0.127.0.7.1.1.4.1.4": ("ecdsa-plain", "sha384"),
    "0.4.0.127.0.7.1.1.4.1.5": ("ecdsa-plain", "sha512"),
    "1.2.840.10040.4.1": ("dsa", None),
    "1.2.840.10040.4.3": ("dsa", "sha1"),
    "2.16.840.1.101.3.4.3.1": ("dsa", "sha224"),
    "2.16.840.1.101.3.4.3.2": ("dsa", "sha256"),
    "1.3.101.112": ("ed25519", None),
    "1.3.101.113": ("ed448", None),
}


def hasher(name: str) -> Hasher | None:
    """A fresh hash object, or None for an algorithm that is not computed here."""
    make = _HASHERS.get(name)
    return make() if make else None


def digest(name: str, data: bytes) -> bytes | None:
    """The digest of `data`, or None for an algorithm that is not computed here."""
    made = hasher(name)
    if made is None:
        return None
    made.update(data)
    return made.digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgorithmPolicy:
    """What is acceptable. The defaults are those of the project's documentation."""

    broken_digests: frozenset[str] = BROKEN_DIGESTS
    old_digests: frozenset[str] = OLD_DIGESTS
    minimum_rsa_bits: int = 1900
    minimum_dsa_bits: int = 1900
    minimum_ec_bits: int = 224
    # Names sorted; `rsa` is a key that is too short by `minimum_rsa_bits` but has `shortest_rsa_bits`.
    accepted_until: tuple[tuple[str, datetime], ...] = ACCEPTED_UNTIL
    shortest_rsa_bits: int = 1024

    def accepted(self, name: str, proven: datetime) -> bool:
        """Whether a signature proven to exist at that time may rest on an algorithm that is old today."""
        return any(n == name and proven <= until for n, until in self.accepted_until)


DEFAULT_ALGORITHMS = AlgorithmPolicy()
