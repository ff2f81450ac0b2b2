"""What the hub says about a file that it does not take: one small JSON file beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from hub.domain.problems import HubError
from hub.services.receive import MessageRefused
from schemas.issues import Issue


@dataclass(frozen=True, slots=True, kw_only=True)
class FileProblem:
    """Why a file was refused, in words for the people of the DMS."""

    code: str
    vi: str
    en: str
    action_vi: str
    action_en: str
    issues: Sequence[Issue] = ()

    def json(self, name: str) -> bytes:
        """Return the problem file of a file of this name."""
        facts = {
            "version": 1,
            "file": name,
            "code": self.code,
            "vi": self.vi,
            "en": self.en,
            "action_vi": self.action_vi,
            "action_en": self.action_en,
            "issues": [{"code": i.code, "path": i.path, "vi": i.vi, "en": i.en} for i in self.issues],
        }
        return orjson.dumps(facts, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def problem_of(error: HubError) -> FileProblem:
    """Return what the hub's refusal says."""
    return FileProblem(
        code=error.code,
        vi=error.text("vi"),
        en=error.text("en"),
        action_vi=error.action("vi"),
        action_en=error.action("en"),
        issues=error.issues if isinstance(error, MessageRefused) else (),
    )


_WRITE_AGAIN_VI: Final = "Ghi lại trọn vẹn tệp dưới tên tạm (.part), rồi đổi tên thành .edxml."
_WRITE_AGAIN_EN: Final = "Write the whole file under a temporary name (.part), then rename it to .edxml."

INCOMPLETE: Final = FileProblem(
    code="file_incomplete",
    vi="Tệp dở dang: đã lâu không được ghi tiếp mà vẫn chưa trọn vẹn.",
    en="The file is unfinished: nothing has been added for a long time and it is not whole.",
    action_vi=_WRITE_AGAIN_VI,
    action_en=_WRITE_AGAIN_EN,
)
NOT_PLAIN: Final = FileProblem(
    code="file_not_plain",
    vi="Không phải tệp thường (liên kết, thư mục, thiết bị, hoặc tệp có nhiều tên).",
    en="This is no plain file (a link, a folder, a device, or a file with several names).",
    action_vi="Chép chính nội dung tệp vào thư mục out.",
    action_en="Put the file itself into the out folder.",
)
NAME_UNSAFE: Final = FileProblem(
    code="file_name_unsafe",
    vi="Tên tệp quá dài hoặc có ký tự không được phép.",
    en="The file's name is too long or has characters that are not allowed.",
    action_vi="Đặt tên khác (tối đa 200 byte, không có ký tự điều khiển, / hay \\) rồi gửi lại.",
    action_en="Choose another name (at most 200 bytes, no control characters, no / or \\) and send again.",
)
ANSWER_UNKNOWN: Final = FileProblem(
    code="answer_unknown",
    vi="Tệp trả lời không ứng với văn bản nào đã giao cho phần mềm này.",
    en="The answer belongs to no document that was delivered to this system.",
    action_vi="Đặt tên tệp trả lời đúng theo mục “confirm” hoặc “reject” trong tệp .json của văn bản.",
    action_en='Name the answer as "confirm" or "reject" in the document\'s .json file say.',
)
