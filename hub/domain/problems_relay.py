"""Problems of what comes in from the national exchange."""

from __future__ import annotations

from hub.domain.problem import Problem

RELAY_PROBLEMS: tuple[Problem, ...] = (
    Problem(
        code="relay_loop",
        status=409,
        vi="Văn bản đã đi qua trục này một lần rồi quay lại từ trục quốc gia.",
        en="The document has passed through this hub before and came back from the national exchange.",
        action_vi="Xem vì sao nó quay lại, rồi `lienthong relay retry` để nhận hoặc `relay drop` để bỏ.",
        action_en="Find out why it came back; then `lienthong relay retry` to take it or `relay drop`.",
    ),
    Problem(
        code="relay_sender_is_ours",
        status=403,
        vi="Trục quốc gia chuyển đến văn bản ghi nơi gửi {agency} là đơn vị của tỉnh.",
        en="The national exchange has brought a document in the name of {agency}, which is of this province.",
        action_vi="Không nhận. Báo đơn vị vận hành trục quốc gia: có thể có người mạo danh.",
        action_en="It is not taken in. Tell the operator of the national exchange: it may be forged.",
    ),
    Problem(
        code="relay_unreadable",
        status=422,
        vi="Gói tin của trục quốc gia không phải thông điệp edXML.",
        en="The package of the national exchange is no edXML message.",
        action_vi="Xem gói tin đã giữ bằng `lienthong relay quarantined`; đề nghị nơi gửi gửi lại.",
        action_en="Look at the kept package with `lienthong relay quarantined`; have it sent again.",
    ),
)
