"""Whose signature it is: the signer of a file against the sender of the message it came in.

A cryptographically perfect signature of another agency is still not the sender's. What is known of a
certificate counts in this order:

1. a confirmed row of the directory (an administrator said whose it is), within its dates;
2. for an organisation's certificate, its name, compared with the names of the directory: the sender's own, or
   those of another agency. A name alone never makes a certificate somebody's: where it fits it is *proposed*
   to the administrator.

A person's certificate is judged by confirmed rows alone, for its O attribute names the agency it was issued
through, which is often the one above. Refused rows make their certificate unknown for that agency whatever
its name says. Units in one line of succession are one sender.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class CertificateState(StrEnum):
    """How far a certificate of an agency counts."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    REFUSED = "refused"


class SignerKind(StrEnum):
    """Whose certificate it is by its attributes, or by its row."""

    PERSON = "person"
    ORGANISATION = "organisation"
    UNKNOWN = "unknown"


class SignerBond(StrEnum):
    """What a signature has to do with the sender."""

    SENDER = "sender"
    """The sender's, by a confirmed row."""
    NAMED_SENDER = "named_sender"
    """Not confirmed, but the organisation's name is the sender's."""
    UNKNOWN = "unknown"
    """Nothing is known of an organisation's certificate, and its name is nobody's."""
    OTHER = "other"
    """Another agency's, by a confirmed row or by its name."""
    OPEN = "open"
    """A person's, of whom nothing is confirmed; or a signature without a certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgencyCertificate:
    """A certificate that belongs, or is said to belong, to an agency."""

    unit_id: str
    fingerprint: bytes
    kind: SignerKind
    state: CertificateState
    valid_from: datetime | None = None
    valid_to: datetime | None = None

    def counts_at(self, moment: datetime) -> bool:
        """Whether it is confirmed and was the agency's at that time."""
        return (
            self.state is CertificateState.CONFIRMED
            and (self.valid_from is None or self.valid_from <= moment)
            and (self.valid_to is None or moment <= self.valid_to)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """What a signature says of its signer; `at` is its best time."""

    fingerprint: bytes
    kind: SignerKind
    names: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The agency in whose name a message came: its units in one line of succession, and its names."""

    units: frozenset[str]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """The answer. `unit_id` is the other agency; `name_differs` says that a confirmed certificate has
    another name than its agency; `kind` is the row's where there is one."""

    bond: SignerBond
    kind: SignerKind
    unit_id: str | None = None
    name_differs: bool = False


_NOISE: Final = re.compile(r"[^0-9a-z]+")
_SHORT: Final = (("uy ban nhan dan", "ubnd"), ("hoi dong nhan dan", "hdnd"), ("thanh pho", "tp"))


def plain_name(name: str) -> str:
    """A name as it is compared: without case, marks, punctuation, and with the usual short forms."""
    spread = unicodedata.normalize("NFD", name.casefold().replace("đ", "d"))
    bare = "".join(c for c in spread if not unicodedata.combining(c))
    words = " ".join(_NOISE.sub(" ", bare).split())
    for long, short in _SHORT:
        words = words.replace(long, short)
    return words


def bind(
    signer: Signer,
    sender: Sender,
    *,
    rows: Iterable[AgencyCertificate],
    agencies: Collection[tuple[str, str]],
) -> Binding:
    """Whose signature it is. `agencies` are (unit id, plain name) of those that have the signer's name."""
    own = [row for row in rows if row.fingerprint == signer.fingerprint]
    confirmed = [row for row in own if row.counts_at(signer.at)]
    named = {plain_name(name) for name in signer.names if plain_name(name)}
    others = sorted(unit for unit, name in agencies if name in named and unit not in sender.units)
    fits = bool(named & {plain_name(name) for name in sender.names})
    for row in confirmed:
        if row.unit_id in sender.units:
            differs = row.kind is SignerKind.ORGANISATION and not fits
            return Binding(bond=SignerBond.SENDER, kind=row.kind, name_differs=differs)
    if confirmed:
        return Binding(bond=SignerBond.OTHER, kind=confirmed[0].kind, unit_id=confirmed[0].unit_id)
    # Without attributes of a person, a name of the directory makes it an organisation's certificate.
    named_here = signer.kind is SignerKind.UNKNOWN and (fits or bool(others))
    kind = SignerKind.ORGANISATION if named_here else signer.kind
    if kind is not SignerKind.ORGANISATION:
        return Binding(bond=SignerBond.OPEN, kind=kind)
    refused = any(row.state is CertificateState.REFUSED and row.unit_id in sender.units for row in own)
    if fits and not refused:
        return Binding(bond=SignerBond.NAMED_SENDER, kind=kind)
    if others and not fits:
        return Binding(bond=SignerBond.OTHER, kind=kind, unit_id=others[0])
    return Binding(bond=SignerBond.UNKNOWN, kind=kind, name_differs=not fits)
