"""`lienthong sign`: files on the desk, in one go or in two steps around a key that is elsewhere.

`lienthong sign FILE…` is short for `lienthong sign file FILE…`. `lienthong sign log` shows what was signed by
the hub for systems.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperGroup

from hub.bootstrap import online_rules, open_rows
from hub.cli.options import ConfigOption, HomeOption, JsonOption, at_work
from hub.cli.usage import Misuse
from hub.config import load_settings
from hub.domain.times import rfc3339
from hub.ports.signing_records import SigningRecord
from hub.ports.unit_of_work import UnitOfWork
from signing.roles import Look

if TYPE_CHECKING:
    from typer import Context

    from signing.pades import SignatureOptions
    from signing.sign_command import SignRequest
    from signing.sign_look import LookRequest

DEFAULT: Final = "file"


class _Level(StrEnum):
    """As `signing.sign_command.Level`, which is dear to import."""

    B_B = "B-B"
    B_T = "B-T"
    B_LT = "B-LT"
    B_LTA = "B-LTA"


class _FileFirst(TyperGroup):
    """A group whose first word may be left out."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:  # type: ignore[override]
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


sign = typer.Typer(
    cls=_FileFirst, no_args_is_help=False, help="Ký số tệp PDF, XML, edXML, hoặc nhiều tệp (sign files)."
)

File = Annotated[Path, typer.Argument(help="Tệp PDF, XML hoặc edXML.", metavar="FILE")]
Out = Annotated[Path | None, typer.Option("--out", help="Tệp đích (nhiều tệp: thư mục); không ghi đè.")]
LookOption = Annotated[
    Look | None, typer.Option("--role", help="Vai trò và hình thức chữ ký; bỏ trống: không hiển thị.")
]
Text = Annotated[str | None, typer.Option("--text", help="Nội dung hiển thị.")]
Anchor = Annotated[str | None, typer.Option("--anchor", help="Dòng chữ trong tệp để đặt chữ ký.")]
Box = Annotated[str | None, typer.Option("--box", help="Vị trí: trang,trái,dưới,phải,trên.")]
Picture = Annotated[Path | None, typer.Option("--picture", help="Hình chữ ký (PNG).")]
Field = Annotated[str | None, typer.Option("--field", help="Tên trường chữ ký.")]
Reason = Annotated[str | None, typer.Option("--reason", help="Lý do ký.")]
Location = Annotated[str | None, typer.Option("--location", help="Nơi ký.")]
Authorities = Annotated[
    list[str] | None, typer.Option("--tsa", help="Địa chỉ dịch vụ dấu thời gian; hỏi lần lượt.")
]
Enveloping = Annotated[bool, typer.Option("--enveloping", help="Bọc tệp trong một chữ ký XML.")]
Force = Annotated[bool, typer.Option("--force", help="Ký dù chữ ký cuối không hợp lệ.")]
LevelOption = Annotated[
    _Level | None, typer.Option("--level", help="Mức chữ ký; mặc định B-T khi có --tsa, nếu không B-B.")
]
Trust = Annotated[Path | None, typer.Option("--trust", help="Thư mục chứng thư CA tin cậy (B-LT, B-LTA).")]
Online = Annotated[
    bool, typer.Option("--online/--offline", help="Hỏi CA qua mạng để lấy bằng chứng thu hồi.")
]


@sign.command("log")
def show_log(
    system: Annotated[str | None, typer.Option("--system", help="Chỉ của phần mềm này.")] = None,
    digest: Annotated[
        str | None, typer.Option("--sha256", help="Chỉ lần ký có tệp (đưa vào, ký xong) với giá trị này.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Số dòng nhiều nhất.")] = 100,
    as_json: JsonOption = False,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Nhật ký ký số qua trục: ai, khóa nào, tệp nào, kết quả; mới nhất trước (what the hub's keys signed)."""
    wanted = _digest(digest)

    async def newest(rows: UnitOfWork) -> Sequence[SigningRecord]:
        async with rows.read() as query:
            return await query.signings.newest(system_name=system, digest=wanted, limit=limit)

    found = [_shown(each) for each in at_work(open_rows, newest, home=home, config=config)]
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for row in found:
        said = f"{row['action']:<8} {row['result']:<10}"
        print(f"{row['begun_at']}  {said} {row['system']}  {row['key'] or '-'}")
        for name in row["files"]:
            print(f"    {name}")
        print(f"    -> {row['made'] or row['reason'] or '?'}")


def _digest(text: str | None) -> bytes | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9A-Fa-f]{64}", text):
        raise Misuse(
            f"{text!r} không phải SHA-256 (64 chữ số hex)", f"{text!r} is no SHA-256 (64 hex digits)"
        )
    return bytes.fromhex(text)


def _shown(record: SigningRecord) -> dict[str, Any]:
    begun, ended = record.begun, record.ended
    return {
        "id": str(begun.id),
        "begun_at": rfc3339(record.begun_at),
        "ended_at": rfc3339(record.ended_at) if record.ended_at is not None else None,
        "system": begun.system_name,
        "api_key": begun.api_key,
        "action": begun.action.value,
        "key": begun.key_name or None,
        "files": [each.hex() for each in begun.files],
        "result": ended.result.value,
        "reason": ended.reason,
        "made": ended.made.hex() if ended.made is not None else None,
    }


@sign.command(DEFAULT)
def sign_files(
    files: Annotated[list[Path], typer.Argument(help="Tệp PDF, XML hoặc edXML.", metavar="FILE…")],
    key: Annotated[str, typer.Option("--key", help="Tệp khóa PKCS#12, PEM, hoặc địa chỉ pkcs11:….")],
    certificate: Annotated[
        Path | None, typer.Option("--certificate", help="Tệp chứng thư, nếu không nằm cùng khóa PEM.")
    ] = None,
    passphrase_file: Annotated[
        Path | None, typer.Option("--passphrase-file", help="Tệp chứa mật khẩu (mã PIN) của khóa.")
    ] = None,
    passphrase_env: Annotated[
        str | None, typer.Option("--passphrase-env", help="Tên biến môi trường chứa mật khẩu.")
    ] = None,
    output: Out = None,
    asic: Annotated[
        Path | None, typer.Option("--asic", help="Ký tất cả các tệp trong một gói ASiC-E mới.")
    ] = None,
    look: LookOption = None,
    text: Text = None,
    anchor: Anchor = None,
    box: Box = None,
    picture: Picture = None,
    field: Field = None,
    reason: Reason = None,
    location: Location = None,
    level: LevelOption = None,
    authorities: Authorities = None,
    trust: Trust = None,
    online: Online = True,
    enveloping: Enveloping = False,
    force: Force = False,
    as_json: Annotated[bool, typer.Option("--json", help="In kết quả từng tệp bằng JSON.")] = False,
) -> None:
    """Ký số tệp PDF, XML: 0 đã ký, 1 bị từ chối, 2 sai tham số, 3 khóa hoặc tệp lỗi (sign files)."""
    # What draws and signs is large: no other command should pay for those imports.
    from signing.sign_command import run_sign  # noqa: PLC0415
    from signing.sign_many import run_container, run_many  # noqa: PLC0415

    request = _request(
        files[0],
        key=key,
        certificate=certificate,
        passphrase=(passphrase_file, passphrase_env),
        output=asic or output,
        look=_look(look, text, anchor, box),
        picture=picture,
        options=_options(field, reason, location, force=force),
        stamping=(level, authorities, trust, online),
        enveloping=enveloping,
    )
    usual = {"now": _now(), "environment": os.environ, "out": sys.stdout, "err": sys.stderr}
    if asic is not None:
        if output is not None:
            raise Misuse("chỉ dùng một trong: --asic, --out", "give one of --asic, --out")
        raise typer.Exit(run_container(request, files, **usual))  # type: ignore[arg-type]
    if len(files) > 1 or as_json:
        raise typer.Exit(run_many(request, files, as_json=as_json, **usual))  # type: ignore[arg-type]
    raise typer.Exit(run_sign(request, **usual))  # type: ignore[arg-type]


@sign.command("prepare")
def prepare(
    file: File,
    certificate: Annotated[
        Path, typer.Option("--certificate", help="Chứng thư người ký và chuỗi chứng thư (PEM, DER).")
    ],
    to_sign: Annotated[Path, typer.Option("--to-sign", help="Nơi ghi dữ liệu cần ký.")],
    state: Annotated[Path, typer.Option("--state", help="Nơi ghi trạng thái để hoàn tất sau.")],
    look: LookOption = None,
    text: Text = None,
    anchor: Anchor = None,
    box: Box = None,
    picture: Picture = None,
    field: Field = None,
    reason: Reason = None,
    location: Location = None,
    enveloping: Enveloping = False,
    force: Force = False,
) -> None:
    """Chuẩn bị ký bằng khóa ở nơi khác (prepare a signature whose key is elsewhere)."""
    from signing.sign_steps import PrepareRequest, run_prepare  # noqa: PLC0415

    request = _request(
        file,
        look=_look(look, text, anchor, box),
        picture=picture,
        options=_options(field, reason, location, force=force),
        enveloping=enveloping,
    )
    asked = PrepareRequest(sign=request, certificates=certificate, to_sign=to_sign, state=state)
    raise typer.Exit(run_prepare(asked, now=_now(), out=sys.stdout, err=sys.stderr))


@sign.command("finish")
def finish(
    file: File,
    state: Annotated[Path, typer.Option("--state", help="Trạng thái do bước chuẩn bị ghi.")],
    value: Annotated[Path, typer.Option("--value", help="Tệp chứa giá trị chữ ký.")],
    certificate: Annotated[
        Path | None, typer.Option("--certificate", help="Chuỗi chứng thư đi cùng giá trị chữ ký.")
    ] = None,
    output: Out = None,
    level: LevelOption = None,
    authorities: Authorities = None,
    trust: Trust = None,
    online: Online = True,
) -> None:
    """Hoàn tất chữ ký đã chuẩn bị (finish a prepared signature)."""
    from signing.sign_steps import FinishRequest, run_finish  # noqa: PLC0415

    request = _request(file, output=output, stamping=(level, authorities, trust, online))
    asked = FinishRequest(sign=request, state=state, value=value, certificates=certificate)
    raise typer.Exit(run_finish(asked, now=_now(), out=sys.stdout, err=sys.stderr))


def _request(
    file: Path,
    *,
    key: str = "",
    certificate: Path | None = None,
    passphrase: tuple[Path | None, str | None] = (None, None),
    output: Path | None = None,
    look: LookRequest | None = None,
    picture: Path | None = None,
    options: SignatureOptions | None = None,
    stamping: tuple[_Level | None, list[str] | None, Path | None, bool] = (None, None, None, False),
    enveloping: bool = False,
) -> SignRequest:
    from signing.sign_command import Level, SignRequest  # noqa: PLC0415

    level, authorities, trust, online = stamping
    asks = online and level in {_Level.B_LT, _Level.B_LTA}
    return SignRequest(
        file=file,
        key=key,
        certificate=certificate,
        passphrase_file=passphrase[0],
        passphrase_env=passphrase[1],
        output=output,
        enveloping=enveloping,
        look=look,
        picture=picture,
        options=options,
        authorities=tuple(authorities or ()),
        level=Level(level.value) if level is not None else None,
        trust=trust,
        online=online_rules(load_settings()) if asks else None,
    )


def _look(look: Look | None, text: str | None, anchor: str | None, box: str | None) -> LookRequest | None:
    from signing.sign_look import LookRequest  # noqa: PLC0415

    asked = LookRequest(look=look, text=text, anchor=anchor, box=box)
    return asked if asked != LookRequest(look=None) else None


def _options(
    field: str | None, reason: str | None, location: str | None, *, force: bool
) -> SignatureOptions | None:
    from signing.pades import SignatureOptions  # noqa: PLC0415

    chosen = SignatureOptions(field_name=field, reason=reason, location=location, force=force)
    return chosen if chosen != SignatureOptions() else None


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
