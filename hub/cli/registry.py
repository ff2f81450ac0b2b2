"""`lienthong agency …` and `lienthong system …`: the directory, the systems and their keys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from hub.bootstrap import open_registry
from hub.cli.node import HomeOption
from hub.config import load_settings
from hub.demo_data import binh_duong_csv
from hub.domain.directory import UnitState
from hub.domain.directory_csv import format_csv, parse
from hub.observability import logging
from hub.services.registry import DEFAULT_DIALECTS, NewKey, RegistryService

T = TypeVar("T")

agencies = typer.Typer(no_args_is_help=True, help="Danh bạ cơ quan (the directory of agencies).")
systems = typer.Typer(no_args_is_help=True, help="Phần mềm kết nối và khóa API (systems and their keys).")

CodeArgument = Annotated[str, typer.Argument(help="Mã định danh cơ quan.")]
NameArgument = Annotated[str, typer.Argument(help="Tên phần mềm.")]


def _with_registry(home: Path | None, action: Callable[[RegistryService], Awaitable[T]]) -> T:
    settings = load_settings(home=home)
    logging.configure(level="error", form="console")

    async def run() -> T:
        async with open_registry(settings) as registry:
            return await action(registry)

    return asyncio.run(run())


@agencies.command("import")
def import_agencies(
    file: Annotated[Path | None, typer.Argument(help="Tệp CSV; bỏ trống với --demo.", exists=True)] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Danh bạ minh họa Bình Dương.")] = False,
    drop_connected: Annotated[
        bool, typer.Option("--drop-connected", help="Cho phép bỏ cả đơn vị đang kết nối.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Thay danh bạ bằng tệp CSV (replace the directory; nothing changes if the file has errors)."""
    if (file is None) == (not demo):
        raise typer.BadParameter("cần đúng một trong hai: tệp CSV, hoặc --demo")
    text = binh_duong_csv() if file is None else _text_of(file)
    parsed = parse(text)
    for problem in parsed.problems:
        print(f"dòng {problem.line}: {problem.vi} [{problem.code}]")
    if parsed.problems:
        print("Danh bạ chưa thay đổi. Sửa các dòng trên rồi nhập lại.")
        raise typer.Exit(1)
    directory = _with_registry(
        home, lambda registry: registry.replace_directory(parsed.agencies, drop_connected=drop_connected)
    )
    print(f"{len(directory)} đơn vị, mã phiên bản {directory.snapshot_id[:12]}")


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{file} không phải văn bản UTF-8 (not UTF-8 text)") from None
    except OSError as error:
        raise typer.BadParameter(f"không đọc được {file} (cannot be read): {error.strerror}") from None


@agencies.command("export")
def export_agencies(home: HomeOption = None) -> None:
    """In danh bạ ra CSV (print the directory as CSV)."""
    directory = _with_registry(home, lambda registry: registry.directory())
    print(format_csv(directory), end="")


@agencies.command("list")
def list_agencies(
    text: Annotated[str, typer.Argument(help="Phần của mã hoặc tên.")] = "", home: HomeOption = None
) -> None:
    """Liệt kê cơ quan (list agencies)."""
    for row in _with_registry(home, lambda registry: registry.search(text)):
        system = row.system_name or "–"
        print(f"{row.unit_id:<16} {row.state.value:<8} {system:<24} {row.name}")


@agencies.command("lock")
def lock_agency(code: CodeArgument, home: HomeOption = None) -> None:
    """Khóa một cơ quan: không gửi, không nhận (lock an agency)."""
    _with_registry(home, lambda registry: registry.set_unit_state(code, UnitState.LOCKED))
    print(f"đã khóa {code}")


@agencies.command("unlock")
def unlock_agency(code: CodeArgument, home: HomeOption = None) -> None:
    """Mở khóa một cơ quan (unlock an agency)."""
    _with_registry(home, lambda registry: registry.set_unit_state(code, UnitState.ACTIVE))
    print(f"đã mở khóa {code}")


@systems.command("add")
def add_system(
    name: NameArgument,
    unit: Annotated[list[str] | None, typer.Option("--unit", help="Mã cơ quan mà phần mềm đại diện.")] = None,
    dialect: Annotated[
        list[str] | None,
        typer.Option("--dialect", help="Phương ngữ edXML đọc được; bản khác được viết lại."),
    ] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            "--policy", help="on_failed=hold|refuse|warn, on_missing=…, on_indeterminate=warn|hold."
        ),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Đăng ký phần mềm và cấp khóa đầu tiên (register a system; its key is shown once)."""
    settings = [(name, word) for name, _, word in (text.partition("=") for text in policy or [])]
    _show(
        _with_registry(
            home,
            lambda registry: registry.add_system(
                name, units=unit or [], policy=settings, dialects=dialect or DEFAULT_DIALECTS
            ),
        )
    )


@systems.command("assign")
def assign_units(
    name: NameArgument,
    unit: Annotated[list[str], typer.Option("--unit", help="Mã cơ quan.")],
    home: HomeOption = None,
) -> None:
    """Gắn thêm cơ quan cho phần mềm (let a system speak for more agencies)."""
    _with_registry(home, lambda registry: registry.assign(name, unit))
    print(f"{name}: {', '.join(unit)}")


@systems.command("release")
def release_units(
    unit: Annotated[list[str], typer.Option("--unit", help="Mã cơ quan.")], home: HomeOption = None
) -> None:
    """Gỡ cơ quan khỏi phần mềm đang đại diện (take agencies from their system)."""
    _with_registry(home, lambda registry: registry.release(unit))
    print(f"đã gỡ: {', '.join(unit)}")


@systems.command("key")
def new_key(name: NameArgument, home: HomeOption = None) -> None:
    """Cấp khóa mới; khóa cũ còn dùng được 7 ngày (make a new key)."""
    _show(_with_registry(home, lambda registry: registry.new_key(name)))


@systems.command("revoke-key")
def revoke_key(key_id: Annotated[str, typer.Argument(help="Mã khóa.")], home: HomeOption = None) -> None:
    """Thu hồi một khóa ngay (revoke a key at once)."""
    _with_registry(home, lambda registry: registry.revoke_key(key_id))
    print(f"đã thu hồi {key_id}")


@systems.command("list")
def list_systems(home: HomeOption = None) -> None:
    """Liệt kê phần mềm (list systems)."""
    for system in _with_registry(home, lambda registry: registry.systems()):
        state = "hoạt động" if system.active else "khóa"
        print(f"{system.name:<28} {state:<10} {system.adapter:<10} {', '.join(system.dialects)}")


@systems.command("lock")
def lock_system(name: NameArgument, home: HomeOption = None) -> None:
    """Khóa phần mềm (lock a system)."""
    _with_registry(home, lambda registry: registry.set_system_active(name, active=False))
    print(f"đã khóa {name}")


@systems.command("unlock")
def unlock_system(name: NameArgument, home: HomeOption = None) -> None:
    """Mở khóa phần mềm (unlock a system)."""
    _with_registry(home, lambda registry: registry.set_system_active(name, active=True))
    print(f"đã mở khóa {name}")


def _show(key: NewKey) -> None:
    print(f"Phần mềm: {key.system.name}")
    print(f"Khóa API (chỉ hiện một lần, hãy cất giữ): {key.text}")
