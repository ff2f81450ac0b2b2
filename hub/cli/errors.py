"""Errors that a person can mend, as sentences that say what to do."""

from __future__ import annotations

from typing import Final

from hub.bootstrap import SchemaOutdated, TrustUnusable
from hub.bootstrap.clock import ClockRefused
from hub.broker.declaring import TopologyConflict
from hub.config import SettingsInvalid
from hub.config.reasons import system_reason
from hub.domain.directory_file import FileUnreadable
from hub.domain.directory_orders import OrderRefused
from hub.domain.problems import HubError
from hub.embedded.errors import EmbeddedPostgresError
from hub.ports.blobs import BlobStoreError
from hub.ports.unit_of_work import DatabaseUnavailable
from hub.services.registry import RegistryError
from hub.storage.migrate import MigrationError
from hub.storage.pool import DatabaseUnfit
from hub.storage.seal_keys import SealKeyError
from hub.storage.secret_box import SecretKeyError
from hub.web.server import PortTaken
from hub.web.tls import TlsUnusable
from signing.errors import PkiDamaged

# Errors that bring their sentences.
_TOLD: Final = (
    RegistryError,
    OrderRefused,
    FileUnreadable,
    EmbeddedPostgresError,
    MigrationError,
    DatabaseUnfit,
    TlsUnusable,
    ClockRefused,
)


def explain(error: BaseException) -> str | None:
    """Return what to tell a person about an error, or None if it is a fault of the program."""
    if isinstance(error, BaseExceptionGroup):
        told = [text for text in map(explain, error.exceptions) if text is not None]
        return "\n".join(dict.fromkeys(told)) if len(told) == len(error.exceptions) else None
    if isinstance(error, _TOLD):
        return _both(error.code, error.vi, error.en)
    if isinstance(error, HubError):
        vi = f"{error.text('vi')} {error.action('vi')}"
        return _both(error.code, vi, f"{error.text('en')} {error.action('en')}")
    if isinstance(error, SettingsInvalid):
        vi = "".join(f"\n  {fault.option}: {fault.reason.vi}" for fault in error.faults)
        en = "".join(f"\n  {fault.option}: {fault.reason.en}" for fault in error.faults)
        return f"Cấu hình không hợp lệ:{vi}\nThe settings cannot be used [{error.code}]:{en}"
    return _of_the_node(error)


def _of_the_node(error: BaseException) -> str | None:
    match error:
        case SchemaOutdated():
            return _both(
                "schema_outdated",
                "Cơ sở dữ liệu chưa nâng cấp. Hãy chạy `lienthong migrate` rồi khởi động lại.",
                "The database lacks migrations: run `lienthong migrate`, then start again.",
            )
        case TopologyConflict(name=name, detail=detail):
            return _both(
                TopologyConflict.code,
                f"RabbitMQ đã có {name} với tham số khác. Xóa nó (không mất gì: mọi việc nằm trong cơ sở dữ "
                "liệu) hoặc đổi LIENTHONG_BROKER_PREFIX.",
                f"RabbitMQ has {name} with other arguments: delete it (nothing is lost: the database has "
                f"everything) or change LIENTHONG_BROKER_PREFIX. It says: {detail}",
            )
        case DatabaseUnavailable():
            return _both(
                "database_unavailable",
                "Không kết nối được cơ sở dữ liệu. Kiểm tra LIENTHONG_DATABASE_URL và máy chủ PostgreSQL.",
                "The database cannot be reached: check LIENTHONG_DATABASE_URL and the PostgreSQL server.",
            )
        case PortTaken(host=host, port=port):
            return _both(
                "port_taken",
                f"Không mở được cổng {host}:{port}. Chọn cổng khác bằng --port hoặc LIENTHONG_HTTP_PORT.",
                f"{host}:{port} cannot be used: choose another with --port or LIENTHONG_HTTP_PORT.",
            )
        case _:
            return _of_files(error)


def _of_files(error: BaseException) -> str | None:
    match error:
        case SealKeyError():
            return _both("seal_key_unusable", f"Không dùng được khóa của trục: {error}.", str(error))
        case SecretKeyError():
            return _both(
                "secret_key_unusable",
                "Không dùng được tệp khóa niêm phong bí mật (quyền 0600, mỗi dòng một khóa base64). Lấy lại "
                f"từ bản sao lưu, hoặc bỏ tệp đi rồi đặt lại các bí mật: {error}.",
                f"{error}. Take the file from a backup, or remove it and set the secrets again.",
            )
        case PkiDamaged():
            return _both(
                PkiDamaged.code,
                f"Thư mục chứng thư thử nghiệm bị hỏng: {error}. Xóa thư mục demo/pki trong LIENTHONG_HOME.",
                f"The demonstration's certificates are damaged: {error}. Remove demo/pki in LIENTHONG_HOME.",
            )
        case TrustUnusable(folder=folder, reason=reason):
            return _both(
                "trust_unusable",
                f"Không đọc được thư mục CA tin cậy {folder}: {reason}. Bỏ tệp hỏng ra rồi khởi động lại.",
                f"The trust folder {folder} cannot be read: {reason}. Take the file out, then start again.",
            )
        case BlobStoreError():
            return _both(
                error.code,
                f"Không dùng được kho tệp: {error}. Kiểm tra dung lượng và quyền ghi.",
                f"The blob store cannot be used: {error}. Check its space and permissions.",
            )
        case OSError(errno=int()):
            place = f"{error.filename}: " if error.filename is not None else ""
            why = system_reason(error)
            return _both(
                "system_refuses",
                f"Hệ điều hành không cho: {place}{why.vi}.",
                f"The system does not allow it: {place}{why.en}.",
            )
        case _:
            return None


def _both(code: str, vi: str, en: str) -> str:
    return f"{vi}\n{en} [{code}]"
