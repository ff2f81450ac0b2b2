"""Routes of what vendors use while they connect, and systems after a restore."""

from __future__ import annotations

from typing import Final

from hub.web import models_kit as m
from hub.web.api import kit
from hub.web.operation import Operation, Query

KIT_OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation(
        method="POST",
        path="/api/v1/validate",
        name="validateMessage",
        summary_vi="Kiểm tra một thông điệp edXML, không lưu gì",
        summary="Say what is wrong with an edXML message, and keep nothing of it",
        handler=kit.validate,
        body="message",
        answers={200: m.ValidationOut},
        queries=(Query(name="name", type="string", text="How the answer calls the message."),),
        problems=(
            *("body_empty", "body_too_large", "body_too_slow", "body_cut", "media_type_unsupported"),
            *("system_busy", "intake_busy", "hub_stopping", "storage_unavailable"),
        ),
    ),
    Operation(
        method="GET",
        path="/api/v1/inbox/history",
        name="listHistory",
        summary_vi="Những gì đã xác nhận nhận kể từ một thời điểm",
        summary="What the caller has confirmed since a moment, for a system that was restored",
        handler=kit.history,
        answers={200: m.HistoryOut},
        queries=(
            Query(
                name="since",
                type="string",
                text="A date (its beginning in Vietnam) or an RFC 3339 time.",
                required=True,
            ),
            Query(name="after", type="string", text="The cursor: `next` of the last page."),
            Query(name="limit", type="integer", text="At most so many."),
        ),
    ),
    Operation(
        method="POST",
        path="/api/v1/inbox/{delivery_id}/replay",
        name="replayDelivery",
        summary_vi="Tải lại nội dung đã xác nhận nhận",
        summary="The message of a confirmed delivery again, under the same id; put on record",
        handler=kit.replay,
        answers={200: None},
        problems=("delivery_unknown", "delivery_not_confirmed", "content_erased", "storage_unavailable"),
    ),
)
