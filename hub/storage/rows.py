"""Rows of asyncpg turned into the records of the ports, and back: one place per table family.

asyncpg gives Any for every column: this module is the codec where that ends.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import asyncpg

from hub.domain.binding import Binding, PinnedCertificate
from hub.domain.business import BusinessState
from hub.domain.deadlines import Lane
from hub.domain.submission import MessageKind
from hub.domain.transport import DeliveryState
from hub.ports.records import (
    AttachmentRecord,
    DeliveryRecord,
    DocumentRecord,
    DocumentText,
    Rendition,
    SystemLimits,
    SystemRecord,
)

DOCUMENT_COLUMNS = (
    "id, kind, system_id, from_unit, from_code, document_no, doc_type, status_code, version_no, refers_to, "
    "priority, lane, sha256, size, blob_id, dialect, needs_repair, rendition_blob, rendition_sha256, "
    "rendition_size, attachments, indication, verified_at, body_state, accepted_at"
)
DELIVERY_COLUMNS = (
    "id, document_id, kind, unit_id, system_id, addressed_as, state, lane, decision, reasons, waits_for, "
    "parked_until, attempts, lease_token, lease_until, created_at, alert_at, deadline_at, handed_over_at, "
    "ended_at, business_state, business_before, request_id, redirected_from"
)


def prefixed(columns: str, alias: str, prefix: str = "") -> str:
    """Return a column list qualified with a table alias, each renamed with `prefix` if given."""
    names = [name.strip() for name in columns.split(",")]
    return ", ".join(f"{alias}.{n} AS {prefix}{n}" if prefix else f"{alias}.{n}" for n in names)


def attachments_to_json(attachments: tuple[AttachmentRecord, ...]) -> list[dict[str, object]]:
    """Return attachments as the JSON kept in `document.attachments`."""
    return [
        {
            "index": a.index,
            "name": a.name,
            "media_type": a.media_type,
            "size": a.size,
            "sha256": a.sha256.hex(),
        }
        for a in attachments
    ]


def _attachments(value: list[dict[str, Any]]) -> tuple[AttachmentRecord, ...]:
    return tuple(
        AttachmentRecord(
            index=a["index"],
            name=a["name"],
            media_type=a["media_type"],
            size=a["size"],
            sha256=bytes.fromhex(a["sha256"]),
        )
        for a in value
    )


def document(row: asyncpg.Record, prefix: str = "") -> DocumentRecord:
    """Return a document from a row with DOCUMENT_COLUMNS."""

    def col(name: str) -> Any:
        return row[prefix + name]

    rendition = None
    if col("rendition_blob") is not None:
        rendition = Rendition(
            blob_id=col("rendition_blob"), sha256=col("rendition_sha256"), size=col("rendition_size")
        )
    return DocumentRecord(
        id=col("id"),
        kind=MessageKind(col("kind")),
        system_id=col("system_id"),
        from_unit=col("from_unit"),
        from_code=col("from_code"),
        document_no=col("document_no"),
        doc_type=col("doc_type"),
        status_code=col("status_code"),
        version_no=col("version_no"),
        refers_to=col("refers_to"),
        priority=col("priority"),
        lane=Lane(col("lane")),
        sha256=col("sha256"),
        size=col("size"),
        blob_id=col("blob_id"),
        dialect=col("dialect"),
        needs_repair=col("needs_repair"),
        rendition=rendition,
        attachments=_attachments(col("attachments")),
        indication=col("indication"),
        verified=col("verified_at") is not None,
        body_kept=col("body_state") == "kept",
        accepted_at=col("accepted_at"),
    )


def delivery(row: asyncpg.Record, prefix: str = "") -> DeliveryRecord:
    """Return a delivery from a row with DELIVERY_COLUMNS."""

    def col(name: str) -> Any:
        return row[prefix + name]

    def business(name: str) -> BusinessState | None:
        return None if col(name) is None else BusinessState(col(name))

    return DeliveryRecord(
        id=col("id"),
        document_id=col("document_id"),
        kind=MessageKind(col("kind")),
        unit_id=col("unit_id"),
        system_id=col("system_id"),
        addressed_as=tuple(col("addressed_as")),
        state=DeliveryState(col("state")),
        lane=Lane(col("lane")),
        decision=col("decision"),
        reasons=tuple(col("reasons")),
        waits_for=col("waits_for"),
        parked_until=col("parked_until"),
        attempts=col("attempts"),
        lease_token=col("lease_token"),
        lease_until=col("lease_until"),
        created_at=col("created_at"),
        alert_at=col("alert_at"),
        deadline_at=col("deadline_at"),
        handed_over_at=col("handed_over_at"),
        ended_at=col("ended_at"),
        business_state=business("business_state"),
        business_before=business("business_before"),
        request_id=col("request_id"),
        redirected_from=col("redirected_from"),
    )


def text(row: asyncpg.Record, prefix: str = "") -> DocumentText:
    """Return the words of a document; empty ones if they were erased (LEFT JOIN gave NULLs)."""
    if row[prefix + "salt"] is None:
        return DocumentText(salt=b"")
    return DocumentText(
        salt=row[prefix + "salt"],
        code=row[prefix + "code"],
        subject=row[prefix + "subject"],
        from_name=row[prefix + "from_name"],
        promulgated=row[prefix + "promulgated"],
        type_name=row[prefix + "type_name"],
        description=row[prefix + "description"],
    )


TEXT_COLUMNS = "salt, code, subject, from_name, promulgated, type_name, description"


def system(row: asyncpg.Record, prefix: str = "") -> SystemRecord:
    """Return a system from its row."""
    policy: dict[str, Any] = row[prefix + "policy"]
    return SystemRecord(
        id=row[prefix + "id"],
        name=row[prefix + "name"],
        adapter=row[prefix + "adapter"],
        dialects=tuple(row[prefix + "dialects"]),
        policy=tuple(sorted((str(k), str(v)) for k, v in policy.items())),
        active=row[prefix + "state"] == "active",
        settings=tuple(sorted((str(k), str(v)) for k, v in row[prefix + "adapter_settings"].items())),
        binding=binding_from_json(row[prefix + "binding"]),
        limits=SystemLimits(
            intake_at_once=row[prefix + "intake_at_once"], calls_per_minute=row[prefix + "calls_per_minute"]
        ),
    )


def binding_to_json(binding: Binding) -> dict[str, object]:
    """Return a binding as the JSON kept in `system.binding`."""
    return {
        "certificates": [
            {"sha256": c.sha256.hex(), "from": _moment(c.valid_from), "to": _moment(c.valid_to)}
            for c in binding.certificates
        ],
        "networks": list(binding.networks),
    }


def binding_from_json(value: dict[str, Any]) -> Binding:
    """Return a binding from its JSON."""
    return Binding(
        certificates=tuple(
            PinnedCertificate(
                sha256=bytes.fromhex(c["sha256"]),
                valid_from=c["from"] and datetime.fromisoformat(c["from"]),
                valid_to=c["to"] and datetime.fromisoformat(c["to"]),
            )
            for c in value.get("certificates", ())
        ),
        networks=tuple(value.get("networks", ())),
    )


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


SYSTEM_COLUMNS = (
    "id, name, adapter, adapter_settings, dialects, policy, state, binding, intake_at_once, calls_per_minute"
)


def count_of(status: str) -> int:
    """Return the number of rows in a command tag such as `UPDATE 3`."""
    return int(status.rsplit(" ", 1)[-1])
