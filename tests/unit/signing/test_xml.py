"""XML signatures made by another library (signxml), then changed in every way."""

from __future__ import annotations

import random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from signxml import DigestAlgorithm, methods
from signxml.signer import XMLSigner
from signxml.xades import XAdESSigner

from signing.credentials import Credential
from signing.messages import Code
from signing.options import VerifyOptions
from signing.report import FileFormat, FileReport, Indication, SubIndication
from signing.verify import verify_bytes
from signing.xml_c14n import Method, NodeSet, canonical, serialise
from signing.xml_c14n import _Writer as Writer
from signing.xml_parse import DS
from tests.unit.signing.conftest import NOW, Office

BODY = (
    '<edXML xmlns="urn:x" xmlns:e="urn:e" e:kind="letter"><head Id="h">Số: 123/UBND</head>'
    "<body><p>Kính gửi: <b>Sở Nội vụ</b></p><!-- note --><p e:x='1' a='2'>Một\n\thai</p></body></edXML>"
)


def _rsa(credential: Credential) -> RSAPrivateKey:
    assert isinstance(credential.key, RSAPrivateKey)  # the development PKI issues RSA keys
    return credential.key


def _pem(credential: Credential) -> str:
    certificates = [credential.certificate, *credential.chain]
    return "".join(
        x509.load_der_x509_certificate(c.dump()).public_bytes(Encoding.PEM).decode() for c in certificates
    )


@pytest.fixture(scope="module")
def signed(office: Office) -> bytes:
    signer = XMLSigner(method=methods.enveloped, c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#")
    root = signer.sign(etree.fromstring(BODY), key=_rsa(office.person), cert=_pem(office.person))
    return bytes(etree.tostring(root))


@pytest.fixture(scope="module")
def xades(office: Office) -> bytes:
    signer = XAdESSigner(
        method=methods.enveloped,
        digest_algorithm=DigestAlgorithm.SHA256,
        c14n_algorithm="http://www.w3.org/2006/12/xml-c14n11",
    )
    root = signer.sign(etree.fromstring(BODY), key=_rsa(office.person), cert=_pem(office.person))
    return bytes(etree.tostring(root))


def _judge(data: bytes) -> FileReport:
    return verify_bytes(data, name="x.xml", options=VerifyOptions(no_trust=True))


def _codes(report: FileReport) -> set[str]:
    return {f.code for s in report.signatures for f in s.findings} | {f.code for f in report.findings}


def test_an_enveloped_signature_over_the_whole_document_passes(signed: bytes) -> None:
    report = _judge(signed)
    assert (report.format, report.indication) == (FileFormat.EDXML, Indication.TOTAL_PASSED)
    assert [s.format for s in report.signatures] == ["XMLDSig"]


def test_a_xades_signature_passes_and_states_its_time(xades: bytes) -> None:
    report = _judge(xades)
    assert report.indication is Indication.TOTAL_PASSED
    assert report.signatures[0].format == "XAdES-B-B"
    assert report.signatures[0].signing_time is not None


def test_with_trust_the_chain_counts_too(xades: bytes, office: Office) -> None:
    trusted = verify_bytes(xades, name="x", options=VerifyOptions(trust=office.pki.trust, at=NOW))
    unknown = verify_bytes(xades, name="x", options=VerifyOptions(at=NOW))
    assert trusted.indication is Indication.TOTAL_PASSED
    assert unknown.sub_indication is SubIndication.NO_CERTIFICATE_CHAIN_FOUND


@given(data=st.data())
def test_any_changed_character_of_covered_content_fails(signed: bytes, data: st.DataObject) -> None:
    root = etree.fromstring(signed)
    for signature in root.iter(f"{{{DS}}}Signature"):
        keep = signature
    places = [e for e in root.iter(etree.Element) if keep not in [e, *e.iterancestors()]]
    element = data.draw(st.sampled_from(places))
    kind = data.draw(st.sampled_from(["text", "attribute", "name"]))
    if kind == "attribute" and element.attrib:
        name = data.draw(st.sampled_from(sorted(element.attrib)))
        element.set(name, str(element.get(name)) + "x")
    elif kind == "name":
        element.tag = str(element.tag) + "x"
    else:
        element.text = (element.text or "") + "x"
    report = _judge(bytes(etree.tostring(root)))
    assert report.indication is Indication.TOTAL_FAILED
    assert not any(s.intact for s in report.signatures)


def test_a_comment_outside_the_signature_is_not_content(signed: bytes) -> None:
    assert _judge(signed.replace(b"<!-- note -->", b"<!-- other -->")).indication is Indication.TOTAL_PASSED


def test_a_signature_moved_around_foreign_content_covers_a_part_only(office: Office) -> None:
    signer = XMLSigner(method=methods.enveloped, c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#")
    root = etree.fromstring("<list xmlns='urn:x'><a Id='one'>1</a><b>2</b></list>")
    made = signer.sign(
        root, key=_rsa(office.person), cert=_pem(office.person), reference_uri="one", id_attribute="Id"
    )
    report = _judge(bytes(etree.tostring(made)))
    assert report.indication is not Indication.TOTAL_PASSED


@pytest.mark.parametrize(
    "text",
    [
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a><a/>'.encode("utf-16"),
        b"<a><b></a>",
        b"<a>" * 400 + b"</a>" * 400,
        b'<a x="\xff"/>',
    ],
)
def test_hostile_xml_is_refused_without_an_exception(text: bytes) -> None:
    report = _judge(text)
    assert (report.indication, report.sub_indication) == (
        Indication.TOTAL_FAILED,
        SubIndication.FORMAT_FAILURE,
    )


def test_the_placeholder_of_an_edxml_message_is_no_signature() -> None:
    report = _judge(
        b'<edXML xmlns="urn:x"><Signature><X509Certificate>MII</X509Certificate></Signature></edXML>'
    )
    assert report.indication is Indication.NO_SIGNATURE
    assert Code.EDXML_PLACEHOLDER.value in _codes(report)


def test_xml_without_signature_says_so() -> None:
    report = _judge(b"<a/>")
    assert (report.indication, report.signatures, report.format) == (
        Indication.NO_SIGNATURE,
        (),
        FileFormat.XML,
    )


def test_a_bare_key_names_nobody(office: Office) -> None:
    signer = XMLSigner(method=methods.enveloped, c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#")
    root = signer.sign(
        etree.fromstring(BODY), key=_rsa(office.person), cert=_pem(office.person), always_add_key_value=True
    )
    for data in list(root.iter(f"{{{DS}}}X509Data")):
        parent = data.getparent()
        assert parent is not None
        parent.remove(data)
    report = _judge(bytes(etree.tostring(root)))
    assert report.sub_indication is SubIndication.NO_SIGNING_CERTIFICATE_FOUND
    assert report.signatures[0].intact


_names = st.sampled_from(["a", "p:b", "q:c"])


@st.composite
def _trees(draw: st.DrawFn, depth: int = 0) -> str:
    name = draw(_names)
    attributes = draw(
        st.sets(st.sampled_from(["x='1'", "p:y='&lt;&#10;'", "q:z='\"'", "xml:lang='vi'"]), max_size=3)
    )
    redeclared = draw(
        st.sampled_from(
            ["", " xmlns='urn:d2'", " xmlns:p='urn:p2'", " xmlns=''", " xmlns='' xmlns:p='urn:p3'"]
        )
    )
    inner = "".join(draw(st.lists(_trees(depth + 1), max_size=3))) if depth < 3 else ""
    text = draw(st.sampled_from(["", "văn bản", "a &amp; b\n", "<!-- c -->", "<?pi x?>", "&#13;"]))
    return f"<{name} {' '.join(sorted(attributes))}{redeclared}>{text}{inner}</{name}>"


@given(tree=_trees(), exclusive=st.booleans(), comments=st.booleans())
def test_our_canonical_form_is_that_of_libxml2(tree: str, exclusive: bool, comments: bool) -> None:
    root = etree.fromstring(f"<root xmlns='urn:d' xmlns:p='urn:p' xmlns:q='urn:q'>{tree}</root>")
    how = Method(exclusive=exclusive, comments=comments)
    nodes = NodeSet(apex=root, whole_document=True, comments=True)
    assert Writer(nodes, how, comments=comments).run() == serialise(nodes, how)


def test_a_subtree_keeps_the_namespaces_of_its_grandchildren() -> None:
    root = etree.fromstring("<a xmlns='urn:d'><b><c><d/></c></b></a>")
    assert canonical(root[0], Method()) == b'<b xmlns="urn:d"><c><d></d></c></b>'


def test_random_bytes_in_a_signed_document_never_raise(signed: bytes) -> None:
    generator = random.Random(7)
    for _ in range(300):
        broken = bytearray(signed)
        for _ in range(generator.choice((1, 3, 30))):
            broken[generator.randrange(len(broken))] = generator.randrange(256)
        assert "INTERNAL_ERROR" not in _codes(_judge(bytes(broken)))
