"""The calls about signatures: verify a file or a document, fetch a report in the form one needs."""

from __future__ import annotations

from typing import Final

from hub.web.api import signatures
from hub.web.operation import JSON_ARRAY, Operation, Query

SIGNATURE_OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation(
        method="POST",
        path="/api/v1/signatures/verify",
        name="verifySignatures",
        summary_vi="Kiểm tra chữ ký số của một tệp hoặc một văn bản; không lưu lại gì",
        summary="Verify the signatures of a file, or of a document of one's own; nothing is kept",
        handler=signatures.verify,
        body="file",
        answers={200: None},
        media_type=JSON_ARRAY,
        queries=(Query(name="name", type="string", text="Name of the file in its report."),),
        problems=(
            *("body_empty", "body_too_large", "body_too_slow", "body_cut", "parts_invalid"),
            *("document_unknown", "system_busy", "verification_busy", "hub_stopping", "storage_unavailable"),
        ),
        variants=(signatures.PDF, signatures.XML),
    ),
    Operation(
        method="GET",
        path="/api/v1/documents/{document_id}/signatures/{position}",
        name="showSignatureReport",
        summary_vi="Kết quả kiểm tra chữ ký số của một tệp đính kèm",
        summary="The stored signature report of one attachment, also printable and as ETSI XML",
        handler=signatures.stored,
        answers={200: None},
        media_type=JSON_ARRAY,
        queries=(Query(name="version", type="integer", text="An earlier version; without it the newest."),),
        problems=("document_unknown", "system_busy", "verification_busy", "storage_unavailable"),
        variants=(signatures.PDF, signatures.XML),
    ),
)
