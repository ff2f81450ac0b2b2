"""XML signatures of any shape: the caller writes the references, the digests and the value are put in."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from lxml import etree

from signing.credentials import Credential
from signing.xml_c14n import Method, canonical
from signing.xmldsig import Processor, ds

SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
ENVELOPED = '<Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>'


def reference(uri: str, transforms: str = "", kind: str = "") -> str:
    """A Reference still without its digest."""
    inside = f"<Transforms>{transforms}</Transforms>" if transforms else ""
    stated = f' Type="{kind}"' if kind else ""
    digest = f'<DigestMethod Algorithm="{SHA256}"/><DigestValue/>'
    return f'<Reference URI="{uri}"{stated}>{inside}{digest}</Reference>'


def signature(*references: str, objects: str = "") -> str:
    """A Signature element still without digests, value and certificate."""
    c14n = '<CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>'
    method = '<SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>'
    info = f"<SignedInfo>{c14n}{method}{''.join(references)}</SignedInfo>"
    key = "<KeyInfo><X509Data><X509Certificate/></X509Data></KeyInfo>"
    return f'<Signature xmlns="http://www.w3.org/2000/09/xmldsig#">{info}<SignatureValue/>{key}{objects}</Signature>'


def signed_xml(
    template: str, credential: Credential, external: Callable[[str | None], bytes | None] | None = None
) -> bytes:
    """The document with every empty digest, value and certificate filled in, in the order of the document."""
    assert isinstance(credential.key, RSAPrivateKey)
    root = etree.fromstring(template)
    for element in root.iter(ds("X509Certificate")):
        element.text = base64.b64encode(credential.certificate.dump()).decode()
    for manifest in root.iter(ds("Manifest")):
        _fill(root, manifest, manifest.getroottree().getroot(), external)
    for element in root.iter(ds("Signature")):
        info = element.find(ds("SignedInfo"))
        assert info is not None
        _fill(root, info, element, external)
        signed = canonical(info, Method(exclusive=True))
        value = credential.key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        holder = element.find(ds("SignatureValue"))
        assert holder is not None
        holder.text = base64.b64encode(value).decode()
    return bytes(etree.tostring(root))


def _fill(
    root: etree._Element,
    holder: etree._Element,
    owner: etree._Element,
    external: Callable[[str | None], bytes | None] | None,
) -> None:
    for node in holder.findall(ds("Reference")):
        octets = Processor(root, external=external).reference(node, owner).octets or b""
        stated = node.find(ds("DigestValue"))
        if stated is not None and not stated.text:
            stated.text = base64.b64encode(hashlib.sha256(octets).digest()).decode()
