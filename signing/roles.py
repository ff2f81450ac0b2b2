"""What a signature is for, guessed from its place and its certificate; wording and policy use it, never the
verdict.

Certificate kind comes from attributes alone. Sizes are those of real documents: initials are at most 40 pt
wide, the organisation's stamp is a square of 80 pt or more, text at the top right of page 1 is a copy's,
annex's or incoming mark [NĐ 30/2020 Phụ lục I].
"""

from __future__ import annotations

from enum import StrEnum

from signing.report import CertificateKind, Role

INITIALS_WIDTH, STAMP_SIDE, LINE_HEIGHT, TOP_BAND = 40, 80, 24, 700


class Look(StrEnum):
    """What may be asked for: the roles that a signature can be given."""

    SIGNER = Role.SIGNER.value
    ORGANISATION = Role.ORGANISATION.value
    INITIALS = Role.INITIALS.value
    NUMBER = Role.NUMBER.value
    DATE = Role.DATE.value
    ANNEX = Role.ANNEX.value
    COPY = Role.COPY.value
    INCOMING = Role.INCOMING.value


def guess_role(
    kind: CertificateKind,
    rect: tuple[float, float, float, float] | None,
    page: int | None,
    *,
    document_timestamp: bool = False,
) -> tuple[Role, tuple[str, ...]]:
    """The role and what it rests on."""
    if document_timestamp:
        return Role.TIMESTAMP, ("subfilter",)
    basis = [f"certificate:{kind.value}"] if kind is not CertificateKind.UNKNOWN else []
    if rect is not None:
        width, height = rect[2] - rect[0], rect[3] - rect[1]
        if width <= INITIALS_WIDTH and kind is not CertificateKind.ORGANISATION:
            return Role.INITIALS, (*basis, "field:narrow")
        if height <= LINE_HEIGHT and page == 1 and rect[1] >= TOP_BAND:
            right_half = rect[0] > 260
            return (Role.ANNEX if right_half else Role.NUMBER), (*basis, "field:line-at-top")
        square = abs(width - height) <= 0.15 * max(width, height) and min(width, height) >= STAMP_SIDE
        if square and kind is not CertificateKind.PERSON:
            return Role.ORGANISATION, (*basis, "field:square")
    if kind is CertificateKind.PERSON:
        return Role.SIGNER, tuple(basis)
    if kind is CertificateKind.ORGANISATION:
        return Role.ORGANISATION, tuple(basis)
    return Role.UNKNOWN, ()
