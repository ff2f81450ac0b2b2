"""Every route of the hub, declared once: the application and the OpenAPI document are made from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal

from aiohttp import web
from pydantic import BaseModel

from hub.web import models as m
from hub.web.api import documents, inbox, public, statuses

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A parameter in the query of a call."""

    name: str
    type: Literal["integer", "string"]
    text: str
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One call: `answers` maps status codes to models (None: bytes of `media_type`)."""

    method: str
    path: str
    name: str
    summary_vi: str
    summary: str
    handler: Handler
    answers: dict[int, type[BaseModel] | None]
    body: type[BaseModel] | Literal["edxml"] | None = None
    body_required: bool = True
    queries: tuple[Query, ...] = ()
    problems: tuple[str, ...] = ()
    open_to_all: bool = False
    media_type: str = "application/xml"


_CONTENT = (
    "not_xml",
    "doctype_forbidden",
    "namespace_wrong",
    "from_missing",
    "to_missing",
    "response_for_missing",
    "document_id_missing",
    "code_missing",
    "status_code_unknown",
    "business_type_unknown",
    "base64_invalid",
    "archive_unsafe",
    "message_too_large",
    "attachment_shape_unknown",
    "attachment_too_large",
    "too_many_attachments",
    "too_many_recipients",
    "skeleton_too_large",
    "too_deep",
    "too_many_elements",
    "encoding_unsupported",
    "message_kind_unknown",
)
_INTAKE = (
    "body_empty",
    "body_too_large",
    "body_too_slow",
    "body_cut",
    "sender_not_allowed",
    "recipient_unknown",
    "recipient_locked",
    "recipient_retired",
    "recipient_has_no_system",
    "successor_loop",
    "successor_ambiguous",
    "no_relay",
    "document_conflict",
    "idempotency_conflict",
    "secrecy_mark",
    "system_busy",
    "intake_busy",
    "disk_low",
    "backlog_full",
    "hub_stopping",
    "storage_unavailable",
    "database_unavailable",
)
_LEASED = ("delivery_unknown", "lease_lost", "delivery_ended")
_DOCUMENT = ("document_unknown",)
_PAGE = (Query(name="limit", type="integer", text="At most so many."),)

OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation(
        method="POST",
        path="/api/v1/documents",
        name="sendDocument",
        summary_vi="Gửi văn bản hoặc gói trạng thái (edXML)",
        summary="Send an edXML message, or a document as metadata and files; the answer is its receipt",
        handler=documents.submit,
        body="edxml",
        answers={201: m.Receipt, 200: m.Receipt},
        problems=(*_INTAKE, "media_type_unsupported", "parts_invalid", *_CONTENT),
    ),
    Operation(
        method="GET",
        path="/api/v1/documents/{document_id}",
        name="showDocument",
        summary_vi="Xem văn bản và trạng thái các nơi nhận",
        summary="Show a document and where its deliveries stand",
        handler=documents.show,
        answers={200: m.DocumentOut},
        problems=_DOCUMENT,
    ),
    Operation(
        method="GET",
        path="/api/v1/documents/{document_id}/receipt",
        name="showReceipt",
        summary_vi="Lấy lại biên nhận",
        summary="The receipt given for a document, byte for byte",
        handler=documents.receipt,
        answers={200: m.Receipt},
        problems=_DOCUMENT,
    ),
    Operation(
        method="GET",
        path="/api/v1/documents/{document_id}/timeline",
        name="showTimeline",
        summary_vi="Nhật ký của văn bản",
        summary="Everything that happened to a document",
        handler=documents.timeline,
        answers={200: m.Timeline},
        problems=_DOCUMENT,
    ),
    Operation(
        method="GET",
        path="/api/v1/documents/{document_id}/evidence",
        name="showEvidence",
        summary_vi="Chứng cứ do trục ký",
        summary="Statements of the hub about a document, signed",
        handler=documents.evidence,
        answers={200: m.EvidenceList},
        problems=_DOCUMENT,
    ),
    Operation(
        method="GET",
        path="/api/v1/documents/{document_id}/signatures",
        name="showSignatures",
        summary_vi="Kết quả kiểm tra chữ ký số",
        summary="The signature reports of a document's attachments",
        handler=documents.signatures,
        answers={200: m.SignatureReports},
        problems=_DOCUMENT,
    ),
    Operation(
        method="GET",
        path="/api/v1/documents/{document_id}/content",
        name="fetchOriginal",
        summary_vi="Bản gốc đã gửi (dành cho nơi gửi)",
        summary="The original bytes, for the sender",
        handler=documents.original,
        answers={200: None},
        problems=_DOCUMENT,
    ),
    Operation(
        method="POST",
        path="/api/v1/documents/{document_id}/recall",
        name="recallDocument",
        summary_vi="Lấy lại văn bản đã gửi",
        summary="Withdraw what has not left the hub, ask for what has (status 13)",
        handler=statuses.recall,
        body=m.RecallRequest,
        answers={200: m.RecallAnswer},
        problems=(*_DOCUMENT, "reason_missing", *_INTAKE),
    ),
    Operation(
        method="GET",
        path="/api/v1/events",
        name="listEvents",
        summary_vi="Sự kiện theo con trỏ",
        summary="Events about the caller's documents and deliveries after a cursor",
        handler=documents.events,
        answers={200: m.EventPage},
        queries=(Query(name="after", type="integer", text="The cursor: `next` of the last page."), *_PAGE),
    ),
    Operation(
        method="POST",
        path="/api/v1/statuses",
        name="sendStatus",
        summary_vi="Báo trạng thái xử lý, hoặc yêu cầu lấy lại",
        summary="Say a business status, or ask for a document back",
        handler=statuses.submit,
        body=m.StatusRequest,
        answers={201: m.Receipt, 200: m.Receipt},
        problems=(*_DOCUMENT, "status_not_allowed", "reason_missing", *_INTAKE),
    ),
    Operation(
        method="GET",
        path="/api/v1/inbox",
        name="listInbox",
        summary_vi="Văn bản đến đang chờ",
        summary="What the caller may lease now; with `wait`, held until there is something",
        handler=inbox.inbox,
        answers={200: m.InboxPage},
        queries=(
            Query(name="wait", type="integer", text="Seconds to wait for something, at most 25."),
            Query(name="unit", type="string", text="Only this unit's deliveries."),
            *_PAGE,
        ),
    ),
    Operation(
        method="POST",
        path="/api/v1/inbox/{delivery_id}/lease",
        name="leaseDelivery",
        summary_vi="Nhận giữ một văn bản đến",
        summary="Take a delivery for a while",
        handler=inbox.lease,
        body=m.LeaseRequest,
        body_required=False,
        answers={200: m.LeaseOut},
        problems=("delivery_unknown", "lease_held", "delivery_not_open", "delivery_ended"),
    ),
    Operation(
        method="GET",
        path="/api/v1/inbox/{delivery_id}/content",
        name="fetchContent",
        summary_vi="Tải nội dung văn bản đang giữ",
        summary="The message, for the holder of the lease",
        handler=inbox.content,
        answers={200: None},
        queries=(Query(name="lease_token", type="integer", text="The token of the lease.", required=True),),
        problems=_LEASED,
    ),
    Operation(
        method="POST",
        path="/api/v1/inbox/{delivery_id}/renew",
        name="renewLease",
        summary_vi="Gia hạn giữ",
        summary="Prolong a lease",
        handler=inbox.renew,
        body=m.RenewRequest,
        answers={200: m.RenewOut},
        problems=_LEASED,
    ),
    Operation(
        method="POST",
        path="/api/v1/inbox/{delivery_id}/confirm",
        name="confirmDelivery",
        summary_vi="Xác nhận đã nhận",
        summary="Say that the recipient has the document; idempotent",
        handler=inbox.confirm,
        body=m.TokenRequest,
        answers={200: m.DeliveryState},
        problems=_LEASED,
    ),
    Operation(
        method="POST",
        path="/api/v1/inbox/{delivery_id}/reject",
        name="rejectDelivery",
        summary_vi="Trả lại, có lý do",
        summary="Give a delivery back for good, with a reason",
        handler=inbox.reject,
        body=m.RejectRequest,
        answers={200: m.DeliveryState},
        problems=(*_LEASED, "reason_missing"),
    ),
    Operation(
        method="GET",
        path="/api/v1/directory",
        name="searchDirectory",
        summary_vi="Danh bạ cơ quan",
        summary="Agencies whose code or name contains `q`",
        handler=public.directory,
        answers={200: m.DirectoryPage},
        queries=(
            Query(name="q", type="string", text="Part of a code or name."),
            Query(name="offset", type="integer", text="Skip so many."),
            *_PAGE,
        ),
    ),
    Operation(
        method="GET",
        path="/api/v1/keys",
        name="listKeys",
        summary_vi="Khóa công khai của trục",
        summary="The hub's public keys (JWK set), to check receipts and evidence",
        handler=public.keys,
        answers={200: m.KeySet},
        open_to_all=True,
    ),
    Operation(
        method="GET",
        path="/metrics",
        name="metrics",
        summary_vi="Số đo của tiến trình (Prometheus)",
        summary="Metrics of this process, for Prometheus",
        handler=public.metrics,
        answers={200: None},
        media_type="text/plain",
        open_to_all=True,
    ),
    Operation(
        method="GET",
        path="/healthz",
        name="alive",
        summary_vi="Tiến trình còn sống",
        summary="The process answers",
        handler=public.alive,
        answers={200: m.Health},
        open_to_all=True,
    ),
    Operation(
        method="GET",
        path="/readyz",
        name="ready",
        summary_vi="Nút sẵn sàng nhận văn bản",
        summary="This node takes in documents",
        handler=public.ready,
        answers={200: m.Health, 503: m.Health},
        open_to_all=True,
    ),
)
