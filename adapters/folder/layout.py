"""What lies where, for one system:

<root>/.lienthong-root          the hub's mark: a root without it is an unmounted disk, or somebody else's
<root>/<unit>/in/               what the hub delivers: <delivery id>.edxml, then <delivery id>.json
                                what the DMS answers: <delivery id>.confirmed | <delivery id>.rejected
<root>/<unit>/out/              what the DMS sends: NAME.edxml (first NAME.edxml.part, then renamed)
<root>/<unit>/receipts/         NAME.edxml.receipt.json, for each file taken in
<root>/<unit>/done/             files that were taken in
<root>/<unit>/refused/          files that were not, each with NAME.problem.json
<root>/<unit>/taking/           the hub's own: files between `out` and `done`
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import orjson

from adapters.folder.files import folder_of
from hub.ports.exits import Parcel

MARK: Final = ".lienthong-root"
DOCUMENT: Final = ".edxml"
NOTE: Final = ".json"
CONFIRMED: Final = ".confirmed"
REJECTED: Final = ".rejected"
RECEIPT: Final = ".receipt.json"
PROBLEM: Final = ".problem.json"
READY: Final = ".ready"
SENT_SUFFIXES: Final = (".edxml", ".xml")
UNFINISHED_SUFFIXES: Final = (".part", ".tmp", ".filepart")


@dataclass(frozen=True, slots=True)
class UnitFolders:
    """The folders of one unit, relative to the root."""

    unit: str

    def _inside(self, name: str) -> str:
        return f"{folder_of(self.unit)}/{name}"

    @property
    def incoming(self) -> str:
        """What the hub delivers and the DMS answers."""
        return self._inside("in")

    @property
    def outgoing(self) -> str:
        """What the DMS sends."""
        return self._inside("out")

    @property
    def taking(self) -> str:
        """Files between `out` and `done`."""
        return self._inside("taking")

    @property
    def receipts(self) -> str:
        """Receipts of what was taken in."""
        return self._inside("receipts")

    @property
    def done(self) -> str:
        """What was taken in."""
        return self._inside("done")

    @property
    def refused(self) -> str:
        """What was not taken in, and why."""
        return self._inside("refused")

    @property
    def all(self) -> tuple[str, ...]:
        """Every folder of the unit."""
        return (self.incoming, self.outgoing, self.taking, self.receipts, self.done, self.refused)


def is_sent(name: str) -> bool:
    """Whether a name in `out` is that of a complete message."""
    return not name.startswith(".") and name.lower().endswith(SENT_SUFFIXES)


def is_unfinished(name: str) -> bool:
    """Whether a name in `out` is that of a message still being written."""
    return name.lower().endswith(UNFINISHED_SUFFIXES)


def is_answer(name: str) -> bool:
    """Whether a name in `in` is the DMS's answer to a delivery."""
    return not name.startswith(".") and name.lower().endswith((CONFIRMED, REJECTED))


def answered(name: str) -> UUID | None:
    """Return the delivery that an answer's name speaks of, or None."""
    stem = name.rpartition(".")[0]
    try:
        found = UUID(stem)
    except ValueError:
        return None
    return found if str(found) == stem.lower() else None


def note_of(parcel: Parcel) -> bytes:
    """Return the small file beside a delivered document: what a DMS needs to file and answer it."""
    document, content = parcel.document, parcel.content
    delivery_id = str(parcel.delivery_ids[0])
    facts = {
        "version": 1,
        "delivery_id": delivery_id,
        "document_id": str(document.id),
        "file": delivery_id + DOCUMENT,
        "size": content.size,
        "sha256": content.sha256.hex(),
        "original_sha256": content.original_sha256.hex(),
        "is_rendition": content.is_rendition,
        "kind": document.kind.value,
        "status_code": document.status_code,
        "unit": parcel.unit_ids[0],
        "addressed_as": list(parcel.addressed_as[0]),
        "from": document.from_code,
        "document_no": document.document_no,
        "code": parcel.text.code,
        "subject": parcel.text.subject,
        "priority": document.priority,
        "accepted_at": document.accepted_at.isoformat().replace("+00:00", "Z"),
        "deadline_at": (
            None if parcel.deadline_at is None else parcel.deadline_at.isoformat().replace("+00:00", "Z")
        ),
        "confirm": delivery_id + CONFIRMED,
        "reject": delivery_id + REJECTED,
    }
    return orjson.dumps(facts, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
