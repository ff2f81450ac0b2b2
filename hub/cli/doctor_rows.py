"""What `lienthong doctor` says about the rows: clock, nodes, tasks, peers, directory, systems, bodies."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

from hub.cli.findings import Finding, doubtful, well, wrong
from hub.cli.system_view import NEAR, usable
from hub.config import Settings
from hub.domain.adapters import REST_PULL, VXP
from hub.domain.directory import Directory, UnitState
from hub.domain.directory_csv_texts import TEXTS
from hub.domain.directory_rules import problems
from hub.domain.ids import uuid7
from hub.ports.blobs import BlobDamaged, BlobMissing, BlobStore
from hub.ports.records import KeyRow, SystemRecord
from hub.services.shared_secrets import called_by, is_header_text
from hub.storage.examination import Examination, StoredBody

SKEW_WARNS: Final = timedelta(seconds=2)
SKEW_FAILS: Final = timedelta(seconds=60)
LATE: Final = timedelta(minutes=10)
VERY_LATE: Final = timedelta(hours=1)
SAMPLE_NEWEST: Final = 20
SAMPLE_ANY: Final = 30
READ_WHOLE_MOST: Final = 5 * 1024 * 1024
LISTED_MOST: Final = 5
NODE_NAME: Final = "lienthong"

CLOCK: Final = "Đồng hồ / clock"
NODES: Final = "Các nút / nodes"
TASKS: Final = "Việc chờ / tasks"
PEERS: Final = "Phần mềm nhận / peers"
DIRECTORY: Final = "Danh bạ / directory"
SYSTEMS: Final = "Phần mềm / systems"
BODIES: Final = "Nội dung / bodies"


async def clock(asked: Examination) -> Finding:
    """Compare this machine's clock with the database's, which is the hub's."""
    before = datetime.now(UTC)
    server, shifted = await asked.clock()
    after = datetime.now(UTC)
    # The answer was made between the two: only what lies outside is a difference.
    skew = max(before - server, server - after, timedelta(0))
    if shifted:
        return wrong(
            CLOCK,
            "clock_shifted",
            f"đồng hồ của trục bị dời {shifted} (bảng hub_clock): chỉ dùng khi thử.",
            f"the hub's clock is set off by {shifted} (table hub_clock): that is for tests alone",
            mend="UPDATE hub_clock SET clock_offset = '0'",
        )
    if skew <= SKEW_WARNS:
        return well(CLOCK, "khớp với cơ sở dữ liệu", "agrees with the database")
    vi = f"lệch {skew.total_seconds():.0f} giây so với cơ sở dữ liệu. Bật đồng bộ thời gian (NTP)."
    en = f"{skew.total_seconds():.0f} s off the database's: turn time synchronisation (NTP) on"
    told = wrong if skew > SKEW_FAILS else doubtful
    return told(CLOCK, "clock_skew", vi, en, mend="timedatectl set-ntp true")


async def nodes(asked: Examination, settings: Settings) -> Finding:
    """See how many machines run nodes, and whether they may share what they do not."""
    found = await asked.nodes(NODE_NAME)
    listed = ", ".join(found) or "không có nút nào đang chạy / none running"
    if len(found) < 2:
        return well(NODES, listed)
    if settings.s3.bucket is None and not settings.blobs_shared:
        return wrong(
            NODES,
            "blobs_not_shared",
            f"nhiều máy ({listed}) nhưng kho tệp {settings.blobs_path} chỉ ở một máy: nút khác không đọc "
            "được văn bản. Dùng thư mục chung và đặt LIENTHONG_BLOBS_SHARED=true, hoặc S3.",
            f"several machines ({listed}), but {settings.blobs_path} is not declared shared: use a shared "
            "folder with LIENTHONG_BLOBS_SHARED=true, or S3",
        )
    if settings.broker_url is None:
        return doubtful(
            NODES,
            "broker_in_process",
            f"nhiều máy ({listed}) mà không có RabbitMQ: việc vẫn xong, nhưng chậm hơn. "
            "Đặt LIENTHONG_BROKER_URL.",
            f"several machines ({listed}) without RabbitMQ: work is done, but later. "
            "Set LIENTHONG_BROKER_URL",
        )
    return well(NODES, listed)


async def tasks(asked: Examination) -> list[Finding]:
    """Find work that is due for long and nobody does."""
    findings = []
    for late in await asked.late_tasks(LATE):
        minutes = int(late.late.total_seconds() // 60)
        told = wrong if late.late > VERY_LATE else doubtful
        findings.append(
            told(
                TASKS,
                "tasks_overdue",
                f"{late.tasks} việc “{late.kind}” quá hạn, lâu nhất {minutes} phút. Kiểm tra nút có đang "
                "chạy và nhật ký của nó.",
                f"{late.tasks} tasks {late.kind!r} are overdue, the oldest by {minutes} minutes: see "
                "whether a node runs, and its log",
                mend="lienthong serve",
            )
        )
    return findings or [well(TASKS, "không có việc quá hạn", "none overdue")]


async def peers(asked: Examination) -> list[Finding]:
    """Find systems that are not tried because they failed too often."""
    return [
        doubtful(
            PEERS,
            "breaker_open",
            f"“{peer.system}” đang được tạm ngưng sau {peer.failures} lần lỗi ({peer.last_code or '?'}); "
            "văn bản chờ, không mất.",
            f"{peer.system!r} is given a rest after {peer.failures} failures ({peer.last_code or '?'}): mail "
            "waits, nothing is lost",
            mend=f"lienthong system test '{peer.system}' && lienthong system retry '{peer.system}'",
        )
        for peer in await asked.open_breakers()
    ] or [well(PEERS, "không phần mềm nào bị tạm ngưng", "no breaker is open")]


async def directory(asked: Examination, current: Directory, today: date) -> list[Finding]:
    """Find broken rules of the directory, and mail that cannot go on."""
    findings = []
    broken = list(problems({agency.unit_id: agency for agency in current}))
    for problem in broken[:LISTED_MOST]:
        vi, en = (text.format_map(dict(problem.values)) for text in TEXTS[problem.code])
        findings.append(
            wrong(DIRECTORY, problem.code, vi, en, mend=f"lienthong agency show {problem.unit_id}")
        )
    if len(broken) > LISTED_MOST:
        more = len(broken) - LISTED_MOST
        findings.append(
            wrong(
                DIRECTORY,
                "directory_invalid",
                f"và {more} lỗi nữa.",
                f"and {more} more",
                mend="lienthong agency export",
            )
        )
    findings += _stranded(await asked.open_at_retired(), current, today)
    if not len(current):
        findings.append(
            doubtful(
                DIRECTORY,
                "directory_empty",
                "chưa có đơn vị nào: mọi văn bản sẽ bị từ chối.",
                "no agency yet: every document is refused",
                mend="lienthong agency import FILE.csv",
            )
        )
    return findings or [well(DIRECTORY, f"{len(current)} đơn vị", f"{len(current)} agencies")]


def _stranded(mail: Mapping[str, int], current: Directory, today: date) -> Iterator[Finding]:
    for unit_id, deliveries in mail.items():
        unit = current.unit(unit_id)
        if unit is None or not unit.is_retired(today):
            continue
        final, problem = current.final_unit(unit_id, today=today)
        if final is not None and final.system_id is not None and final.state is not UnitState.LOCKED:
            continue
        why = problem or (
            "recipient_locked" if final and final.state is UnitState.LOCKED else "recipient_has_no_system"
        )
        yield wrong(
            DIRECTORY,
            "retired_with_mail",
            f"{deliveries} lần giao còn mở ở {unit_id} đã ngừng hoạt động; nơi kế thừa không nhận ({why}).",
            f"{deliveries} open deliveries at {unit_id}, which is retired, reach no successor ({why})",
            mend=f"lienthong agency show {unit_id}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemFacts:
    """A system with what the doctor wants to know of it."""

    system: SystemRecord
    keys: tuple[KeyRow, ...]
    units: int
    open_deliveries: int


def systems(found: list[SystemFacts], settings: Settings, now: datetime) -> list[Finding]:
    """Find systems that cannot come in, will soon not, or keep mail behind a lock."""
    findings = [finding for facts in found for finding in _system(facts, settings, now)]
    return findings or [well(SYSTEMS, f"{len(found)} phần mềm", f"{len(found)} systems")]


def _system(facts: SystemFacts, settings: Settings, now: datetime) -> Iterator[Finding]:
    name = facts.system.name
    if not facts.system.active:
        if facts.open_deliveries:
            yield doubtful(
                SYSTEMS,
                "system_locked_with_mail",
                f"“{name}” bị khóa trong khi {facts.open_deliveries} lần giao đang chờ nó.",
                f"{name!r} is locked while {facts.open_deliveries} deliveries wait for it",
                mend=f"lienthong system unlock '{name}'",
            )
        return
    yield from _keys(facts, now)
    yield from _client_name(facts.system)
    yield from _binding(facts.system, settings, now)
    if not facts.units and facts.system.adapter != "national":
        yield doubtful(
            SYSTEMS,
            "system_without_units",
            f"“{name}” không đại diện cơ quan nào.",
            f"{name!r} speaks for no agency",
            mend=f"lienthong system assign '{name}' --unit CODE",
        )


def _keys(facts: SystemFacts, now: datetime) -> Iterator[Finding]:
    name = facts.system.name
    good = [key for key in facts.keys if usable(key)]
    if not good and facts.system.adapter == REST_PULL:
        yield wrong(
            SYSTEMS,
            "system_without_key",
            f"“{name}” không còn khóa dùng được: nó không vào được.",
            f"{name!r} has no usable key: it cannot come in",
            mend=f"lienthong system key '{name}'",
        )
    ends = [key.expires_at for key in good]
    if good and all(end is not None and end <= now + NEAR for end in ends):
        last = max(end for end in ends if end is not None)
        yield doubtful(
            SYSTEMS,
            "system_keys_near_end",
            f"mọi khóa của “{name}” hết hạn trước {last:%Y-%m-%d}.",
            f"all keys of {name!r} end by {last:%Y-%m-%d}",
            mend=f"lienthong system key '{name}'",
        )


def _client_name(system: SystemRecord) -> Iterator[Finding]:
    if system.adapter != VXP or is_header_text(called_by(system)):
        return
    yield wrong(
        SYSTEMS,
        "system_id_unusable",
        f"“{system.name}” chưa có mã gọi (system_id): tên của nó có dấu, không gửi được trong phần đầu HTTP.",
        f"{system.name!r} has no system_id, and its name cannot be sent in a header",
        mend=f"lienthong system set '{system.name}' system_id=CODE",
    )


def _binding(system: SystemRecord, settings: Settings, now: datetime) -> Iterator[Finding]:
    pins = system.binding.certificates
    if not pins:
        return
    name = system.name
    if settings.tls.client_ca is None and settings.proxy.certificate_header is None:
        yield wrong(
            SYSTEMS,
            "pin_without_tls",
            f"“{name}” gắn với chứng thư, nhưng nút này không hỏi chứng thư của bên gọi: nó không vào được. "
            "Đặt LIENTHONG_TLS__CLIENT_CA hoặc LIENTHONG_PROXY__CERTIFICATE_HEADER.",
            f"{name!r} is bound to a certificate, but this node asks callers for none: set "
            "LIENTHONG_TLS__CLIENT_CA or LIENTHONG_PROXY__CERTIFICATE_HEADER",
        )
    valid = [pin for pin in pins if pin.is_valid(now)]
    if not valid:
        yield wrong(
            SYSTEMS,
            "pins_outdated",
            f"mọi chứng thư gắn với “{name}” đã hết hiệu lực: nó không vào được.",
            f"all certificates that {name!r} is bound to are over: it cannot come in",
            mend=f"lienthong system pin '{name}' --certificate FILE",
        )
    elif all(pin.valid_to is not None and pin.valid_to <= now + NEAR for pin in valid):
        yield doubtful(
            SYSTEMS,
            "pins_near_end",
            f"chứng thư gắn với “{name}” sắp hết hiệu lực; gắn thêm chứng thư mới trước ngày đó.",
            f"the certificate that {name!r} is bound to ends soon: pin the new one beside it before",
            mend=f"lienthong system pin '{name}' --certificate FILE",
        )


async def bodies(asked: Examination, store: BlobStore) -> list[Finding]:
    """Read a sample of the documents that rows promise."""
    first, last = await asked.span()
    if first is None or last is None:
        return [well(BODIES, "chưa có văn bản", "no document yet")]
    begin, end = (int(moment.timestamp() * 1000) for moment in (first, last))
    bounds = [uuid7(begin + secrets.randbelow(end - begin + 1), bytes(10)) for _ in range(SAMPLE_ANY)]
    sample = await asked.bodies(SAMPLE_NEWEST, bounds)
    missing: list[UUID] = []
    damaged: list[UUID] = []
    for body in sample:
        try:
            await _read(store, body)
        except BlobMissing:
            missing.append(body.document_id)
        except BlobDamaged:
            damaged.append(body.document_id)
    findings = [
        wrong(
            BODIES,
            code,
            f"{len(ids)}/{len(sample)} văn bản lấy mẫu {vi}: {_listed(ids)}. Khôi phục kho từ bản sao lưu.",
            f"{len(ids)} of {len(sample)} sampled documents {en}: {_listed(ids)}. Restore from a backup",
        )
        for code, ids, vi, en in (
            ("blob_missing", missing, "không còn nội dung", "have no body"),
            ("blob_damaged", damaged, "có nội dung bị hỏng", "have a damaged body"),
        )
        if ids
    ]
    return findings or [
        well(BODIES, f"{len(sample)} văn bản lấy mẫu còn nguyên", f"{len(sample)} sampled, all whole")
    ]


async def _read(store: BlobStore, body: StoredBody) -> None:
    whole = body.size <= READ_WHOLE_MOST
    async with aclosing(store.read(body.blob_id, sha256=body.sha256 if whole else None)) as chunks:  # type: ignore[type-var]  # a generator
        async for _ in chunks:
            if not whole:
                return


def _listed(ids: list[UUID]) -> str:
    return ", ".join(map(str, ids[:LISTED_MOST])) + (" …" if len(ids) > LISTED_MOST else "")
