"""What may be signed, and whether what was signed may be handed out.

Before: a file whose earlier signatures forbid what is about to happen is refused, whoever asks: DocMDP P=1
or a field lock with P=1, FieldMDP over the new field, a field that is signed already, a copy mark on a
signed original (that is forwarded, never copied) [NĐ 30/2020 Đ.25]. A last signature that is TOTAL-FAILED
is refused unless the caller takes it upon itself: signing on top would lend it credit.

After: a second engine looks, the verifier of this package, which shares no code with the library that
signs. The new signature must be TOTAL-PASSED over the whole file and no earlier verdict may have become
worse; otherwise nothing is handed out.
"""

from __future__ import annotations

from typing import Any

from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields
from pyhanko.sign.validation import read_certification_data

from signing.errors import DocumentRefused, SigningFailed
from signing.options import VerifyOptions
from signing.pdf_revisions import is_locked
from signing.pdf_structure import PdfFile, open_pdf
from signing.pdf_verify import verify_pdf
from signing.report import Coverage, FileReport, Indication, Role, SignatureReport, rank
from signing.verify import verify_bytes

# Chains are the business of whoever receives the file; pages get more time than in a queue of letters.
SECOND_LOOK = VerifyOptions(no_trust=True, render_seconds=10)


def refuse_unsignable(reader: PdfFileReader) -> None:
    """Refuse what no signature may be added to, by the file's own structure."""
    if reader.encrypted:
        raise DocumentRefused("the PDF is encrypted", code="pdf_encrypted")
    try:
        form: Any = reader.root["/AcroForm"]
    except KeyError:
        form = {}
    if "/XFA" in form:
        raise DocumentRefused("XFA forms cannot be signed", code="pdf_xfa")
    certification = read_certification_data(reader)
    if certification is not None and certification.permission is fields.MDPPerm.NO_CHANGES:
        raise DocumentRefused("an earlier signature forbids any change", code="pdf_locked")


def refuse_against_signatures(
    file: PdfFile, *, field: str, role: Role | None, force: bool
) -> tuple[SignatureReport, ...]:
    """Refuse what the signatures in the file forbid; their verdicts before signing."""
    if not file.signatures:
        return ()
    before = verify_pdf(file.data, SECOND_LOOK, file=file)[0]
    for signature in file.signatures:
        if signature.docmdp == fields.MDPPerm.NO_CHANGES.value or is_locked(signature, field):
            raise DocumentRefused("an earlier signature forbids another one", code="pdf_locked")
        if signature.field == field:
            raise DocumentRefused(f"the field {field} is signed already", code="field_signed")
    if role is Role.COPY:
        raise DocumentRefused("a copy is made from paper; forward the signed original", code="copy_of_signed")
    if before[-1].indication is Indication.TOTAL_FAILED and not force:
        raise DocumentRefused(
            f"the last signature is {before[-1].indication} ({_codes(before[-1])})",
            code="last_signature_failed",
        )
    return before


def verdicts(pdf: bytes) -> tuple[SignatureReport, ...]:
    """The verdicts of the signatures that are in a file now."""
    file = open_pdf(pdf)
    return verify_pdf(pdf, SECOND_LOOK, file=file)[0] if file.signatures else ()


def look_again(
    made: bytes, *, field: str, before: tuple[SignatureReport, ...], extended: bool = False
) -> FileReport:
    """Verify the signed file; nothing that does not hold is handed out.

    `extended`: long-term data stand behind the signature, which then covers its own revision.
    """
    report = verify_bytes(made, name="", options=SECOND_LOOK)
    place = len(before)
    new = report.signatures[place] if len(report.signatures) > place else None
    if new is None or new.field != field:
        raise SigningFailed("the new signature is not the last one of the file", code="signature_misplaced")
    stamps = report.signatures[place + 1 :]
    if len(stamps) > extended or any(s.format != "DocTimeStamp" for s in stamps):
        raise SigningFailed("the new signature is not the last one of the file", code="signature_misplaced")
    last = report.signatures[-1]
    whole = {Coverage.WHOLE_FILE, Coverage.REVISION} if extended else {Coverage.WHOLE_FILE}
    for made_now in dict.fromkeys((new, last)):
        if made_now.indication is not Indication.TOTAL_PASSED or made_now.covers not in whole:
            raise SigningFailed(
                f"the new signature does not verify: {made_now.indication} ({_codes(made_now)})",
                findings=made_now.findings,
            )
    for old, now in zip(before, report.signatures, strict=False):
        if rank(now.indication) > rank(old.indication):
            raise SigningFailed(
                f"signing would harm the signature in {now.field}: {now.indication} ({_codes(now)})",
                code="earlier_signature_harmed",
                findings=now.findings,
            )
    return report


def _codes(signature: SignatureReport) -> str:
    return ", ".join(f.code for f in signature.findings) or "-"
