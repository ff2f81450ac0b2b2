"""`lienthong trust …`: the authorities whose signatures count, kept as files in a folder."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, NoReturn, TypeVar

import typer

from hub.bootstrap import online_rules
from hub.cli.options import HomeOption, day_of
from hub.config import load_settings
from signing import trust_admin
from signing.anchors import AnchorRule, Purpose
from signing.errors import SigningError
from signing.online import OnlineSource
from signing.trust import TrustStore
from signing.trust_admin import Kind, Limits, Problem, Shown

T = TypeVar("T")

trust = typer.Typer(no_args_is_help=True, help="CA tin cậy (trusted certification authorities).")

FolderOption = Annotated[
    Path | None,
    typer.Option("--trust", help="Thư mục CA tin cậy; mặc định của trục (LIENTHONG_TRUST_FOLDER)."),
]
PurposeOption = Annotated[
    list[Purpose] | None, typer.Option("--purpose", help="Tin cậy cho: document, timestamp, ocsp.")
]
FromOption = Annotated[str | None, typer.Option("--from", help="Chỉ cho chữ ký từ ngày (YYYY-MM-DD).")]
UntilOption = Annotated[str | None, typer.Option("--until", help="Chỉ cho chữ ký đến hết ngày (YYYY-MM-DD).")]
Sha1Option = Annotated[
    str | None, typer.Option("--sha1-until", help="Chấp nhận SHA-1 trong chứng thư CA đến hết ngày.")
]

_KINDS: Final = {
    Kind.ROOT: "CA gốc",
    Kind.INTERMEDIATE: "CA trung gian",
    Kind.RESPONDER: "dịch vụ OCSP",
    Kind.HOLDER: "chứng thư người dùng",
}
_PURPOSES: Final = {Purpose.DOCUMENT: "ký văn bản", Purpose.TIMESTAMP: "dấu thời gian", Purpose.OCSP: "OCSP"}
_PROBLEMS: Final[dict[str, tuple[str, str]]] = {
    "no_anchor": ("chưa có CA gốc nào: mọi chữ ký sẽ là chưa đủ căn cứ", "no anchor: nobody is trusted"),
    "unknown_anchor": ("không thuộc danh sách CA quốc gia đã biết", "not one of the known national roots"),
    "not_an_authority": ("không phải chứng thư CA", "no certification authority"),
    "closed": ("đã đóng cho chữ ký mới từ sau ngày", "closed for signatures after"),
    "expired": ("đã hết hạn ngày; vẫn cần cho chữ ký cũ", "has expired; old signatures still need it"),
    "expires_soon": ("sắp hết hạn: hãy xin chứng thư mới của CA", "expires soon: get the successor"),
    "no_root": ("không dẫn tới CA gốc nào đang cài", "leads to no installed root"),
    "list_old": ("danh sách thu hồi đã quá hạn", "the revocation list is out of date"),
    "unreadable": ("không đọc được thời hạn", "its dates cannot be read"),
}
_ERRORS: Final[dict[str, str]] = {
    "trust_file_key": "Tệp có khóa bí mật. Chỉ cài chứng thư của CA; hãy cất khóa ở nơi an toàn.",
    "trust_file_unreadable": "Không đọc được chứng thư nào trong tệp.",
    "trust_not_an_authority": "Đây là chứng thư của người hoặc cơ quan: hãy cài CA đã cấp nó.",
    "trust_signature_wrong": "Chữ ký của chính chứng thư sai: tệp bị hỏng hoặc bị sửa.",
    "trust_limits_on_intermediate": "Mục đích và ngày là của CA gốc, không đặt cho CA trung gian.",
    "trust_responder": "Chứng thư OCSP chỉ đi với --purpose ocsp, và ngược lại.",
    "trust_dates": "Ngày --from sau ngày --until.",
    "trust_which": "Phần đầu dấu vân tay phải chỉ đúng một chứng thư: xem `lienthong trust list`.",
    "trust_several_in_file": "Tệp chứa nhiều chứng thư: hãy sửa tệp.",
    "trust_folder_missing": "Không có thư mục CA tin cậy.",
    "anchor_list": "Không đọc được tệp quy tắc của CA.",
}


@trust.command("list")
def list_anchors(folder: FolderOption = None, home: HomeOption = None) -> None:
    """Liệt kê CA tin cậy, mục đích, thời hạn (list what is trusted)."""
    place = _folder(folder, home)
    store = _told(lambda: TrustStore.from_folder(place))
    for certificate in store.anchors:
        shown = trust_admin.show(certificate)
        _print_line(shown, store.rule_of(certificate))
    for certificate in store.intermediates:
        _print_line(trust_admin.show(certificate), None)
    lists = f", {len(store.lists)} danh sách thu hồi" if store.lists else ""
    print(f"{place}: {len(store.anchors)} CA gốc, {len(store.intermediates)} CA trung gian{lists}")
    print(f"phiên bản / version {store.version}")


@trust.command("show")
def show_file(
    file: Annotated[Path, typer.Argument(help="Tệp chứng thư (DER, PEM, PKCS#7).", metavar="FILE")],
) -> None:
    """Cho biết tệp chứng thư là gì (say what a certificate file is)."""
    for shown in _told(lambda: trust_admin.read(file)):
        _describe(shown)


@trust.command("add")
def add_file(
    file: Annotated[Path, typer.Argument(help="Tệp chứng thư lấy từ chính CA.", metavar="FILE")],
    purpose: PurposeOption = None,
    since: FromOption = None,
    until: UntilOption = None,
    sha1_until: Sha1Option = None,
    yes: Annotated[bool, typer.Option("--yes", help="Đã so dấu vân tay; không hỏi lại.")] = False,
    folder: FolderOption = None,
    home: HomeOption = None,
) -> None:
    """Cài CA gốc hoặc CA trung gian, sau khi so dấu vân tay (install an authority)."""
    place, limits = _folder(folder, home), _limits(purpose, since, until, sha1_until)
    found = _told(lambda: trust_admin.read(file))
    # Several in one file: all or none.
    chosen = [limits if s.kind is not Kind.INTERMEDIATE or len(found) == 1 else Limits() for s in found]
    for shown, its in zip(found, chosen, strict=True):
        _describe(shown)
        _told(functools.partial(trust_admin.check_addable, shown, its))
    question = "Đã so dấu vân tay SHA-256 với CA qua một kênh khác (compared with the CA)?"
    if not yes and not typer.confirm(question, default=False):
        print("Chưa cài gì.")
        raise typer.Exit(1)
    place.mkdir(parents=True, exist_ok=True)
    for shown, its in zip(found, chosen, strict=True):
        path = _told(functools.partial(trust_admin.add, place, shown, its))
        print(f"đã cài {shown.name}: {path}")


@trust.command("limit")
def limit_anchor(
    fingerprint: Annotated[str, typer.Argument(help="Phần đầu dấu vân tay SHA-256 của CA gốc.")],
    purpose: PurposeOption = None,
    since: FromOption = None,
    until: UntilOption = None,
    sha1_until: Sha1Option = None,
    folder: FolderOption = None,
    home: HomeOption = None,
) -> None:
    """Đặt lại mục đích và ngày của CA gốc; đóng một CA cũ bằng --until (limit what an anchor is for)."""
    place, limits = _folder(folder, home), _limits(purpose, since, until, sha1_until)
    store = _told(lambda: TrustStore.from_folder(place))
    wanted = fingerprint.replace(":", "").replace(" ", "").lower()
    anchors = {s.sha256: s for c in store.anchors if (s := trust_admin.show(c)).sha256.startswith(wanted)}
    if not wanted or len(anchors) != 1 or limits.is_empty:
        _fail("trust_which", f"{len(anchors)} anchors begin with {fingerprint}, or nothing to set")
    (shown,) = anchors.values()
    _told(lambda: trust_admin.limit(place, shown, limits))
    print(f"đã đặt lại {shown.name}")


@trust.command("remove")
def remove_anchor(
    fingerprint: Annotated[str, typer.Argument(help="Phần đầu dấu vân tay SHA-256.")],
    folder: FolderOption = None,
    home: HomeOption = None,
) -> None:
    """Gỡ chứng thư CA khỏi thư mục; tệp chuyển sang removed/ (take an authority out)."""
    for path in _told(lambda: trust_admin.remove(_folder(folder, home), fingerprint)):
        print(f"đã gỡ: {path}")
    print("Chữ ký cũ dưới CA này sẽ thành chưa đủ căn cứ. Để chỉ đóng cho chữ ký mới: trust limit … --until.")


@trust.command("check")
def check_folder(folder: FolderOption = None, home: HomeOption = None) -> None:
    """Soát thư mục: hết hạn, không rõ nguồn, thiếu CA gốc (look for what is wrong); 1 nếu cần xử lý."""
    store = _told(lambda: TrustStore.from_folder(_folder(folder, home)))
    problems = trust_admin.check(store, datetime.now(UTC))
    for problem in problems:
        _print_problem(problem)
    if any(p.grave for p in problems):
        raise typer.Exit(1)
    print("không có việc phải xử lý (nothing needs an action)")


@trust.command("update")
def update_cache(folder: FolderOption = None, home: HomeOption = None) -> None:
    """Tải trước danh sách thu hồi của các CA đã cài (fetch revocation lists ahead); 1 nếu có lỗi."""
    settings = load_settings(home=home)
    store = _told(lambda: TrustStore.from_folder(_folder(folder, home)))
    source, failed, now = OnlineSource(online_rules(settings)), False, datetime.now(UTC)
    for certificate in store.intermediates:
        path = store.path(certificate, at=now).path
        if len(path) < 2:
            continue
        for url, problem in source.session().prefetch(certificate, path[1]):
            failed = failed or bool(problem)
            print(f"{url}: {problem or 'đã tải'}")
    if failed:
        raise typer.Exit(1)


def _folder(folder: Path | None, home: Path | None) -> Path:
    return folder if folder is not None else load_settings(home=home).trust_path


def _told(action: Callable[[], T]) -> T:
    try:
        return action()
    except SigningError as error:
        _fail(error.code, str(error))


def _fail(code: str, english: str) -> NoReturn:
    print(f"{_ERRORS.get(code, english)}\n{english} [{code}]", file=sys.stderr)
    raise typer.Exit(1)


def _limits(
    purpose: list[Purpose] | None, since: str | None, until: str | None, sha1_until: str | None
) -> Limits:
    return Limits(
        purposes=frozenset(purpose) if purpose else None,
        since=day_of(since),
        until=day_of(until),
        sha1_until=day_of(sha1_until),
    )


def _print_line(shown: Shown, rule: AnchorRule | None) -> None:
    print(f"{shown.sha256[:16]}  {_KINDS[shown.kind]:<14} {shown.name}")
    print(f"    {_span(shown.not_before, shown.not_after)}, {shown.key}, {shown.signature}")
    if shown.kind is not Kind.INTERMEDIATE:
        print(f"    {_rule(rule)}; {_source(shown)}")


def _rule(rule: AnchorRule | None) -> str:
    purposes = rule.purposes if rule is not None else frozenset({Purpose.DOCUMENT, Purpose.TIMESTAMP})
    said = ", ".join(_PURPOSES[p] for p in Purpose if p in purposes)
    if rule is not None and (rule.since is not None or rule.until is not None):
        said += f"; chữ ký {_span(rule.since, rule.until)}"
    if rule is not None and rule.sha1_until is not None:
        said += f"; SHA-1 đến {rule.sha1_until.date().isoformat()}"
    return said


def _span(since: datetime | None, until: datetime | None) -> str:
    return f"{since.date() if since else '…'} .. {until.date() if until else '…'}"


def _source(shown: Shown) -> str:
    if shown.known is None:
        return "KHÔNG thuộc danh sách CA quốc gia đã biết"
    return f"CA quốc gia đã biết ({shown.known.generation or shown.known.name})"


def _describe(shown: Shown) -> None:
    digits = shown.sha256.upper()
    print(f"{_KINDS[shown.kind]}: {shown.name}")
    print(f"    hiệu lực {_span(shown.not_before, shown.not_after)}")
    print(f"    khóa {shown.key}, ký bằng {shown.signature}")
    print(f"    SHA-256 {' '.join(digits[i : i + 8] for i in range(0, len(digits), 8))}")
    if shown.kind is Kind.ROOT:
        print(f"    {_source(shown)}")


def _print_problem(problem: Problem) -> None:
    vi, en = _PROBLEMS[problem.code]
    mark = "!!" if problem.grave else " -"
    print(f"{mark} {problem.name or '–'}: {vi} {problem.detail} ({en}) [{problem.code}]")
