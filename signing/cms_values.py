"""Certificates and revocation data that a CMS signature keeps in its attributes.

    id-aa-ets-certValues, id-aa-ets-revocationValues    unsigned [EN 319 122-1 Annex A.1]
    adbe-revocationInfoArchival                         signed, by Adobe [ISO 32000-1 §12.8.3.3.2]

The two kinds of revocation data have one shape: lists under [0], OCSP responses under [1]. Nothing is trusted
for being there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from asn1crypto import x509

from signing import cms, der
from signing.certificates import BROKEN_DER, load_certificate

OID_CERTIFICATE_VALUES: Final = "1.2.840.113549.1.9.16.2.23"
OID_ADOBE_REVOCATION: Final = "1.2.840.113583.1.1.8"
MAX_VALUES: Final = 200
_LISTS, _RESPONSES = 0xA0, 0xA1


def with_values(message: cms.SignedMessage, check: cms.SignerCheck) -> cms.SignedMessage:
    """The message with what the signer's attributes add to its certificates, lists and responses."""
    crls: list[bytes] = []
    ocsps: list[bytes] = []
    certificates: list[x509.Certificate] = []
    for value in (
        *check.signed.get(OID_ADOBE_REVOCATION, ()),
        *check.unsigned.get(cms.OID_REVOCATION_VALUES, ()),
    ):
        crls += _under(value, _LISTS)
        ocsps += _under(value, _RESPONSES)
    for value in check.unsigned.get(OID_CERTIFICATE_VALUES, ()):
        certificates += [c for blob in _children(value) if (c := load_certificate(blob)) is not None]
    if not (crls or ocsps or certificates):
        return message
    return replace(
        message,
        certificates=(*message.certificates, *certificates),
        crls=(*message.crls, *crls),
        ocsps=(*message.ocsps, *ocsps),
    )


def _under(value: bytes, tag: int) -> list[bytes]:
    try:
        for part in der.children(value, der.element(value, 0, len(value))):
            if part.tag == tag:
                return _children(value[part.inside : part.inside_end])
    except BROKEN_DER:
        pass
    return []


def _children(value: bytes) -> list[bytes]:
    try:
        found = der.children(value, der.element(value, 0, len(value)))[:MAX_VALUES]
    except BROKEN_DER:
        return []
    return [value[each.start : each.end] for each in found]
