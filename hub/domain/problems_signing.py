"""Problems of signing for systems."""

from __future__ import annotations

from hub.domain.problem import Problem

SIGNING_PROBLEMS: tuple[Problem, ...] = (
    Problem(
        code="signing_forbidden",
        status=403,
        vi="Hệ thống này không được ký bằng khóa này, hoặc trục không cung cấp việc ký số.",
        en="This system may not sign with that key, or the exchange does not offer signing.",
        action_vi="Nhờ quản trị trục cấp quyền dùng khóa.",
        action_en="Ask the administrator for the right to use the key.",
    ),
    Problem(
        code="signing_refused",
        status=422,
        vi="Không ký được tệp này ({reason}).",
        en="The file is not signed ({reason}).",
        action_vi="Xem lý do trong danh sách lỗi; không có tệp nào được tạo ra.",
        action_en="The list of errors says why; nothing was made.",
    ),
    Problem(
        code="signing_key_unusable",
        status=503,
        vi="Khóa ký của trục hiện không dùng được ({reason}).",
        en="The signing key cannot be used now ({reason}).",
        action_vi="Báo quản trị trục: khóa, thiết bị hoặc mã PIN cần được kiểm tra.",
        action_en="Tell the administrator: key, token or PIN must be looked at.",
        retryable=True,
    ),
    Problem(
        code="signing_unfinished",
        status=503,
        vi="Việc ký không hoàn tất trong giới hạn thời gian và bộ nhớ.",
        en="Signing did not end within its limits of time and memory.",
        action_vi="Gửi lại sau thời gian nêu trong Retry-After; nếu lặp lại, báo quản trị trục.",
        action_en="Send again after Retry-After; tell the administrator if it happens again.",
        retryable=True,
    ),
    Problem(
        code="signing_busy",
        status=503,
        vi="Trục đang ký quá nhiều tệp cùng lúc.",
        en="The exchange is signing as many files as it can.",
        action_vi="Gửi lại sau thời gian nêu trong Retry-After.",
        action_en="Send again after Retry-After.",
        retryable=True,
    ),
)
