"""The validate command: reports, texts, exit codes."""

from __future__ import annotations

import hashlib
import io
import json
import os
from datetime import date
from pathlib import Path

import pytest

from schemas.issues import Language
from schemas.limits import FormatLimits
from schemas.validate import exit_code, render, run_validate, validate_file
from tests.unit.schemas.kit import ASSETS, DOCUMENT, PDF, STATUS, changed, with_file

NEW = ASSETS / "doc_0_new.edxml"


def run(*files: str, as_json: bool = True, lang: Language = "vi") -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    return (
        run_validate(list(files), as_json=as_json, lang=lang, out=out, err=err),
        out.getvalue(),
        err.getvalue(),
    )


def put(folder: Path, text: str, name: str = "a.edxml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_report_of_a_document_has_the_promised_shape(tmp_path: Path) -> None:
    path = put(tmp_path, with_file("vanban.pdf", PDF))
    assert validate_file(path, label="x").to_json("en") == {
        "file": "x",
        "kind": "document",
        "dialect": "qcvn-prefixed",
        "ok": True,
        "errors": [],
        "warnings": [],
        "summary": {
            "from": "000.00.02.H99",
            "to": ["000.00.03.H99", "000.00.31.H99"],
            "document_id": "000.00.02.H99,2025/10/13,125/STN1-VP",
            "code": "125/STN1-VP",
            "subject": "V/v thử nghiệm liên thông văn bản",
            "type": "Công văn",
            "business_type": 0,
            "status_code": None,
            "attachments": [
                {
                    "name": "vanban.pdf",
                    "size": len(PDF),
                    "media_type": "application/pdf",
                    "sha256": hashlib.sha256(PDF).hexdigest(),
                }
            ],
        },
    }


def test_the_report_of_a_status_names_whom_it_is_for() -> None:
    summary = validate_file(ASSETS / "status_02.edxml").summary
    assert (summary.from_, summary.to, summary.status_code) == ("000.00.03.H99", ("000.00.02.H99",), "02")
    assert summary.business_type is None


def test_a_refused_message_is_still_summed_up_if_it_could_be_read(tmp_path: Path) -> None:
    report = validate_file(put(tmp_path, changed(DOCUMENT, ("DocType>0<", "DocType>7<"))))
    assert not report.ok
    assert (report.kind, report.summary.code) == ("document", "125/STN1-VP")
    assert [each.code for each in report.errors] == ["business_type_unknown"]
    assert "bị từ chối" in render(report, "vi")


def test_a_message_that_cannot_be_read_is_of_unknown_kind(tmp_path: Path) -> None:
    value = validate_file(put(tmp_path, "no xml")).to_json()
    assert (value["kind"], value["dialect"], value["ok"]) == ("unknown", "unknown", False)


def test_warnings_that_came_before_a_refusal_are_warnings(tmp_path: Path) -> None:
    report = validate_file(put(tmp_path, "junk" + changed(STATUS, (">13<", ">99<"))))
    assert [each.code for each in report.errors] == ["status_code_unknown"]
    assert "junk_trimmed" in [each.code for each in report.warnings]


def test_a_date_in_the_future_is_told_only_if_today_is_known() -> None:
    assert validate_file(NEW).warnings == ()
    assert [each.code for each in validate_file(NEW, today=date(2025, 10, 12)).warnings] == ["date_in_future"]


def test_limits_can_be_given() -> None:
    report = validate_file(NEW, limits=FormatLimits(elements=3))
    assert [each.code for each in report.errors] == ["too_many_elements"]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [([DOCUMENT], 0), ([DOCUMENT, "x"], 1), ([DOCUMENT, None, "x"], 3), ([None], 3), ([], 0)],
)
def test_the_worst_file_decides_the_exit_code(tmp_path: Path, texts: list[str | None], expected: int) -> None:
    files = [
        str(put(tmp_path, text, f"{number}.edxml")) if text is not None else str(tmp_path / "missing")
        for number, text in enumerate(texts)
    ]
    code, out, err = run(*files)
    assert code == expected
    assert [each["file"] for each in json.loads(out)] == files
    assert bool(err) == (expected == 3)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    code, out, _ = run(str(tmp_path))
    assert code == 3
    assert json.loads(out)[0]["errors"][0]["code"] == "file_unreadable"


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_texts_come_in_the_language_asked_for(tmp_path: Path, lang: Language) -> None:
    path = put(tmp_path, "junk" + DOCUMENT)
    word = {"vi": "ký tự thừa", "en": "stray characters"}[lang]
    assert word in json.loads(run(str(path), lang=lang)[1])[0]["warnings"][0]["text"]
    assert word in run(str(path), as_json=False, lang=lang)[1]


def test_the_plain_report_is_for_people() -> None:
    _, out, _ = run(str(NEW), as_json=False)
    assert out.splitlines() == [
        f"{NEW}: được chấp nhận",
        "  Loại thông điệp: văn bản",
        "  Dạng viết: qcvn-prefixed",
        "  Nơi gửi: 000.00.02.H99",
        "  Nơi nhận: 000.00.03.H99, 000.00.31.H99",
        "  Mã văn bản: 000.00.02.H99,2025/10/13,125/STN1-VP",
        "  Số, ký hiệu: 125/STN1-VP",
        "  Trích yếu: V/v thử nghiệm liên thông văn bản",
        "  Loại văn bản: Công văn",
        "  Nghiệp vụ: văn bản mới",
        "  Tệp đính kèm: vanban.pdf, 303 byte, application/pdf",
    ]


def test_what_a_message_says_cannot_disturb_the_terminal(tmp_path: Path) -> None:
    path = put(tmp_path, changed(DOCUMENT, ("V/v thử nghiệm", "\u202e\u009b31m")))
    out = run(str(path), as_json=False)[1]
    assert "\u202e" not in out
    assert "\u009b" not in out


def test_a_file_name_that_is_no_utf8_can_be_reported() -> None:
    name = os.fsdecode(b"missing-\xff.edxml")
    code, out, _ = run(name)
    assert code == 3
    assert json.loads(out.encode("utf-8").decode())[0]["file"] == name
    run(name, as_json=False)[1].encode("utf-8")


def test_the_exit_code_of_nothing_is_success() -> None:
    assert exit_code([]) == 0


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    validate_file(NEW)
    validate_file(put(tmp_path, DOCUMENT[:-30]))
    assert list((tmp_path / "tmp").iterdir()) == []
