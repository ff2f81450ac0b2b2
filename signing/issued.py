"""Who signed what: certificates, lists and responses under an issuer's key.

Whether one certificate's signature verifies under another's key never changes, so the answer is kept: the
sub-CA of a province's letters is verified once per process and not once per letter.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Final

from asn1crypto import x509

from signing.algorithms import DIGEST_OIDS, SIGNATURE_OIDS
from signing.certificates import BROKEN_DER, identity, public_key
from signing.certificates import same_name as same_in_der
from signing.primitives import Scheme, value_matches

KEPT_ANSWERS: Final = 4096
_answers: OrderedDict[bytes, bool] = OrderedDict()


def is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the certificate's signature verifies under the issuer's key."""
    both = hashlib.sha256(identity(certificate).der)
    both.update(identity(issuer).public)
    name = both.digest()
    known = _answers.get(name)
    if known is None:
        known = _answers[name] = _verify(certificate, issuer)
        if len(_answers) > KEPT_ANSWERS:
            _answers.popitem(last=False)
    return known


def _verify(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    scheme, key = signature_scheme(certificate["signature_algorithm"]), public_key(issuer)
    if scheme is None or key is None:
        return False
    try:
        value = bytes(certificate["signature_value"].native)
        return value_matches(key, scheme, value, certificate["tbs_certificate"].dump()) is True
    except BROKEN_DER:
        return False


def signature_scheme(algorithm: x509.SignedDigestAlgorithm) -> Scheme | None:
    """The scheme by which a certificate, CRL or OCSP response is signed."""
    try:
        known = SIGNATURE_OIDS.get(algorithm["algorithm"].dotted)
        if known is None:
            return None
        name, digest_name = known
        if name != "rsa-pss":
            return Scheme(name=name, digest=digest_name or "")
        parameters = algorithm["parameters"]
        mask = parameters["mask_gen_algorithm"]["parameters"]["algorithm"].dotted
        return Scheme(
            name=name,
            digest=DIGEST_OIDS.get(parameters["hash_algorithm"]["algorithm"].dotted, ""),
            mgf_digest=DIGEST_OIDS.get(mask),
            salt_length=int(parameters["salt_length"].native),
        )
    except BROKEN_DER:
        return None


def same_name(one: x509.Name, other: x509.Name) -> bool:
    """As `signing.certificates.same_name`, of names that are read already."""
    try:
        return same_in_der(one.dump(), other.dump())
    except BROKEN_DER:
        return False
