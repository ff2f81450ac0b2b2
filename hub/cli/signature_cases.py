"""The files and operations of `lienthong bench signatures`; loaded by that command alone."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from lxml import etree
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from adapters.simulator.letter import make_letter
from hub.cli.bench import message
from hub.cli.bench_cached import remembered
from hub.cli.bench_signatures import Case, Operation, Target
from signing.credentials import Credential
from signing.devpki import DevPki
from signing.integrity import check
from signing.options import VerifyOptions
from signing.pades import append_signature, sign_pdf
from signing.verify import verify_bytes
from signing.warm import warm_up
from signing.xades_sign import make_signature, sign_xml
from signing.xml_parse import parse

LARGE_ROUNDS_SHARE: Final = 3
PDF_BYTES, XML_BYTES, LARGE_XML_BYTES = 200 * 1024, 300_000, 7_000_000
MANY: Final = 25
BASE64_GROWTH: Final = 4 / 3
SIGNER, AGENCY = "Nguyễn Văn Ẩn", "Ủy ban nhân dân phường Thới Hòa"


def cases(folder: Path, loop: asyncio.AbstractEventLoop) -> list[Case]:
    """Everything that is measured; what a hub remembers is looked up on `loop`."""
    warm_up()
    now = datetime.now(UTC)
    pki = DevPki.open_or_create(folder / "pki", now=now)
    person = pki.issue_person(SIGNER, agency_name=AGENCY)
    options = VerifyOptions(trust=pki.trust, compare_pages=False)
    made = [*_pdf_cases(person, options, now), *_xml_cases(person, options, now)]
    letter = sign_pdf(_letter(PDF_BYTES), person, now=now)
    (folder / "letter.pdf").write_bytes(letter)
    made.append(
        Case(
            name="kết quả đã lưu / cached verdict",
            limit=_key_limit(letter, person, verify=True),
            run=remembered(loop, folder / "letter.pdf", pki.trust_folder, options),
            target=Target(ms=1),
        )
    )
    return made


def _pdf_cases(person: Credential, options: VerifyOptions, now: datetime) -> list[Case]:
    letter = _letter(PDF_BYTES)
    signed = sign_pdf(letter, person, now=now)
    seen = VerifyOptions(trust=options.trust)
    many = signed
    for _ in range(MANY - 1):
        many = append_signature(many, person, now=now).data
    to_sign, to_verify = _key_limit(letter, person, verify=False), _key_limit(signed, person, verify=True)
    half_a_second = Target(ms=0.5)
    return [
        Case(
            name="PAdES B-B, ký / sign",
            limit=to_sign,
            run=lambda: append_signature(letter, person, now=now),
            target=Target(ms=12, ratio=35),
        ),
        Case(
            name="PAdES B-B, ký và xem lại / sign and look again",
            limit=to_sign,
            run=lambda: sign_pdf(letter, person, now=now),
            target=Target(ms=25),
        ),
        Case(
            name="PDF, còn nguyên không / integrity",
            limit=to_verify,
            run=lambda: check(signed),
            target=half_a_second,
        ),
        Case(
            name="PDF, kiểm tra đầy đủ / validate",
            limit=to_verify,
            run=lambda: _verified(signed, options),
            target=Target(ms=6),
        ),
        Case(name="PDF, kèm so trang / with pages", limit=to_verify, run=lambda: _verified(signed, seen)),
        Case(
            name=f"PDF, {MANY} chữ ký / signatures",
            limit=to_verify,
            run=lambda: _verified(many, options),
            target=Target(ms=6 * MANY),
            rounds_share=LARGE_ROUNDS_SHARE,
        ),
    ]


def _xml_cases(person: Credential, options: VerifyOptions, now: datetime) -> list[Case]:
    small, large = _message(XML_BYTES), _message(LARGE_XML_BYTES)
    signed, signed_large = sign_xml(small, person, now=now), sign_xml(large, person, now=now)
    return [
        Case(
            name="XAdES B-B 300 KB, ký / sign",
            limit=lambda: xml_floor(small),
            run=lambda: make_signature(small, person, now=now),
            target=Target(ratio=4),
        ),
        Case(
            name="XAdES B-B 300 KB, ký và xem lại / sign and look again",
            limit=lambda: xml_floor(small),
            run=lambda: sign_xml(small, person, now=now),
        ),
        Case(
            name="XAdES 300 KB, kiểm tra / verify",
            limit=lambda: xml_floor(signed),
            run=lambda: _verified(signed, options),
            target=Target(ratio=3),
        ),
        Case(
            name="XAdES 7 MB, kiểm tra / verify",
            limit=lambda: xml_floor(signed_large),
            run=lambda: _verified(signed_large, options),
            target=Target(ratio=1.6),
            rounds_share=LARGE_ROUNDS_SHARE,
        ),
    ]


def xml_floor(data: bytes) -> bytes:
    """The least that an XML signature costs: parse, canonical form, hash."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    tree = etree.fromstring(data, parser).getroottree()
    return hashlib.sha256(etree.tostring(tree, method="c14n", exclusive=True)).digest()


def _key_limit(data: bytes, person: Credential, *, verify: bool) -> Operation:
    """One hash over the file and one key operation."""
    key = person.key
    assert isinstance(key, rsa.RSAPrivateKey)  # issued so by the development PKI
    public, value = key.public_key(), key.sign(b"x", padding.PKCS1v15(), hashes.SHA256())

    def signing() -> None:
        key.sign(hashlib.sha256(data).digest(), padding.PKCS1v15(), hashes.SHA256())

    def verifying() -> None:
        hashlib.sha256(data).digest()
        public.verify(value, b"x", padding.PKCS1v15(), hashes.SHA256())

    return verifying if verify else signing


def _verified(data: bytes, options: VerifyOptions) -> None:
    report = verify_bytes(data, name="", options=options)
    if not report.signatures or not all(s.intact for s in report.signatures):
        raise RuntimeError(f"the measured file does not verify: {report.indication}")


def _letter(size: int) -> bytes:
    """A letter as an office writes it, made larger by a stream such as a scanned seal would be."""
    pdf = make_letter(
        governing_body="Ủy ban nhân dân thành phố Bến Cát",
        issuing_body=AGENCY,
        code_number="123",
        code_notation="UBND-VP",
        place="Thới Hòa",
        issued_on=datetime.now(UTC).date(),
        subject="đo tốc độ ký số",
        addressees=["Ủy ban nhân dân thành phố Bến Cát"],
        paragraphs=["Thực hiện Kế hoạch số 45/KH-UBND, Ủy ban nhân dân phường báo cáo như sau."],
        signing_authority="TM. Ủy ban nhân dân",
        signer_title="Chủ tịch",
        signer_name=SIGNER,
        copies_to=["Như trên", "Lưu: VT"],
    )
    writer, out = IncrementalPdfFileWriter(io.BytesIO(pdf)), io.BytesIO()
    writer.add_object(generic.StreamObject(stream_data=os.urandom(max(size - len(pdf), 1))))
    writer.write(out)  # type: ignore[no-untyped-call]
    return out.getvalue()


def _message(size: int) -> bytes:
    """An edXML message with one attachment."""
    made = message(1, int(size / BASE64_GROWTH))
    parse(made)
    return made
