"""What is known of trust anchors beside their keys: for what, when, and with which old algorithms.

Rules are TOML, one `[[anchor]]` per SHA-256 fingerprint; they never make a certificate trusted, they only
narrow what an installed one is trusted for. The list is append-only: an old root is not removed, it is
closed for new signatures by `until`, so that old documents stay verifiable.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import Any

from signing.errors import UsageError


class Purpose(StrEnum):
    """What an anchor is trusted for; the three are separate.

    `ocsp` trusts a responder for certificates of any issuer and is never assumed: responders are usually
    authorised by the issuer of the certificate.
    """

    DOCUMENT = "document"
    TIMESTAMP = "timestamp"
    OCSP = "ocsp"


DEFAULT_PURPOSES = frozenset({Purpose.DOCUMENT, Purpose.TIMESTAMP})


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorRule:
    """One anchor's rule."""

    name: str
    sha256: str
    purposes: frozenset[Purpose] = DEFAULT_PURPOSES
    since: datetime | None = None
    until: datetime | None = None
    sha1_until: datetime | None = None
    generation: str = ""


KNOWN_ANCHORS = Path(__file__).parents[1] / "certs" / "known-anchors.toml"


@functools.cache
def known_anchors() -> Mapping[str, AnchorRule]:
    """The project's list of known anchors by fingerprint."""
    return load_rules(KNOWN_ANCHORS)


def load_rules(path: Path) -> dict[str, AnchorRule]:
    """The rules of a file by fingerprint (lower-case hex)."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        rules = [_rule(entry) for entry in document.get("anchor", [])]
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"cannot read the anchor list {path}: {error}", code="anchor_list") from error
    return {rule.sha256: rule for rule in rules}


def _rule(entry: Mapping[str, Any]) -> AnchorRule:
    fingerprint = str(entry["sha256"]).replace(":", "").lower()
    if len(bytes.fromhex(fingerprint)) != 32:
        raise ValueError(f"{fingerprint} is no SHA-256 fingerprint")
    return AnchorRule(
        name=str(entry["name"]),
        sha256=fingerprint,
        purposes=frozenset(Purpose(p) for p in entry.get("purposes", DEFAULT_PURPOSES)),
        since=_moment(entry.get("from"), time.min),
        until=_moment(entry.get("until"), time.max),
        sha1_until=_moment(entry.get("sha1_until"), time.max),
        generation=str(entry.get("generation", "")),
    )


def _moment(day: date | None, at: time) -> datetime | None:
    if day is None:
        return None
    return day.astimezone(UTC) if isinstance(day, datetime) else datetime.combine(day, at, tzinfo=UTC)
