"""What an attacker may add to, take from or change in a signed XML file or container without its key.

Every file is made from one that passes. None of them may pass; each has its verdict in time; and what a
sender may honestly do to its own files keeps passing.
"""

from __future__ import annotations

import base64
import io
import re
import time
import zipfile
from collections.abc import Callable
from typing import Final

import pytest
from lxml import etree

from signing.asic_sign import DataFile, sign_container
from signing.options import VerifyOptions
from signing.report import FileReport, Indication
from signing.verify import verify_bytes
from signing.xades import V132
from signing.xades_sign import Packaging, XmlSignatureOptions, sign_xml
from signing.xml_parse import WSU
from signing.xmldsig import ds
from signing.xpath_cost import is_costly
from tests.support.raw_xml import ENVELOPED, reference, signature, signed_xml
from tests.unit.signing.conftest import NOW, Office

LETTER: Final = b'<thu xmlns="urn:x" so="1"><tien>100</tien><nguoi>A</nguoi></thu>'
SECONDS: Final = 3.0
BASE64: Final = '<Transform Algorithm="http://www.w3.org/2000/09/xmldsig#base64"/>'


def judge(data: bytes) -> FileReport:
    began = time.perf_counter()
    report = verify_bytes(data, name="x", options=VerifyOptions(no_trust=True))
    assert time.perf_counter() - began < SECONDS
    codes = {f.code for s in report.signatures for f in s.findings} | {f.code for f in report.findings}
    assert "INTERNAL_ERROR" not in codes
    return report


def passes(data: bytes) -> bool:
    return judge(data).indication is Indication.TOTAL_PASSED


@pytest.fixture(scope="module")
def enveloped(office: Office) -> bytes:
    return sign_xml(LETTER, office.person, now=NOW)


@pytest.fixture(scope="module")
def enveloping(office: Office) -> bytes:
    options = XmlSignatureOptions(packaging=Packaging.ENVELOPING, media_type="text/plain")
    return sign_xml("Trả 100 đồng cho ông A.".encode(), office.person, now=NOW, options=options)


def _instead(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        assert old in data
        return data.replace(old, new, 1)

    return change


def _resigned_properties(data: bytes) -> bytes:
    """The properties with another time, under an identifier of their own: nobody signed them."""
    found = re.search(rb"<xades:QualifyingProperties.*</xades:QualifyingProperties>", data, re.DOTALL)
    assert found is not None
    forged = found.group(0).replace(b"2026-01-05", b"2020-01-05")
    forged = re.sub(rb'(SignedProperties Id=")([^"]+)', rb"\1Forged-\2", forged)
    return data.replace(b"<ds:Object>", b"<ds:Object>" + forged + b"</ds:Object><ds:Object>", 1)


ATTACKS_ON_ENVELOPED: Final[dict[str, Callable[[bytes], bytes]]] = {
    "a data object in the signature, out of the enveloped transform's sight": _instead(
        b"</ds:Signature>", b'<ds:Object Id="b"><tien>900</tien></ds:Object></ds:Signature>'
    ),
    "a text in a data object": _instead(b"</ds:Signature>", b"<ds:Object>900</ds:Object></ds:Signature>"),
    "a second signature element as a hiding place": _instead(
        b"</thu>",
        b'<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><t>900</t></ds:Signature></thu>',
    ),
    "a style sheet before the root": lambda d: b'<?xml-stylesheet href="http://x.invalid/a.xsl"?>' + d,
    "a style sheet after the root": lambda d: d + b'<?xml-stylesheet href="a.css"?>',
    "a wrapper around all": lambda d: b"<huy>" + d + b"</huy>",
    "another namespace": _instead(b'xmlns="urn:x"', b'xmlns="urn:y"'),
    "an attribute more": _instead(b'so="1"', b'so="1" huy="1"'),
    "an attribute of another namespace": _instead(b'so="1"', b'so="1" xmlns:q="urn:q" q:so="2"'),
    "an attribute for the schema": _instead(
        b'so="1"', b'so="1" xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"'
    ),
    "a document type": lambda d: b'<!DOCTYPE thu [<!ENTITY e "9">]>' + d,
    "an attribute by a document type": lambda d: b'<!DOCTYPE thu [<!ATTLIST thu huy CDATA "1">]>' + d,
    "forged properties before the signed ones": _resigned_properties,
    "the reference to the properties gone": lambda d: re.sub(
        rb"<ds:Reference [^>]*SignedProperties.*?</ds:Reference>", b"", d, flags=re.DOTALL
    ),
    "two times the same content": _instead(b"<tien>100</tien>", b"<tien>100</tien><tien>100</tien>"),
    "an instruction in the content": _instead(b"<tien>100", b"<tien><?gia 900?>100"),
    "text of another number after a comment": _instead(b"<tien>100", b"<tien><!-- -->900"),
}


@pytest.mark.parametrize("attack", ATTACKS_ON_ENVELOPED)
def test_an_enveloped_signature_does_not_survive_it(enveloped: bytes, attack: str) -> None:
    assert passes(enveloped)
    assert not passes(ATTACKS_ON_ENVELOPED[attack](enveloped))


def _into_content(what: bytes) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        found = re.search(rb"<ds:Object [^>]*Encoding=[^>]*>", data)
        assert found is not None
        return data[: found.end() + 4] + what + data[found.end() + 4 :]

    return change


ATTACKS_ON_ENVELOPING: Final[dict[str, Callable[[bytes], bytes]]] = {
    "signs that base64 does not have": _into_content(b"!!!"),
    "letters of other alphabets": _into_content("é".encode()),
    "padding in the middle": _into_content(b"="),
    "an element": _into_content(b"<tien>900</tien>"),
    "an element without text": _into_content(b"<tien so='900'/>"),
    "an instruction": _into_content(b"<?gia 900?>"),
    "a comment": _into_content(b"<!-- 900 -->"),
    "an attribute nobody knows": _instead(b'MimeType="text/plain"', b'MimeType="text/plain" gia="900"'),
    "another object": _instead(b"</ds:Signature>", b"<ds:Object>OTAw</ds:Object></ds:Signature>"),
    "an element around": lambda d: b"<huy>" + d + b"</huy>",
    "an element around with a number": lambda d: b'<thu so="900">' + d + b"</thu>",
}


@pytest.mark.parametrize("attack", ATTACKS_ON_ENVELOPING)
def test_an_enveloping_signature_does_not_survive_it(enveloping: bytes, attack: str) -> None:
    assert passes(enveloping)
    assert not passes(ATTACKS_ON_ENVELOPING[attack](enveloping))


@pytest.mark.parametrize(
    "template",
    [
        # Decoded content alone is hashed: names and attributes around it are not.
        '<doc><chi Id="a" cho="A">MTAw</chi>{}</doc>',
        '<doc><chi Id="a"><so>MTAw</so></chi>{}</doc>',
    ],
)
def test_decoded_elements_are_not_covered(office: Office, template: str) -> None:
    assert not passes(signed_xml(template.format(signature(reference("#a", BASE64))), office.person))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<doc>{o}", "<doc><huy>{o}</huy>"),
        ("<doc>{o}", '<doc xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="huy">{o}'),
        ("<doc>{o}", "<doc>{o}<huy/>"),
        ("<doc>{o}", "<?xml-stylesheet href='a.xsl'?><doc>{o}"),
        ("<doc>{o}", '<doc>{o}<b Id="a"/>'),
        ("<doc>{o}", '<doc>{o}<b xml:id="a"/>'),
        ("<doc>{o}", '<doc>{o}<b ID="a">900</b>'),
        (
            "<doc>{o}",
            f'<doc xmlns:u="{WSU}">{{o}}<b u:Id="a"/>',
        ),
    ],
)
def test_a_signed_part_means_nothing_in_other_company(office: Office, old: str, new: str) -> None:
    order = '<order Id="a">pay 100</order>'
    made = signed_xml(f"<doc>{order}{signature(reference('#a'))}</doc>", office.person).decode()
    assert passes(made.encode())
    attack = made.replace(old.format(o=order), new.format(o=order))
    assert attack != made
    assert not passes(attack.encode())


@pytest.mark.parametrize(
    "uri", ["http://x.invalid/a.xml", "file:///etc/passwd", "#nobody", "#", "#xpointer(//order)", "a.xml"]
)
def test_a_reference_to_what_is_not_here_fetches_nothing_and_is_no_pass(office: Office, uri: str) -> None:
    made = signed_xml(f"<doc><a>1</a>{signature(reference(uri))}</doc>", office.person)
    assert not passes(made)


@pytest.mark.parametrize(
    "length", ["", "<HMACOutputLength>8</HMACOutputLength>", "<HMACOutputLength>0</HMACOutputLength>"]
)
def test_a_code_made_with_the_public_key_is_no_signature(office: Office, length: str) -> None:
    template = f"<doc><a>1</a>{signature(reference('', ENVELOPED))}</doc>"
    made = signed_xml(template, office.person).decode()
    hmac = made.replace(
        '<SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>',
        f'<SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#hmac-sha256">{length}</SignatureMethod>',
    )
    assert hmac != made
    assert not passes(hmac.encode())


def test_comments_in_what_was_signed_with_them_are_content(office: Office) -> None:
    kept = '<Transform Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments"/>'
    for uri in ("#xpointer(/)", "#xpointer(id('a'))"):
        template = f"<doc Id='a'><a>1<!-- A --></a>{signature(reference(uri, ENVELOPED + kept))}</doc>"
        made = signed_xml(template, office.person)
        assert passes(made)
        assert not passes(made.replace(b"<!-- A -->", b"<!-- B -->"))


# Containers ---------------------------------------------------------------------------------------------

FILES: Final = (DataFile(name="thu.txt", data=b"Tra 100 dong"), DataFile(name="phu luc.txt", data=b"x" * 50))


@pytest.fixture(scope="module")
def container(office: Office) -> bytes:
    return sign_container(FILES, office.person, now=NOW).data


def _repacked(data: bytes, **change: bytes | None) -> bytes:
    """The archive written again, with entries more, less or other."""
    made = io.BytesIO()
    changes = {name.replace("__", "/").replace("_dot_", "."): blob for name, blob in change.items()}
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        for info in old.infolist():
            blob = changes.pop(info.filename, old.read(info))
            if blob is not None:
                new.writestr(info.filename, blob)
        for name, blob in changes.items():
            if blob is not None:
                new.writestr(name, blob)
    return made.getvalue()


def _with(data: bytes, name: str, blob: bytes) -> bytes:
    made = io.BytesIO(data)
    with zipfile.ZipFile(made, "a") as archive:
        archive.writestr(name, blob)
    return made.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        "META-INF/../thu.txt", "./thu.txt", "a/../thu.txt", "META-INF/./x.txt",
        "META-INF//thu.txt",
        "thu.txt/", "THU.TXT", "thu.txt ", "thu.txt.", "sub/thu.txt", "..", "meta-inf/x.txt",
        "thu.txt::$DATA",
    ],
)  # fmt: skip
def test_a_file_beside_the_signed_ones_is_never_a_pass(container: bytes, name: str) -> None:
    assert passes(container)
    attacked = _with(container, name, b"Tra 900 dong")
    assert not passes(attacked)


def test_two_signatures_over_different_files_are_each_too_little(office: Office) -> None:
    first = sign_container(FILES[:1], office.person, now=NOW).data
    second = sign_container(FILES[1:], office.organisation, now=NOW).data
    with zipfile.ZipFile(io.BytesIO(second)) as other:
        names = [n for n in other.namelist() if "signatures" in n]
        blob = other.read(names[0])
    both = _with(_with(first, FILES[1].name, FILES[1].data), "META-INF/signatures9.xml", blob)
    report = judge(both)
    assert [s.indication for s in report.signatures] == [Indication.INDETERMINATE] * 2


@pytest.mark.parametrize(
    "mimetype", [b"application/zip", b"", b"application/vnd.etsi.asic-s+zip", b"text/plain"]
)
def test_another_mimetype_changes_no_verdict_for_the_better(container: bytes, mimetype: bytes) -> None:
    attacked = _repacked(container, mimetype=mimetype, thu_dot_txt=b"Tra 900 dong")
    assert not passes(attacked)


def test_what_stands_before_the_archive_makes_it_none(container: bytes) -> None:
    for front in (b"GIF89a" + b"\0" * 100, b"%PDF-1.7\n", b"PK\x03\x04", b"<a/>"):
        assert not passes(front + container)


def test_a_bomb_in_the_mimetype_is_not_unpacked() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        with archive.open("mimetype", "w", force_zip64=True) as entry:
            for _ in range(600):
                entry.write(b"\0" * (1 << 20))
        archive.writestr("META-INF/signatures.xml", b"<a/>")
    assert not passes(made.getvalue())


# Cost ---------------------------------------------------------------------------------------------------

XPATH: Final = "http://www.w3.org/TR/1999/REC-xpath-19991116"


@pytest.mark.parametrize(
    "expression",
    [
        "count(/*/*) > 0", "count(../*) > 0", "/*/*/@*", "/doc/i = 'x'", "../../*/*", "not(. = /*)",
        "count(/*/*[. = ../*]) > 1", "/*/* = /*/*", "ancestor::*/*", "count(ancestor::*/child::*) > 0",
        "i", "*", "parent::*/i", "self::i[../i]", "here()/../*", "true()" + " or i" * 300,
    ],
)  # fmt: skip
def test_a_filter_that_looks_at_everything_for_every_node_is_not_run(office: Office, expression: str) -> None:
    escaped = expression.replace("<", "&lt;")
    transform = f'<Transform Algorithm="{XPATH}"><XPath>{escaped}</XPath></Transform>'
    template = f"<doc>{'<i/>' * 20_000}{signature(reference('', transform))}</doc>"
    assert not passes(signed_xml(template, office.person))


@pytest.mark.parametrize(
    "expression",
    [
        "not(ancestor-or-self::d:Signature)",
        "self::text() and ancestor::order",
        "count(ancestor-or-self::d:S | here()/ancestor::d:S[1]) > count(ancestor-or-self::d:S)",
        "@id = 'a' or parent::node()/@id = 'a'",
        "ancestor-or-self::a and (namespace-uri() != '' or count(parent::node()/namespace::*) = 1)",
    ],
)
def test_what_filters_usually_ask_is_cheap_in_a_large_document(expression: str) -> None:
    root = etree.fromstring(f"<doc>{'<i/>' * 20_000}</doc>")
    assert not is_costly(expression, root, each=True)


def test_a_union_of_paths_taken_once_is_cheap_and_compared_it_is_not() -> None:
    root = etree.fromstring(f"<doc>{'<i/>' * 20_000}</doc>")
    assert not is_costly("/doc/i[@a='1' or @b='2'] | /doc/k[not(@c)]", root, each=False)
    assert is_costly("/doc/i[/doc/i]", root, each=False)
    assert is_costly("/doc/i = /doc/i", root, each=False)


def test_many_certificates_in_one_signature_have_a_verdict_in_time(office: Office, enveloped: bytes) -> None:
    der = bytearray(office.person.certificate.dump())
    more = []
    for number in range(2_000):
        der[20:22] = number.to_bytes(2, "big")
        more.append(b"<ds:X509Certificate>" + base64.b64encode(der) + b"</ds:X509Certificate>")
    judge(enveloped.replace(b"<ds:X509Data>", b"<ds:X509Data>" + b"".join(more), 1))


# Honest -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda d: b'<?xml version="1.0" encoding="UTF-8"?>\r\n' + d,
        lambda d: b"\xef\xbb\xbf" + d,
        lambda d: d + b"\r\n",
        lambda d: b"<!-- nhan luc 8:30 -->" + d,
        lambda d: d.replace(b'<thu xmlns="urn:x" so="1">', b"<thu   so='1'\r\n   xmlns='urn:x' >"),
        lambda d: d.replace(b"<tien>100</tien>", b"<tien>&#49;00</tien >"),
    ],
    ids=["declaration", "byte order mark", "line end", "comment around", "spacing in tags", "references"],
)
def test_what_canonical_form_does_not_keep_may_change(
    enveloped: bytes, change: Callable[[bytes], bytes]
) -> None:
    changed = change(enveloped)
    assert changed != enveloped
    assert passes(changed)


def test_signatures_of_several_people_over_one_part_of_an_invoice_pass(office: Office) -> None:
    """The seller's and the tax authority's, in places of their own, each over the invoice."""
    seller = signature(reference("#data"))
    template = (
        '<HDon><DLHDon Id="data"><TTChung><SHDon>1</SHDon></TTChung></DLHDon>'
        f"<DSCKS><NBan>{seller}</NBan><CQT>{seller}</CQT></DSCKS></HDon>"
    )
    made = signed_xml(template, office.organisation)
    report = judge(made)
    assert [s.indication for s in report.signatures] == [Indication.TOTAL_PASSED] * 2
    assert not passes(made.replace(b"<SHDon>1<", b"<SHDon>2<"))


def test_the_data_object_of_an_enveloping_signature_may_be_broken_into_lines(enveloping: bytes) -> None:
    root = etree.fromstring(enveloping)
    content = root.find(ds("Object") + "[@Encoding]")
    assert content is not None
    text = content.text or ""
    lines = "\n".join(text[i : i + 10] for i in range(0, len(text), 10))
    assert passes(enveloping.replace(text.encode(), lines.encode()))


ENDS_OF_TIME: Final = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59Z")


@pytest.mark.parametrize("moment", ENDS_OF_TIME)
def test_a_claimed_time_at_the_end_of_time_hides_no_other_signature(office: Office, moment: str) -> None:
    properties = (
        f'<Object><q:QualifyingProperties xmlns:q="{V132}"><q:SignedProperties Id="p">'
        f"<q:SignedSignatureProperties><q:SigningTime>{moment}</q:SigningTime></q:SignedSignatureProperties>"
        "</q:SignedProperties></q:QualifyingProperties></Object>"
    )
    odd = signature(reference("#data"), reference("#p"), objects=properties)
    template = f'<HDon><D Id="data">1</D><S><N>{odd}</N><C>{signature(reference("#data"))}</C></S></HDon>'
    made = signed_xml(template, office.organisation)
    for options in (
        VerifyOptions(no_trust=True),
        VerifyOptions(trust=office.pki.trust, at=NOW, existed_by=NOW),
    ):
        report = verify_bytes(made, name="x", options=options)
        codes = {f.code for s in report.signatures for f in s.findings} | {f.code for f in report.findings}
        assert "INTERNAL_ERROR" not in codes
        assert report.signatures[1].indication is Indication.TOTAL_PASSED
