"""`lienthong validate`, `lienthong verify` and `lienthong sign`: files on the desk, without a hub."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hub.bootstrap import online_rules
from hub.config import load_settings
from schemas.validate import run_validate
from signing.command import run_verify
from signing.roles import Look

FilesArgument = Annotated[list[str], typer.Argument(help="Các tệp.", metavar="FILE…")]


class Language(StrEnum):
    """Languages of answers."""

    VI = "vi"
    EN = "en"


def validate(
    files: FilesArgument,
    as_json: Annotated[bool, typer.Option("--json", help="In kết quả JSON.")] = False,
    lang: Annotated[Language, typer.Option("--lang", help="Ngôn ngữ của câu trả lời.")] = Language.VI,
) -> None:
    """Kiểm tra tệp edXML: 0 hợp lệ, 1 bị từ chối, 3 không kiểm tra được (check edXML files)."""
    raise typer.Exit(run_validate(files, as_json=as_json, lang=lang.value, out=sys.stdout, err=sys.stderr))


def verify(
    files: FilesArgument,
    as_json: Annotated[bool, typer.Option("--json", help="In kết quả JSON.")] = False,
    no_trust: Annotated[
        bool, typer.Option("--no-trust", help="Bỏ qua chuỗi chứng thực, thu hồi, thời hạn.")
    ] = False,
    trust: Annotated[Path | None, typer.Option("--trust", help="Thư mục chứng thư CA tin cậy.")] = None,
    at: Annotated[str | None, typer.Option("--at", help="Kiểm tra tại thời điểm (RFC 3339).")] = None,
    content: Annotated[list[Path] | None, typer.Option("--content", help="Tệp được ký rời.")] = None,
    policy: Annotated[Path | None, typer.Option("--policy", help="Tệp chính sách.")] = None,
    online: Annotated[
        bool, typer.Option("--online/--offline", help="Hỏi CA qua mạng (OCSP, CRL, CA trung gian).")
    ] = False,
    show_personal: Annotated[bool, typer.Option("--show-personal", help="Không che số định danh.")] = False,
    as_etsi: Annotated[bool, typer.Option("--etsi", help="In báo cáo XML theo ETSI TS 119 102-2.")] = False,
    pdf: Annotated[Path | None, typer.Option("--pdf", help="Ghi báo cáo PDF để in ra tệp này.")] = None,
) -> None:
    """Kiểm tra chữ ký số: 0 hợp lệ, 1 không hợp lệ, 2 chưa đủ căn cứ, 3 lỗi (verify signatures)."""
    raise typer.Exit(
        run_verify(
            [Path(name) for name in files],
            as_json=as_json,
            no_trust=no_trust,
            trust=trust,
            at=_moment(at),
            content=content or [],
            policy=policy,
            show_personal=show_personal,
            out=sys.stdout,
            err=sys.stderr,
            online=online_rules(load_settings()) if online else None,
            as_etsi=as_etsi,
            pdf=pdf,
        )
    )


def sign(
    file: Annotated[Path, typer.Argument(help="Tệp PDF, XML hoặc edXML.", metavar="FILE")],
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
    output: Annotated[
        Path | None, typer.Option("--out", help="Tệp đích; mặc định thêm .signed, không ghi đè.")
    ] = None,
    look: Annotated[
        Look | None, typer.Option("--role", help="Vai trò và hình thức chữ ký; bỏ trống: không hiển thị.")
    ] = None,
    text: Annotated[str | None, typer.Option("--text", help="Nội dung hiển thị.")] = None,
    anchor: Annotated[str | None, typer.Option("--anchor", help="Dòng chữ trong tệp để đặt chữ ký.")] = None,
    box: Annotated[str | None, typer.Option("--box", help="Vị trí: trang,trái,dưới,phải,trên.")] = None,
    picture: Annotated[Path | None, typer.Option("--picture", help="Hình chữ ký (PNG).")] = None,
    field: Annotated[str | None, typer.Option("--field", help="Tên trường chữ ký.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Lý do ký.")] = None,
    location: Annotated[str | None, typer.Option("--location", help="Nơi ký.")] = None,
    authorities: Annotated[
        list[str] | None, typer.Option("--tsa", help="Địa chỉ dịch vụ dấu thời gian; hỏi lần lượt.")
    ] = None,
    enveloping: Annotated[bool, typer.Option("--enveloping", help="Bọc tệp trong một chữ ký XML.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Ký dù chữ ký cuối không hợp lệ.")] = False,
) -> None:
    """Ký số một tệp PDF, XML: 0 đã ký, 1 bị từ chối, 2 sai tham số, 3 khóa hoặc tệp lỗi (sign a file)."""
    # What draws and signs is large: no other command should pay for those imports.
    from signing.pades import SignatureOptions  # noqa: PLC0415
    from signing.sign_command import SignRequest, run_sign  # noqa: PLC0415
    from signing.sign_look import LookRequest  # noqa: PLC0415

    asked = LookRequest(look=look, text=text, anchor=anchor, box=box)
    chosen = SignatureOptions(field_name=field, reason=reason, location=location, force=force)
    request = SignRequest(
        file=file,
        key=key,
        certificate=certificate,
        passphrase_file=passphrase_file,
        passphrase_env=passphrase_env,
        output=output,
        enveloping=enveloping,
        look=asked if asked != LookRequest(look=None) else None,
        picture=picture,
        authorities=tuple(authorities or ()),
        options=chosen if chosen != SignatureOptions() else None,
    )
    moment = datetime.now(UTC).replace(microsecond=0)
    raise typer.Exit(run_sign(request, now=moment, environment=os.environ, out=sys.stdout, err=sys.stderr))


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        print(f"lienthong verify: --at {text!r} không phải thời điểm RFC 3339 [bad_time]", file=sys.stderr)
        raise typer.Exit(3) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
