"""What `lienthong doctor` says about the folders of systems: as the nodes that watch them have found them."""

from __future__ import annotations

import shlex
from typing import Final

from hub.cli.findings import Finding, well, wrong
from hub.cli.times import minute
from hub.ports.folders import FolderState
from hub.ports.unit_of_work import Transaction

WHAT: Final = "Thư mục / folders"
_ADVICE: Final[dict[str, tuple[str, str]]] = {
    "root_unmarked": (
        "thư mục gốc không có dấu .lienthong-root: gắn lại ổ đĩa, hoặc tạo tệp rỗng tên đó nếu đúng thư mục",
        "the root lacks .lienthong-root: mount it, or make an empty file of that name if it is the right one",
    ),
    "root_of_another": (
        "thư mục gốc đang thuộc phần mềm khác. Đặt thiết lập path khác",
        "the root belongs to another system: choose another path",
    ),
    "folder_not_allowed": ("không có quyền đọc ghi. Sửa quyền", "no permission: mend the permissions"),
    "folder_full": ("hết dung lượng. Dọn ổ đĩa", "no space left: make room"),
    "folder_missing": ("thiếu thư mục. Tạo lại", "a folder is missing: make it again"),
    "folder_too_large": (
        "quá nhiều tệp trong một thư mục. Dọn bớt",
        "too many files in one folder: clear it",
    ),
    "sftp_host_key": (
        "khóa của máy chủ đã đổi. Hỏi người quản lý máy chủ trước khi thay thiết lập host_keys",
        "the server's key has changed: ask its administrator before you change host_keys",
    ),
    "sftp_login_refused": (
        "máy chủ từ chối đăng nhập. Đặt lại bí mật bằng `lienthong system secret`",
        "the server refuses the login: set the secret with `lienthong system secret`",
    ),
    "sftp_unreachable": (
        "không kết nối được máy chủ. Kiểm tra host, port và mạng",
        "the server cannot be reached: check host, port and network",
    ),
    "adapter_unusable": (
        "thiết lập hoặc bí mật không dùng được. Chạy `lienthong system test`",
        "a setting or secret cannot be used: run `lienthong system test`",
    ),
}


async def folders(query: Transaction) -> list[Finding]:
    """Look at how watching goes; nothing is said where no system has folders."""
    return [_finding(state) for state in await query.folders.states()]


def _finding(state: FolderState) -> Finding:
    if not state.failures:
        return well(WHAT, f"“{state.name}” ({state.adapter})", f"{state.name} ({state.adapter})")
    code = state.last_error or "folder_failed"
    vi, en = _ADVICE.get(code, (code, code))
    since = "" if state.last_ok_at is None else f", tốt lần cuối {minute(state.last_ok_at)}"
    return wrong(
        WHAT,
        code,
        f"“{state.name}”: {state.failures} lần liền không dùng được ({code}{since}): {vi}.",
        f"{state.name}: {state.failures} rounds in a row failed ({code}): {en}",
        mend=f"lienthong system test {shlex.quote(state.name)}",
    )
