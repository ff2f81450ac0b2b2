"""Where each kind of signature stands and what it shows [NĐ 30/2020 Phụ lục I].

signer        above the signer's name, else below the line of authority (`TM.`, `KT.`, `TL.`, `TUQ.`, `Q.`)
organisation  over the left third of the signature that a person has put there, or of the room for one
initials      beside *Nơi nhận* or the words given
number, date  where the caller says
annex, copy, incoming   top right of page 1, the words given and the time as the decree prints it
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pypdfium2

from signing.appearance import (
    Appearance,
    Place,
    above_name,
    below_authority,
    beside_last_line,
    decree_time,
    over_left_third,
    top_right,
)
from signing.errors import DocumentRefused, UsageError
from signing.options import VerifyOptions
from signing.pdfium_alone import alone
from signing.report import Role
from signing.roles import Look
from signing.verify import verify_bytes

LAST_LINE = "Nơi nhận"


_AUTHORITIES = frozenset({"TM", "KT", "TL", "TUQ", "Q"})
_WORDS = frozenset({Look.NUMBER, Look.DATE, Look.ANNEX, Look.COPY, Look.INCOMING})
_TIMED = frozenset({Look.ANNEX, Look.COPY, Look.INCOMING})


@dataclass(frozen=True, slots=True, kw_only=True)
class LookRequest:
    """A look as asked for; what is left out is found in the file or taken from the certificate."""

    look: Look | None
    text: str | None = None
    anchor: str | None = None
    box: str | None = None
    picture: bytes | None = None


def appearance(pdf: bytes, request: LookRequest, *, holder: str, now: datetime) -> Appearance:
    """The appearance that was asked for, at its place in this file."""
    if request.look is None:
        raise UsageError("text and place need a role", code="role_missing")
    text = request.text or holder
    if request.look in _WORDS:
        if not request.text:
            raise UsageError(f"{request.look} needs a text", code="text_missing")
        text = f"{request.text}; {decree_time(now)}" if request.look in _TIMED else request.text
    place = _box(pdf, request.box) if request.box is not None else _place(pdf, request, text, holder)
    return Appearance(role=Role(request.look.value), place=place, text=text, picture=request.picture)


def _place(pdf: bytes, request: LookRequest, text: str, holder: str) -> Place:
    match request.look:
        case Look.SIGNER:
            return _signers_place(pdf, request.anchor, holder)
        case Look.ORGANISATION:
            return over_left_third(_persons_place(pdf, request.anchor))
        case Look.INITIALS:
            return beside_last_line(pdf, request.anchor or LAST_LINE)
        case Look.ANNEX | Look.COPY | Look.INCOMING:
            return top_right(pdf, text)
        case _:
            raise UsageError(f"{request.look} needs a place", code="place_missing")


def _signers_place(pdf: bytes, anchor: str | None, holder: str) -> Place:
    """Above the signer's name; without it in the text, below the line of authority."""
    if anchor is not None:
        is_authority = anchor.strip().upper().rstrip(".") in _AUTHORITIES
        return below_authority(pdf) if is_authority else above_name(pdf, anchor)
    try:
        return above_name(pdf, holder)
    except DocumentRefused as refusal:
        if refusal.code != "anchor_not_found":
            raise
        return below_authority(pdf)


def _persons_place(pdf: bytes, anchor: str | None) -> Place:
    """The last person's signature in the file; above the anchor if one is given."""
    if anchor is not None:
        return above_name(pdf, anchor)
    report = verify_bytes(pdf, name="", options=VerifyOptions(no_trust=True, compare_pages=False))
    for signature in reversed(report.signatures):
        if signature.role is Role.SIGNER and signature.rect is not None and signature.page is not None:
            left, bottom, right, top = (round(n) for n in signature.rect)
            return Place(page=signature.page - 1, left=left, bottom=bottom, right=right, top=top)
    raise UsageError("no person's signature to stamp over", code="place_missing")


@alone
def _box(pdf: bytes, text: str) -> Place:
    wrong = UsageError(f"no place: {text!r}", code="place_wrong")
    try:
        page, left, bottom, right, top = (int(part) for part in text.split(","))
    except ValueError as error:
        raise wrong from error
    try:
        document = pypdfium2.PdfDocument(pdf)
    except pypdfium2.PdfiumError as error:
        raise DocumentRefused("the file cannot be opened as a PDF", code="not_a_pdf") from error
    try:
        if not 1 <= page <= len(document):
            raise wrong
        width, height = document[page - 1].get_size()
    finally:
        document.close()
    if not (0 <= left < right <= width and 0 <= bottom < top <= height):
        raise wrong
    return Place(page=page - 1, left=left, bottom=bottom, right=right, top=top)
