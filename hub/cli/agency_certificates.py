"""`lienthong agency certificate …`: what an agency signs with, confirmed by a person."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import date, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from hub.bootstrap import open_registry
from hub.cli.options import ByOption, ConfigOption, HomeOption, JsonOption, at_work, day_of, name_of
from hub.domain.signers import CertificateState, SignerKind
from hub.ports.signatures import CertificateRow
from hub.services.directory_admin import LOCAL
from hub.services.registry import RegistryService

T = TypeVar("T")

certificates = typer.Typer(no_args_is_help=True, help="Chứng thư số của cơ quan (certificates of agencies).")

CodeArgument = Annotated[str, typer.Argument(help="Mã định danh cơ quan.")]
FingerprintArgument = Annotated[str, typer.Argument(help="SHA-256 của chứng thư; đủ 8 chữ số đầu là được.")]


class Kind(StrEnum):
    """Whose certificate it is."""

    PERSON = SignerKind.PERSON.value
    ORGANISATION = SignerKind.ORGANISATION.value


def _registry(home: Path | None, config: Path | None, action: Callable[[RegistryService], Awaitable[T]]) -> T:
    return at_work(open_registry, action, home=home, config=config)


@certificates.command("list")
def list_certificates(
    code: Annotated[str | None, typer.Argument(help="Mã cơ quan; bỏ trống: mọi cơ quan.")] = None,
    state: Annotated[CertificateState | None, typer.Option("--state", help="Chỉ trạng thái này.")] = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Liệt kê chứng thư của cơ quan, mới nhất trước (list certificates of agencies)."""
    rows = _registry(home, config, lambda r: r.certificates.list(code=code, state=state))
    if as_json:
        print(json.dumps([_json(row) for row in rows], ensure_ascii=False, indent=2))
        return
    for row in rows:
        _print(row)


@certificates.command("confirm")
def confirm(
    code: CodeArgument,
    fingerprint: FingerprintArgument,
    by: ByOption = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Xác nhận chứng thư là của cơ quan; có hiệu lực từ văn bản kế tiếp (confirm a certificate)."""
    _decide(code, fingerprint, CertificateState.CONFIRMED, by=by, home=home, config=config)


@certificates.command("refuse")
def refuse(
    code: CodeArgument,
    fingerprint: FingerprintArgument,
    by: ByOption = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Từ chối: chứng thư không phải của cơ quan này (say that a certificate is not this agency's)."""
    _decide(code, fingerprint, CertificateState.REFUSED, by=by, home=home, config=config)


@certificates.command("add")
def add(
    code: CodeArgument,
    file: Annotated[Path, typer.Argument(help="Tệp chứng thư (PEM hoặc DER).", exists=True, dir_okay=False)],
    kind: Annotated[Kind, typer.Option("--kind", help="Của cá nhân hay của cơ quan.")] = Kind.ORGANISATION,
    first: Annotated[str | None, typer.Option("--from", help="Ngày đầu có hiệu lực.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Ngày cuối có hiệu lực.")] = None,
    by: ByOption = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Thêm chứng thư của cơ quan từ tệp, coi như đã xác nhận (add a confirmed certificate)."""
    since, until, who = day_of(first), day_of(last), name_of(by)
    _print(
        _registry(
            home,
            config,
            lambda r: r.certificates.add(
                code,
                file,
                kind=SignerKind(kind.value),
                first=_moment(since, time.min),
                last=_moment(until, time.max),
                by=who,
            ),
        )
    )


def _decide(
    code: str,
    fingerprint: str,
    state: CertificateState,
    *,
    by: str | None,
    home: Path | None,
    config: Path | None,
) -> None:
    who = name_of(by)
    _print(_registry(home, config, lambda r: r.certificates.decide(code, fingerprint, state, by=who)))


def _moment(day: date | None, at: time) -> datetime | None:
    return None if day is None else datetime.combine(day, at, tzinfo=LOCAL)


def _print(row: CertificateRow) -> None:
    one = row.certificate
    print(f"{one.unit_id:<16} {one.state.value:<9} {one.kind.value:<12} {one.fingerprint.hex()}")
    print(f"    {row.subject}; {_day(one.valid_from)} – {_day(one.valid_to)}; {row.changed_by}")


def _day(moment: datetime | None) -> str:
    return "…" if moment is None else moment.astimezone(LOCAL).date().isoformat()


def _json(row: CertificateRow) -> dict[str, str | None]:
    one = row.certificate
    return {
        "unit": one.unit_id,
        "sha256": one.fingerprint.hex(),
        "kind": one.kind.value,
        "state": one.state.value,
        "subject": row.subject,
        "from": one.valid_from.isoformat() if one.valid_from else None,
        "to": one.valid_to.isoformat() if one.valid_to else None,
        "document_id": str(row.document_id) if row.document_id else None,
        "changed_by": row.changed_by,
    }
