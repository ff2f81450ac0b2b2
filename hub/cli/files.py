"""`lienthong validate` and `lienthong verify`: files on the desk, without a hub."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from hub.services.message_parts import message_parts
from schemas.split import is_older
from schemas.validate import run_validate
from signing.command import run_verify
from signing.online import OnlineRules

# Certificates before and after these do not exist, and arithmetic near the ends of time does not work.
YEARS: Final = range(1970, 2200)
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
    existed_by: Annotated[
        str | None,
        typer.Option("--existed-by", help="Tệp chắc chắn đã có từ lúc này, ví dụ theo biên nhận (RFC 3339)."),
    ] = None,
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
            at=_moment(at, "--at"),
            existed_by=_moment(existed_by, "--existed-by"),
            content=content or [],
            policy=policy,
            show_personal=show_personal,
            out=sys.stdout,
            err=sys.stderr,
            online=_online_rules() if online else None,
            as_etsi=as_etsi,
            pdf=pdf,
            message_parts=message_parts,
            is_older_message=is_older,
        )
    )


def _online_rules() -> OnlineRules:
    # The hub's settings are large to load, and needed for nothing else here.
    from hub.bootstrap import online_rules  # noqa: PLC0415
    from hub.config import load_settings  # noqa: PLC0415

    return online_rules(load_settings())


def _moment(text: str | None, option: str) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or moment.year not in YEARS:
        print(
            f"lienthong verify: {option} {text!r} không phải thời điểm RFC 3339 dùng được"
            f" / no usable RFC 3339 time [bad_time]",
            file=sys.stderr,
        )
        raise typer.Exit(3)
    return moment
