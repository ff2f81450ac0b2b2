"""`lienthong bench signatures`: what signing and verifying cost, as a ratio to what they cost at least.

The limit of a PDF signature is one hash over the file and one key operation; that of an XML signature is one
parse, one canonical form and one hash. Limit and operation are measured in turns, round by round, so that
both meet the same load of a shared machine; medians are compared. Nothing here waits for disk or network, so
the processor's time is judged: it is what a core of one's own would show, and the time on the clock, shown
beside it, is that of the machine's other work. Keys, certificates and modules are loaded
before, as in a running hub; nothing else is remembered between rounds but what a hub remembers between files.
"""

from __future__ import annotations

import gc
import hashlib
import io
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from lxml import etree
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from adapters.simulator.letter import make_letter
from hub.cli.bench import message
from signing.credentials import Credential
from signing.devpki import DevPki
from signing.integrity import check
from signing.options import VerifyOptions
from signing.pades import append_signature, sign_pdf
from signing.verify import verify_bytes
from signing.warm import warm_up
from signing.xades_sign import make_signature, sign_xml
from signing.xml_parse import parse

ROUNDS: Final = 30
LARGE_ROUNDS_SHARE: Final = 3
PDF_BYTES, XML_BYTES, LARGE_XML_BYTES = 200 * 1024, 300_000, 7_000_000
MANY: Final = 25
BASE64_GROWTH: Final = 4 / 3
SIGNER, AGENCY = "Nguyễn Văn Ẩn", "Ủy ban nhân dân phường Thới Hòa"
Operation = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is asked for: milliseconds, or a multiple of the limit; either of the two is enough."""

    ms: float | None = None
    ratio: float | None = None

    def met(self, ms: float, ratio: float) -> bool:
        """Whether the figures reach it."""
        return (self.ms is not None and ms <= self.ms) or (self.ratio is not None and ratio <= self.ratio)

    def __str__(self) -> str:
        parts = [f"{self.ms:g} ms"] if self.ms is not None else []
        return " / ".join([*parts, *([f"{self.ratio:g}×"] if self.ratio is not None else [])])


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing to measure against its limit."""

    name: str
    limit: Operation
    run: Operation
    target: Target | None = None
    rounds_share: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Medians of one case: the processor's time, and the clock's."""

    name: str
    ms: float
    clock_ms: float
    limit_ms: float
    ratio: float
    target: str | None
    met: bool | None


def signatures(
    rounds: Annotated[int, typer.Option("--rounds", min=3, help="Số lần đo mỗi việc.")] = ROUNDS,
    as_json: Annotated[bool, typer.Option("--json", help="In JSON.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Mã thoát 1 nếu không đạt một mục tiêu.")] = False,
) -> None:
    """Đo tốc độ ký và kiểm tra chữ ký, so với giới hạn của máy (measure signing and verifying)."""
    with tempfile.TemporaryDirectory() as folder:
        figures = [measure(case, rounds) for case in cases(Path(folder))]
    if as_json:
        print(json.dumps([asdict(f) for f in figures], ensure_ascii=False, indent=2))
    else:
        _print(figures, rounds)
    if strict and any(f.met is False for f in figures):
        raise typer.Exit(1)


def measure(case: Case, rounds: int) -> Figure:
    """Limit and operation in turns; the first round of both does not count."""
    limits: list[tuple[float, float]] = []
    runs: list[tuple[float, float]] = []
    gc.collect()
    for place in range(max(3, rounds // case.rounds_share) + 1):
        for operation, times in ((case.limit, limits), (case.run, runs)):
            took = _timed(operation)
            if place:
                times.append(took)
    limit, run = statistics.median(t[0] for t in limits), statistics.median(t[0] for t in runs)
    return Figure(
        name=case.name,
        ms=run,
        clock_ms=statistics.median(t[1] for t in runs),
        limit_ms=limit,
        ratio=run / limit,
        target=str(case.target) if case.target else None,
        met=case.target.met(run, run / limit) if case.target else None,
    )


def _timed(operation: Operation) -> tuple[float, float]:
    clock, processor = time.perf_counter(), time.process_time()
    operation()
    return (time.process_time() - processor) * 1000, (time.perf_counter() - clock) * 1000


def cases(folder: Path, *, cached: Operation | None = None) -> list[Case]:
    """Everything that is measured; `cached` looks a verdict up that was given before, if there is a store."""
    warm_up()
    now = datetime.now(UTC)
    pki = DevPki.open_or_create(folder / "pki", now=now)
    person = pki.issue_person(SIGNER, agency_name=AGENCY)
    options = VerifyOptions(trust=pki.trust, compare_pages=False)
    made = [*_pdf_cases(person, options, now), *_xml_cases(person, options, now)]
    if cached is not None:
        limit = _key_limit(_letter(PDF_BYTES), person, verify=True)
        made.append(
            Case(name="kết quả đã lưu / cached verdict", limit=limit, run=cached, target=Target(ms=1))
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


def _print(figures: list[Figure], rounds: int) -> None:
    print(f"trung vị của {rounds} lần, giới hạn đo xen kẽ / medians, limit measured in turns")
    width = max(len(f.name) for f in figures)
    for figure in figures:
        state = {None: "", True: "đạt / met", False: "KHÔNG ĐẠT / MISSED"}[figure.met]
        print(
            f"{figure.name:<{width}}  {figure.ms:8.2f} ms ({figure.clock_ms:8.2f})   "
            f"giới hạn {figure.limit_ms:7.2f} ms   "
            f"tỷ lệ {figure.ratio:6.2f}   mục tiêu {figure.target or '-':<14} {state}"
        )
