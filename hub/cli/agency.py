"""`lienthong agency …`: the directory, looked at and changed.

Every change is shown first. On a terminal it is asked for; elsewhere it is carried out at once, unless it
loses something (a unit, a code, a system's unit): then it wants `--yes`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from hub.bootstrap import open_registry
from hub.cli.agency_certificates import certificates
from hub.cli.agency_view import diff_lines, period_of, preview_json, preview_lines
from hub.cli.options import (
    ByOption,
    ConfigOption,
    HomeOption,
    JsonOption,
    PreviewOption,
    YesOption,
    at_work,
    day_of,
    items_of,
    name_of,
)
from hub.cli.usage import Misuse
from hub.config.reasons import system_reason
from hub.demo_data import binh_duong_csv
from hub.domain.directory import Agency, Level, UnitState
from hub.domain.directory_csv import ParsedDirectory, format_csv, parse
from hub.domain.directory_diff import compare
from hub.domain.directory_file import FILE_MAX, decode
from hub.domain.directory_orders import AddCode, AddUnit, EndCode, Order, OrderRefused, Rename, Retire
from hub.services.directory_admin import LOCAL, Import, Preview
from hub.services.registry import RegistryService

T = TypeVar("T")

agencies = typer.Typer(no_args_is_help=True, help="Danh bạ cơ quan (the directory of agencies).")
codes = typer.Typer(no_args_is_help=True, help="Mã của một cơ quan (codes of an agency).")
agencies.add_typer(codes, name="code")
agencies.add_typer(certificates, name="certificate")

CodeArgument = Annotated[str, typer.Argument(help="Mã định danh cơ quan.")]
OnOption = Annotated[
    str | None, typer.Option("--on", help="Ngày đầu tiên đơn vị cũ không còn hoạt động (mặc định: hôm nay).")
]
FileArgument = Annotated[Path | None, typer.Argument(help="Tệp CSV; bỏ trống với --demo.", exists=True)]
DropOption = Annotated[bool, typer.Option("--drop-connected", help="Cho phép bỏ cả đơn vị đang kết nối.")]
DemoOption = Annotated[bool, typer.Option("--demo", help="Danh bạ minh họa Bình Dương.")]


def _with_registry(
    home: Path | None, config: Path | None, action: Callable[[RegistryService], Awaitable[T]]
) -> T:
    return at_work(open_registry, action, home=home, config=config)


@agencies.command("import")
def import_agencies(
    file: FileArgument = None,
    demo: DemoOption = False,
    preview: PreviewOption = False,
    yes: YesOption = False,
    drop_connected: DropOption = False,
    as_json: JsonOption = False,
    by: ByOption = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Thay danh bạ bằng tệp CSV, sau khi xem thay đổi (replace the directory, after a look)."""
    parsed = _parsed(file, demo=demo)
    for problem in parsed.problems:
        print(
            f"dòng {problem.line}: {problem.vi} [{problem.code}]", file=sys.stderr if as_json else sys.stdout
        )
    change = Import(agencies=parsed.agencies, drop_connected=drop_connected)
    if parsed.problems and not preview:
        print(
            "Danh bạ chưa thay đổi. Sửa các dòng trên rồi nhập lại.",
            file=sys.stderr if as_json else sys.stdout,
        )
        raise typer.Exit(1)
    _change(change, _How(preview=preview, yes=yes, as_json=as_json, by=by, home=home, config=config))
    raise typer.Exit(1 if parsed.problems else 0)


@agencies.command("diff")
def diff(
    file: FileArgument = None,
    demo: DemoOption = False,
    as_json: JsonOption = False,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """So danh bạ với tệp CSV: 0 giống nhau, 1 khác (compare the directory with a file)."""
    parsed = _parsed(file, demo=demo)
    for problem in parsed.problems:
        print(f"dòng {problem.line}: {problem.vi} [{problem.code}]", file=sys.stderr)
    change = Import(agencies=parsed.agencies, drop_connected=True)
    seen = _with_registry(home, config, lambda registry: registry.changes.preview(change))
    _show(seen, as_json=as_json)
    raise typer.Exit(1 if seen.diff or parsed.problems else 0)


@agencies.command("export")
def export_agencies(home: HomeOption = None, config: ConfigOption = None) -> None:
    """In danh bạ ra CSV (print the directory as CSV)."""
    directory = _with_registry(home, config, lambda registry: registry.directory())
    # As bytes: the line ends of the file are not the terminal's.
    sys.stdout.buffer.write(format_csv(directory).encode())


@agencies.command("list")
def list_agencies(
    text: Annotated[str, typer.Argument(help="Phần của mã hoặc tên.")] = "",
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Liệt kê cơ quan (list agencies)."""
    for row in _with_registry(home, config, lambda registry: registry.search(text)):
        system = row.system_name or "–"
        print(f"{row.unit_id:<16} {row.state.value:<8} {system:<24} {row.name}")


@agencies.command("show")
def show_agency(code: CodeArgument, home: HomeOption = None, config: ConfigOption = None) -> None:
    """Xem một cơ quan: mã, trạng thái, kế thừa, phần mềm (show an agency)."""

    async def look(registry: RegistryService) -> tuple[Agency, Agency | None, str | None, str]:
        directory, today = await registry.directory(), await registry.changes.today()
        unit = directory.by_code(code, today) or directory.by_code(code)
        if unit is None:
            raise OrderRefused("agency_unknown", code=code)
        final, problem = directory.final_unit(unit.unit_id, today=today)
        names = {system.id: system.name for system in await registry.systems()}
        return unit, final, problem, names.get(unit.system_id, "–") if unit.system_id else "–"

    unit, final, problem, system = _with_registry(home, config, look)
    print(f"{unit.unit_id}  {unit.name}")
    print(f"  cấp / level: {unit.level.value}, cấp trên / parent: {unit.parent or '–'}")
    print(f"  trạng thái / state: {unit.state.value}" + (f" từ {unit.retired_on}" if unit.retired_on else ""))
    for entry in unit.codes:
        print(f"  mã / code: {entry.code}{period_of(entry)}")
    for heir in unit.successors:
        print(f"  kế thừa / successor: {heir.unit_id}{'*' * heir.default} từ {heir.from_date or '…'}")
    if final is None or final.unit_id != unit.unit_id:
        print(f"  văn bản đến nay thuộc / mail goes to: {final.unit_id if final else problem}")
    print(f"  phần mềm / system: {system}")


@agencies.command("history")
def history(
    code: Annotated[str | None, typer.Argument(help="Mã cơ quan; bỏ trống: mọi thay đổi.")] = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Ai đã đổi gì, khi nào, mới nhất trước (who changed what and when)."""

    async def look(registry: RegistryService) -> None:
        names = {system.id: system.name for system in await registry.systems()}
        for row in await registry.changes.history(code):
            at = row.at.astimezone(LOCAL)
            print(f"{at:%Y-%m-%d %H:%M:%S}  {row.kind:<9} {row.unit.unit_id}  {row.by}")
            before, after = ([] if a is None else [a] for a in (row.unit.before, row.unit.after))
            for line in diff_lines(compare(before, after), names):
                print(f"    {line}")

    _with_registry(home, config, look)


@agencies.command("add")
def add_agency(
    code: CodeArgument,
    name: Annotated[str, typer.Option("--name", help="Tên cơ quan.")],
    level: Annotated[Level, typer.Option("--level", help="Cấp.")],
    parent: Annotated[str | None, typer.Option("--parent", help="Mã cơ quan cấp trên.")] = None,
    preview: PreviewOption = False,
    yes: YesOption = False,
    by: ByOption = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Thêm một cơ quan (add an agency)."""
    order = AddUnit(code=code, name=name, level=level, parent=parent)
    _change(order, _How(preview=preview, yes=yes, by=by, home=home, config=config))


@agencies.command("rename")
def rename_agency(
    code: CodeArgument,
    name: Annotated[str, typer.Argument(help="Tên mới.")],
    preview: PreviewOption = False,
    yes: YesOption = False,
    by: ByOption = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Đổi tên một cơ quan (rename an agency)."""
    _change(Rename(code=code, name=name), _How(preview=preview, yes=yes, by=by, home=home, config=config))


@agencies.command("retire")
def retire_agency(
    code: CodeArgument,
    successor: Annotated[str | None, typer.Option("--successor", help="Mã đơn vị kế thừa.")] = None,
    no_successor: Annotated[
        bool, typer.Option("--no-successor", help="Không có kế thừa: văn bản gửi tới bị từ chối.")
    ] = False,
    on: OnOption = None,
    preview: PreviewOption = False,
    yes: YesOption = False,
    by: ByOption = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Cho một cơ quan ngừng hoạt động; nơi kế thừa nhận văn bản từ ngày đó (retire an agency)."""
    if (successor is None) != no_successor:
        raise Misuse(
            "cần đúng một trong hai: --successor, hoặc --no-successor",
            "give either --successor or --no-successor",
        )
    heirs = () if successor is None else (successor,)
    how = _How(preview=preview, yes=yes, by=by, home=home, config=config)
    _end((code,), heirs, None, on, how=how)


@agencies.command("merge")
def merge_agencies(
    units: Annotated[list[str], typer.Argument(help="Các cơ quan sáp nhập.")],
    into: Annotated[str, typer.Option("--into", help="Mã đơn vị tiếp nhận (có thể là một trong số đó).")],
    on: OnOption = None,
    preview: PreviewOption = False,
    yes: YesOption = False,
    by: ByOption = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Sáp nhập các cơ quan vào một (merge agencies into one)."""
    ending = items_of(units)
    if len(set(ending)) < 2:
        raise Misuse(
            "sáp nhập cần ít nhất hai cơ quan; một cơ quan thì dùng `agency retire`",
            "a merger takes two agencies or more; `agency retire` takes one",
        )
    how = _How(preview=preview, yes=yes, by=by, home=home, config=config)
    _end(ending, (into,), None, on, how=how)


@agencies.command("split")
def split_agency(
    code: CodeArgument,
    into: Annotated[
        list[str], typer.Option("--into", help="Mã các đơn vị kế thừa (lặp lại, hoặc cách bằng dấu phẩy).")
    ],
    default: Annotated[str, typer.Option("--default", help="Đơn vị nhận văn bản gửi tới mã cũ.")],
    on: OnOption = None,
    preview: PreviewOption = False,
    yes: YesOption = False,
    by: ByOption = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Chia tách một cơ quan (split an agency)."""
    how = _How(preview=preview, yes=yes, by=by, home=home, config=config)
    _end((code,), items_of(into), default, on, how=how)


@agencies.command("lock")
def lock_agency(
    code: CodeArgument, by: ByOption = None, home: HomeOption = None, config: ConfigOption = None
) -> None:
    """Khóa một cơ quan: không gửi, không nhận (lock an agency)."""
    who = name_of(by)
    _with_registry(home, config, lambda r: r.set_unit_state(code, UnitState.LOCKED, by=who))
    print(f"đã khóa {code}")


@agencies.command("unlock")
def unlock_agency(
    code: CodeArgument, by: ByOption = None, home: HomeOption = None, config: ConfigOption = None
) -> None:
    """Mở khóa một cơ quan (unlock an agency)."""
    who = name_of(by)
    _with_registry(home, config, lambda r: r.set_unit_state(code, UnitState.ACTIVE, by=who))
    print(f"đã mở khóa {code}")


@codes.command("add")
def add_code(
    code: CodeArgument,
    new: Annotated[str, typer.Argument(help="Mã thêm.")],
    first: Annotated[str | None, typer.Option("--from", help="Ngày đầu có hiệu lực.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Ngày cuối có hiệu lực.")] = None,
    preview: PreviewOption = False,
    yes: YesOption = False,
    by: ByOption = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Thêm một mã cho cơ quan (let an agency answer to one more code)."""
    order = AddCode(code=code, new=new, valid_from=day_of(first), valid_to=day_of(last))
    _change(order, _How(preview=preview, yes=yes, by=by, home=home, config=config))


@codes.command("end")
def end_code(
    code: Annotated[str, typer.Argument(help="Mã kết thúc.")],
    last: Annotated[str, typer.Option("--to", help="Ngày cuối có hiệu lực.")],
    preview: PreviewOption = False,
    yes: YesOption = False,
    by: ByOption = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Cho một mã hết hiệu lực; mã vẫn dẫn tới đơn vị tới khi có đơn vị khác dùng (end a code)."""
    day = day_of(last)
    assert day is not None  # the option is required
    _change(EndCode(code=code, valid_to=day), _How(preview=preview, yes=yes, by=by, home=home, config=config))


def _end(
    ending: tuple[str, ...],
    heirs: tuple[str, ...],
    default: str | None,
    on: str | None,
    *,
    how: _How,
) -> None:
    day = day_of(on)

    async def order(registry: RegistryService) -> Order:
        first = day or await registry.changes.today()
        return Retire(codes=ending, successors=heirs, default=default, on=first)

    _change(order, how)


@dataclass(frozen=True, slots=True, kw_only=True)
class _How:
    """How a change is to be made, as the options say it."""

    preview: bool
    yes: bool
    by: str | None
    home: Path | None
    config: Path | None
    as_json: bool = False


def _change(change: Import | Order | Callable[[RegistryService], Awaitable[Order]], how: _How) -> None:
    """Show a change, ask, carry out what was shown."""
    who = name_of(how.by)

    async def work(registry: RegistryService) -> bool:
        made = await change(registry) if callable(change) else change
        seen = await registry.changes.preview(made)
        _show(seen, as_json=how.as_json)
        if how.preview or not seen.diff:
            return True
        if not how.yes and not _confirmed(seen):
            return False
        directory = await registry.changes.carry_out(made, by=who, version=seen.version)
        if not how.as_json:
            print(f"{len(directory)} đơn vị, mã phiên bản {directory.snapshot_id[:12]}")
        return True

    if not _with_registry(how.home, how.config, work):
        raise typer.Exit(1)


def _show(seen: Preview, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(preview_json(seen), ensure_ascii=False, indent=2))
        return
    for line in preview_lines(seen):
        print(line)
    if not seen.diff:
        print("Không có khác biệt / no difference")


def _confirmed(seen: Preview) -> bool:
    if sys.stdin.isatty() and sys.stdout.isatty():
        return typer.confirm("Thực hiện / carry it out?", default=False)
    if seen.diff.loses:
        print(
            "Thay đổi này làm mất đơn vị, mã hoặc kết nối. Xem lại danh sách trên rồi thêm --yes.\n"
            "This change loses agencies, codes or connections: look at the list, then add --yes "
            "[confirmation_needed]",
            file=sys.stderr,
        )
        return False
    return True


def _parsed(file: Path | None, *, demo: bool) -> ParsedDirectory:
    if (file is None) == (not demo):
        raise Misuse("cần đúng một trong hai: tệp CSV, hoặc --demo", "give either a CSV file or --demo")
    return parse(binh_duong_csv() if file is None else _text_of(file))


def _text_of(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return decode(opened.read(FILE_MAX + 1))
    except OSError as error:
        why = system_reason(error)
        raise Misuse(f"không đọc được {file}: {why.vi}", f"{file} cannot be read: {why.en}") from None
