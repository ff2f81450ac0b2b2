"""One key operation: does this value, under this key, belong to these bytes?

`cryptography` does the mathematics. An unknown scheme or a key of another kind is an answer (None), never
an exception, so that one odd signature cannot hide its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "md5": hashes.MD5,
    "sha1": hashes.SHA1,
    "sha224": hashes.SHA224,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
    "sha3_224": hashes.SHA3_224,
    "sha3_256": hashes.SHA3_256,
    "sha3_384": hashes.SHA3_384,
    "sha3_512": hashes.SHA3_512,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """How a value was made: `rsa`, `rsa-pss`, `ecdsa`, `ecdsa-plain`, `dsa`, `ed25519`, `ed448`, and the
    digest.
    """

    name: str
    digest: str
    mgf_digest: str | None = None
    salt_length: int | None = None

    def __str__(self) -> str:
        return f"{self.name.upper()}/{self.digest.upper().replace('_', '-')}"


def hash_algorithm(name: str) -> hashes.HashAlgorithm | None:
    """The hash as `cryptography` names it."""
    made = _HASHES.get(name)
    return made() if made else None


def key_bits(key: PublicKeyTypes) -> tuple[str, int]:
    """Kind and size of a key, for the report and for the policy."""
    if isinstance(key, rsa.RSAPublicKey):
        return "RSA", key.key_size
    if isinstance(key, dsa.DSAPublicKey):
        return "DSA", key.key_size
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "EC", key.key_size
    return type(key).__name__.removeprefix("_").removesuffix("PublicKey").upper(), 256


def value_matches(
    key: PublicKeyTypes, scheme: Scheme, value: bytes, data: bytes, *, prehashed: bool = False
) -> bool | None:
    """True or False for a computed answer, None where scheme and key do not fit or are not known."""
    try:
        return _check(key, scheme, value, data, prehashed=prehashed)
    except InvalidSignature:
        return False
    except UnsupportedAlgorithm:
        return None
    except ValueError:
        return False


def _check(key: PublicKeyTypes, scheme: Scheme, value: bytes, data: bytes, *, prehashed: bool) -> bool | None:
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        if prehashed or not scheme.name.startswith("ed"):
            return None
        key.verify(value, data)
        return True
    algorithm = hash_algorithm(scheme.digest)
    if algorithm is None:
        return None
    chosen = Prehashed(algorithm) if prehashed else algorithm
    if isinstance(key, rsa.RSAPublicKey):
        if scheme.name == "rsa":
            key.verify(value, data, padding.PKCS1v15(), chosen)
            return True
        if scheme.name == "rsa-pss":
            key.verify(value, data, _pss(scheme, algorithm), chosen)
            return True
        return None
    if isinstance(key, ec.EllipticCurvePublicKey) and scheme.name.startswith("ecdsa"):
        key.verify(_dss(value) if scheme.name == "ecdsa-plain" else value, data, ec.ECDSA(chosen))
        return True
    if isinstance(key, dsa.DSAPublicKey) and scheme.name.startswith("dsa"):
        key.verify(_dss(value) if scheme.name == "dsa-plain" else value, data, chosen)
        return True
    return None


def _pss(scheme: Scheme, algorithm: hashes.HashAlgorithm) -> padding.PSS:
    mgf = hash_algorithm(scheme.mgf_digest) if scheme.mgf_digest else None
    salt = scheme.salt_length if scheme.salt_length is not None else algorithm.digest_size
    return padding.PSS(mgf=padding.MGF1(mgf or algorithm), salt_length=salt)


def _dss(value: bytes) -> bytes:
    """r || s, as XML and BSI write it, into the DER that the library wants."""
    half = len(value) // 2
    if not half or len(value) % 2:
        raise InvalidSignature
    return encode_dss_signature(int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big"))
