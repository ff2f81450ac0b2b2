"""What `lienthong doctor` says about RabbitMQ: reachable, new enough, and nobody else's queues in the way.

Nothing is made or changed by looking.
"""

from __future__ import annotations

from typing import Final

from aio_pika.abc import AbstractConnection

from hub.broker.connection import close, connect, failures_of
from hub.broker.declaring import TopologyConflict, missing_from
from hub.broker.topology import make_plan
from hub.cli.findings import Finding, well, wrong
from hub.config import Settings
from hub.ports.broker import BrokerUnavailable

OLDEST: Final = (3, 10)
WHAT: Final = "RabbitMQ"


async def broker(settings: Settings) -> list[Finding]:
    """Look at the broker that is set; never raises for what it finds."""
    if settings.broker_url is None:
        return [well(WHAT, "không dùng: trục chạy một nút", "not used: one node, in-process broker")]
    try:
        async with failures_of("connecting"):
            connection = await connect(settings.broker_url.get_secret_value(), name="lienthong doctor")
        try:
            return [await _topology(connection, settings.broker_prefix)]
        finally:
            await close(connection)
    except BrokerUnavailable as error:
        return [
            wrong(
                WHAT,
                "broker_unavailable",
                vi="không kết nối được. Kiểm tra LIENTHONG_BROKER_URL, tài khoản, vhost và máy chủ. Văn bản "
                "vẫn được nhận, việc xử lý chờ tới khi có lại.",
                en=f"cannot be reached: check LIENTHONG_BROKER_URL, account, vhost and server ({error})",
            )
        ]


async def _topology(connection: AbstractConnection, prefix: str) -> Finding:
    version = _version(connection)
    if _numbers(version) < OLDEST:
        return wrong(
            WHAT,
            "broker_too_old",
            vi=f"phiên bản {version} quá cũ: cần 3.10 trở lên.",
            en=f"version {version} is too old: 3.10 or later is needed",
        )
    try:
        async with failures_of("looking"):
            missing = await missing_from(connection, make_plan(prefix))
    except TopologyConflict as error:
        return wrong(
            WHAT,
            TopologyConflict.code,
            vi=f"{error.name} đã có với tham số khác. Xóa nó (không mất gì: mọi việc nằm trong cơ sở dữ "
            "liệu) hoặc đổi LIENTHONG_BROKER_PREFIX.",
            en=f"{error.name} has other arguments: delete it (nothing is lost) or change "
            f"LIENTHONG_BROKER_PREFIX. It says: {error.detail}",
        )
    later = f", {len(missing)} mục sẽ được tạo khi khởi động" if missing else ""
    return well(WHAT, f"{version}, tên bắt đầu bằng {prefix}.{later}", f"{version}, prefix {prefix}")


def _version(connection: AbstractConnection) -> str:
    transport = connection.transport
    told = transport.connection.server_properties.get("version") if transport is not None else None
    return told.decode() if isinstance(told, bytes) else str(told or "?")


def _numbers(version: str) -> tuple[int, ...]:
    # What cannot be read is not held against a server: "4.1.0-beta.2" is (4, 1, 0).
    numbers = []
    for part in version.split("-", 1)[0].split("."):
        if not part.isdecimal():
            break
        numbers.append(int(part))
    return tuple(numbers) or OLDEST
