"""`lienthong relay …`: how the relay to the national exchange is doing, and what it left to a person."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from hub.bootstrap.relay import open_relay_desk, open_relay_directory
from hub.cli.options import ConfigOption, HomeOption, JsonOption, YesOption, at_work
from hub.cli.times import minute
from hub.domain.problems import PROBLEMS
from hub.ports.relay import PackageRecord
from hub.services.relay_desk import ExchangeView, RelayDesk
from hub.services.relay_directory import SyncPlan

T = TypeVar("T")
LISTED: int = 20

relay = typer.Typer(no_args_is_help=True, help="Kết nối trục quốc gia (the relay to the national exchange).")

PackageArgument = Annotated[str, typer.Argument(help="Mã gói tin của trục quốc gia (docId).")]


def _at_desk(home: Path | None, config: Path | None, action: Callable[[RelayDesk], Awaitable[T]]) -> T:
    return at_work(open_relay_desk, action, home=home, config=config)


@relay.command("status")
def status(as_json: JsonOption = False, home: HomeOption = None, config: ConfigOption = None) -> None:
    """Tình trạng kết nối: lần nhận gần nhất, lỗi, gói tin chờ (how the relay is doing)."""
    views = _at_desk(home, config, lambda desk: desk.status())
    if as_json:
        print(json.dumps([_json(view) for view in views], ensure_ascii=False, indent=2))
        return
    if not views:
        print("Chưa có kết nối trục quốc gia. Xem docs/howto/relay-to-the-national-exchange.md")
    for view in views:
        _show(view)


@relay.command("quarantined")
def quarantined(as_json: JsonOption = False, home: HomeOption = None, config: ConfigOption = None) -> None:
    """Liệt kê gói tin trục không tự nhận, chờ người quyết định (packages that wait for a person)."""
    packages = _at_desk(home, config, lambda desk: desk.kept())
    if as_json:
        print(json.dumps([_package_json(p) for p in packages], ensure_ascii=False, indent=2))
        return
    for package in packages:
        problem = PROBLEMS.get(package.code or "")
        kept = "" if package.blob_id is not None else " (không giữ nội dung)"
        print(
            f"{package.package_id}  {package.message_type.value}  "
            f"{package.from_code} → {package.to_code}{kept}"
        )
        print(f"    {package.code}: {'' if problem is None else problem.vi}")


@relay.command("retry")
def retry(package: PackageArgument, home: HomeOption = None, config: ConfigOption = None) -> None:
    """Cho nhận lại một gói tin đã giữ; nút đang chạy thực hiện (take a kept package in again)."""
    print(f"{_at_desk(home, config, lambda desk: desk.retry(package)).package_id}: sẽ được nhận lại")


@relay.command("drop")
def drop(package: PackageArgument, home: HomeOption = None, config: ConfigOption = None) -> None:
    """Bỏ một gói tin đã giữ, xóa nội dung (drop a kept package)."""
    print(f"{_at_desk(home, config, lambda desk: desk.drop(package)).package_id}: đã bỏ")


@relay.command("directory")
def directory(
    yes: YesOption = False,
    force: Annotated[
        bool, typer.Option("--force", help="Thực hiện cả khi quá nhiều đơn vị biến mất.")
    ] = False,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Đối chiếu danh bạ trục quốc gia; chỉ xem trước nếu không có --yes (compare its directory with ours)."""

    async def run(sync: Callable[[bool, bool], Awaitable[tuple[SyncPlan, ...]]]) -> tuple[SyncPlan, ...]:
        return await sync(yes, force)

    for plan in at_work(open_relay_directory, run, home=home, config=config):
        changed = [a for a in plan.put if a.unit_id not in plan.gone]
        print(
            f"{len(plan.listed)} đơn vị ngoài tỉnh, {len(changed)} thêm hoặc đổi, {len(plan.gone)} biến mất"
        )
        for agency in changed[:LISTED]:
            print(f"  + {', '.join(c.code for c in agency.codes)}  {agency.name}")
        for unit_id in plan.gone[:LISTED]:
            print(f"  - {unit_id}")
    print("Đã cập nhật danh bạ." if yes else "Chưa thay đổi gì. Thêm --yes để thực hiện.")


def _show(view: ExchangeView) -> None:
    state = view.state
    print(f"{view.system.name}: {dict(view.system.settings).get('endpoint', '–')}")
    if state is None:
        print("    chưa nhận lần nào (nút chưa chạy?)")
        return
    print(f"    nhận tốt gần nhất: {minute(state.last_ok_at)}; có thư gần nhất: {minute(state.last_mail_at)}")
    if state.last_error is not None:
        print(f"    lỗi: {state.last_error}, {state.failures} lần liên tiếp, thử lại {minute(state.due_at)}")
    if state.silence_told_at is not None:
        print(f"    CẢNH BÁO: không có thư từ {minute(state.silent_since)}")
    if view.peer is not None:
        print(f"    ngắt mạch: {view.peer.breaker.state.value} ({view.peer.last_code})")
    shown = ", ".join(f"{name} {number}" for name, number in sorted(view.packages.items())) or "không có"
    print(f"    gói tin: {shown}; chưa báo lại trục quốc gia: {view.owed}")
    print(f"    danh bạ: {minute(state.directory_at)} {state.directory_note or ''}")


def _json(view: ExchangeView) -> dict[str, object]:
    state = view.state
    return {
        "system": view.system.name,
        "endpoint": dict(view.system.settings).get("endpoint"),
        "last_ok_at": None if state is None else _utc(state.last_ok_at),
        "last_mail_at": None if state is None else _utc(state.last_mail_at),
        "last_error": None if state is None else state.last_error,
        "failures": 0 if state is None else state.failures,
        "silent": state is not None and state.silence_told_at is not None,
        "breaker": "closed" if view.peer is None else view.peer.breaker.state.value,
        "packages": dict(view.packages),
        "owed": view.owed,
        "directory_at": None if state is None else _utc(state.directory_at),
        "directory_note": None if state is None else state.directory_note,
    }


def _package_json(package: PackageRecord) -> dict[str, object]:
    return {
        "package": package.package_id,
        "type": package.message_type.value,
        "state": package.state.value,
        "code": package.code,
        "from": package.from_code,
        "to": package.to_code,
        "size": package.size,
        "sha256": None if package.sha256 is None else package.sha256.hex(),
        "first_seen_at": _utc(package.first_seen_at),
    }


def _utc(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
