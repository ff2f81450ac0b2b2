"""KeyInfo: who may have signed an XML signature.

A certificate counts only if it is in the file. A bare key verifies the value (so integrity can be stated)
and names nobody; a certificate that is only described by name, number or digest is not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from asn1crypto import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from lxml import etree

from signing.certificates import identity, load_certificate, load_public_key, public_key
from signing.primitives import Scheme, value_matches
from signing.xml_parse import Identifiers
from signing.xmldsig import Core, decode, ds, text_of

DSIG11 = "http://www.w3.org/2009/xmldsig11#"
_CURVES: dict[str, ec.EllipticCurve] = {
    "1.2.840.10045.3.1.7": ec.SECP256R1(),
    "1.3.132.0.34": ec.SECP384R1(),
    "1.3.132.0.35": ec.SECP521R1(),
    "1.3.132.0.33": ec.SECP224R1(),
    "1.3.132.0.10": ec.SECP256K1(),
    "1.3.36.3.3.2.8.1.1.7": ec.BrainpoolP256R1(),
    "1.3.36.3.3.2.8.1.1.11": ec.BrainpoolP384R1(),
    "1.3.36.3.3.2.8.1.1.13": ec.BrainpoolP512R1(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyMaterial:
    """What a signature says about its key."""

    certificates: tuple[x509.Certificate, ...] = ()
    bare_keys: tuple[PublicKeyTypes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Whose key verified the value."""

    certificate: x509.Certificate | None = None
    key: PublicKeyTypes | None = None
    matches: bool | None = None


def key_material(
    signature: etree._Element, identifiers: Identifiers, more: Iterator[bytes] | tuple[bytes, ...] = ()
) -> KeyMaterial:
    """Certificates and bare keys of a signature; `more` are certificates from its unsigned properties."""
    info = signature.find(ds("KeyInfo"))
    certificates: list[x509.Certificate] = []
    bare: list[PublicKeyTypes] = []
    if info is not None:
        holders = [info, *_retrieved(info, identifiers)]
        for holder in holders:
            certificates += _certificates(holder)
            bare += _bare_keys(holder)
    for der in more:
        certificate = load_certificate(der)
        if certificate is not None:
            certificates.append(certificate)
    unique = {identity(c).der: c for c in certificates}
    return KeyMaterial(certificates=tuple(unique.values()), bare_keys=tuple(bare))


def _retrieved(info: etree._Element, identifiers: Identifiers) -> Iterator[etree._Element]:
    for method in info.findall(ds("RetrievalMethod")):
        uri = method.get("URI", "")
        found = identifiers.get(uri[1:]) if uri.startswith("#") else None
        if found is not None:
            yield found


def _certificates(holder: etree._Element) -> list[x509.Certificate]:
    found = []
    for element in holder.iter(ds("X509Certificate")):
        der = decode(text_of(element))
        certificate = load_certificate(der) if der else None
        if certificate is not None:
            found.append(certificate)
    return found


def _bare_keys(holder: etree._Element) -> Iterator[PublicKeyTypes]:
    for element in holder.iter(ds("KeyValue"), f"{{{DSIG11}}}DEREncodedKeyValue"):
        try:
            key = _key_value(element)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
        if key is not None:
            yield key


def _key_value(element: etree._Element) -> PublicKeyTypes | None:
    if element.tag == f"{{{DSIG11}}}DEREncodedKeyValue":
        return load_public_key(decode(text_of(element)) or b"")
    numbers = {etree.QName(e).localname: decode(e.text) for e in element.iter(etree.Element) if e.text}
    rsa_value, dsa_value = element.find(ds("RSAKeyValue")), element.find(ds("DSAKeyValue"))
    if rsa_value is not None:
        return rsa.RSAPublicNumbers(_int(numbers["Exponent"]), _int(numbers["Modulus"])).public_key()
    if dsa_value is not None:
        parameters = dsa.DSAParameterNumbers(_int(numbers["P"]), _int(numbers["Q"]), _int(numbers["G"]))
        return dsa.DSAPublicNumbers(_int(numbers["Y"]), parameters).public_key()
    curve = next((e.get("URI", "") for e in element.iter(f"{{{DSIG11}}}NamedCurve")), "")
    named = _CURVES.get(curve.removeprefix("urn:oid:"))
    point = numbers.get("PublicKey")
    if named is None or point is None:
        return None
    return ec.EllipticCurvePublicKey.from_encoded_point(named, point)


def _int(value: bytes | None) -> int:
    if not value:
        raise ValueError("number")
    return int.from_bytes(value, "big")


def find_signer(core: Core, material: KeyMaterial, preferred: x509.Certificate | None) -> Signer:
    """The certificate whose key verifies the value, the one the properties name first; else a bare key."""
    if core.scheme is None or core.value is None:
        return Signer(certificate=preferred or next(iter(material.certificates), None))
    candidates = [preferred] if preferred is not None else []
    candidates += [c for c in material.certificates if c is not preferred]
    unsure = None
    for certificate in candidates:
        key = public_key(certificate)
        matches = _matches(key, core.scheme, core)
        if matches:
            return Signer(certificate=certificate, key=key, matches=True)
        unsure = unsure or (Signer(certificate=certificate, key=key, matches=matches))
    for key in material.bare_keys:
        if _matches(key, core.scheme, core):
            return Signer(key=key, matches=True)
    if unsure is not None:
        return unsure
    if material.bare_keys:
        return Signer(key=material.bare_keys[0], matches=False)
    return Signer()


def _matches(key: PublicKeyTypes | None, scheme: Scheme, core: Core) -> bool | None:
    if key is None or core.value is None:
        return None
    return value_matches(key, scheme, core.value, core.signed_info)
