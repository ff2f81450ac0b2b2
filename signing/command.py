"""`lienthong verify`: what the command line does with its files.

Exit codes [design §7]: 0 if every signature of every file is TOTAL-PASSED; 1 if any is TOTAL-FAILED; 2 if
anything is INDETERMINATE or has no signature; 3 for a usage error or a file that could not be examined. Of
several, 3 goes before 1 before 2 before 0.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from signing.algorithms import DEFAULT_ALGORITHMS
from signing.errors import SigningError, UsageError
from signing.messages import Code, conclusion
from signing.online import OnlineRules, OnlineSource
from signing.options import MessageParts, VerifyOptions
from signing.policy_file import load_policy
from signing.report import FileReport, Indication, SignatureReport
from signing.report_etsi import to_etsi
from signing.report_json import instant, mask_personal, to_json
from signing.trust import TrustStore
from signing.verify import verify_file

_SENTENCES = {
    "no_file": "Chưa chỉ tệp nào.",
    "one_file": "--etsi và --pdf chỉ dùng cho một tệp.",
    "options_conflict": "Các tùy chọn không đi cùng nhau.",
    "output_is_input": "Tệp báo cáo trùng với tệp cần kiểm tra: chọn tên khác bằng --pdf.",
    "time_without_zone": "Thời điểm phải có múi giờ, ví dụ 2026-01-05T08:30:00+07:00.",
    "content_missing": "Không có tệp nêu ở --content.",
    "trust_folder_missing": "Không có thư mục CA tin cậy.",
    "trust_file_unreadable": "Không đọc được một tệp trong thư mục CA tin cậy.",
    "policy_unreadable": "Không đọc được tệp chính sách thuật toán.",
    "anchor_list": "Không đọc được tệp quy tắc của CA.",
    "usage_error": "Tham số không dùng được.",
}
PASSED, FAILED, UNCERTAIN, UNUSABLE = 0, 1, 2, 3
_UNEXAMINED = frozenset({Code.FILE_UNREADABLE.value, Code.INTERNAL_ERROR.value})


def run_verify(  # noqa: PLR0913 - the command's options, one by one
    files: Sequence[Path],
    *,
    as_json: bool,
    no_trust: bool,
    trust: Path | None,
    at: datetime | None,
    content: Sequence[Path],
    policy: Path | None,
    show_personal: bool,
    out: TextIO,
    err: TextIO,
    online: OnlineRules | None = None,
    as_etsi: bool = False,
    pdf: Path | None = None,
    message_parts: MessageParts | None = None,
    is_older_message: Callable[[bytes], bool] | None = None,
    existed_by: datetime | None = None,
) -> int:
    """Verify, print, and say how it went; `online` lets authorities be asked over the network.

    `existed_by` is a time by which the files are known to have existed: the caller's word, as by a receipt.

    `as_etsi` prints ETSI TS 119 102-2 XML, `pdf` writes the printable report: both of one file alone.
    """
    try:
        _refuse_combinations(files, as_json=as_json, as_etsi=as_etsi, pdf=pdf)
        _refuse_overwriting(pdf, (*files, *content))
        options = _options(no_trust=no_trust, trust=trust, at=at, content=content, policy=policy)
        _refuse_without_zone(existed_by, "--existed-by")
        options = replace(
            options,
            message_parts=message_parts,
            is_older_message=is_older_message,
            existed_by=existed_by,
        )
        if online is not None:
            options = replace(options, online=OnlineSource(online))
    except SigningError as error:
        vietnamese = _SENTENCES.get(error.code, _SENTENCES["usage_error"])
        print(f"lienthong verify: {vietnamese} / {error} [{error.code}]", file=err)
        return UNUSABLE
    reports = [verify_file(path, name=str(path), options=options) for path in files]
    if as_etsi:
        print(to_etsi(reports[0], at=datetime.now(UTC), show_personal=show_personal).decode(), file=out)
    elif as_json:
        document = [to_json(r, show_personal=show_personal) for r in reports]
        print(json.dumps(document, ensure_ascii=False, indent=2), file=out)
    else:
        for report in reports:
            _print(report, out, show_personal=show_personal)
    if pdf is not None and not _written(reports[0], files[0], pdf, show_personal=show_personal):
        print(f"lienthong verify: không ghi được {pdf} / cannot write it [pdf_not_written]", file=err)
        return UNUSABLE
    for file, item in ((r.file, f) for r in reports for f in r.findings if f.code in _UNEXAMINED):
        print(f"{file}: {item.vi} [{item.code}]", file=err)
    return max((exit_code(r) for r in reports), key=(PASSED, UNCERTAIN, FAILED, UNUSABLE).index)


def _refuse_combinations(files: Sequence[Path], *, as_json: bool, as_etsi: bool, pdf: Path | None) -> None:
    if not files:
        raise UsageError("no file given", code="no_file")
    if (as_etsi or pdf is not None) and len(files) > 1:
        raise UsageError("--etsi and --pdf want one file", code="one_file")
    if as_etsi and as_json:
        raise UsageError("--etsi and --json exclude each other", code="options_conflict")


def _refuse_overwriting(pdf: Path | None, inputs: Sequence[Path]) -> None:
    """A report may take the place of an older one, never that of what it is about."""
    if pdf is None or not pdf.exists():
        return
    for path in inputs:
        if path.exists() and path.samefile(pdf):
            raise UsageError(f"--pdf {pdf} is a file to be verified", code="output_is_input")


def _written(report: FileReport, source: Path, out: Path, *, show_personal: bool) -> bool:
    # What draws is large: no other use of the command should pay for those imports.
    from signing.report_pdf import print_report  # noqa: PLC0415

    made = print_report(report, source=source, at=datetime.now(UTC), show_personal=show_personal)
    try:
        out.write_bytes(made)
    except OSError:
        return False
    return True


def exit_code(report: FileReport) -> int:
    """One file's share in the exit code."""
    codes = {f.code for f in report.findings} | {f.code for s in report.signatures for f in s.findings}
    if codes & _UNEXAMINED:
        return UNUSABLE
    return {
        Indication.TOTAL_PASSED: PASSED,
        Indication.TOTAL_FAILED: FAILED,
        Indication.INDETERMINATE: UNCERTAIN,
        Indication.NO_SIGNATURE: UNCERTAIN,
    }[report.indication]


def _options(
    *,
    no_trust: bool,
    trust: Path | None,
    at: datetime | None,
    content: Sequence[Path],
    policy: Path | None,
) -> VerifyOptions:
    if no_trust and trust is not None:
        raise UsageError("--trust and --no-trust exclude each other", code="options_conflict")
    _refuse_without_zone(at, "--at")
    for path in content:
        if not path.is_file():
            raise UsageError(f"no such file: {path}", code="content_missing")
    store = TrustStore.from_folder(trust) if trust is not None else None
    algorithms = load_policy(policy) if policy is not None else DEFAULT_ALGORITHMS
    return VerifyOptions(trust=store, no_trust=no_trust, at=at, content=tuple(content), algorithms=algorithms)


def _refuse_without_zone(moment: datetime | None, option: str) -> None:
    if moment is not None and moment.tzinfo is None:
        raise UsageError(f"{option} needs a time zone", code="time_without_zone")


def _print(report: FileReport, out: TextIO, *, show_personal: bool) -> None:
    reason = report.findings[0].vi.rstrip(".") if report.findings and not report.signatures else None
    said = conclusion(report.indication.value, reason)[0]
    if {f.code for f in report.findings} & _UNEXAMINED:
        # Not a word about signatures: nobody has seen any.
        said = f"Không kiểm tra được: {reason or '?'}"
    print(f"{report.file}: {said}", file=out)
    for signature in report.signatures:
        _print_signature(signature, out, show_personal=show_personal)
    for item in report.findings:
        print(f"    [{item.code}] {item.vi}", file=out)


def _print_signature(signature: SignatureReport, out: TextIO, *, show_personal: bool) -> None:
    name = signature.signer.subject if signature.signer else "?"
    shown = name if show_personal else mask_personal(name)
    grave = next((f.vi.rstrip(".") for f in signature.findings), None)
    verdict = conclusion(signature.indication.value, grave)[0]
    when = instant(signature.best_time) or "?"
    print(f"  {signature.id} {signature.format} {shown}, {when}: {verdict}", file=out)
    for item in signature.findings:
        print(f"    [{item.code}] {item.vi if show_personal else mask_personal(item.vi)}", file=out)
