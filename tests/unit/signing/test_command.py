from __future__ import annotations

import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from signing.command import run_verify
from tests.unit.signing.conftest import Office


def _run(files: list[Path], **chosen: Any) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    options: dict[str, Any] = {
        "as_json": True, "no_trust": True, "trust": None, "at": None, "content": (), "policy": None,
        "show_personal": False,
    }  # fmt: skip
    code = run_verify(files, **{**options, **chosen}, out=out, err=err)
    return code, out.getvalue(), err.getvalue()


@pytest.fixture
def files(tmp_path: Path, office: Office) -> dict[str, Path]:
    broken = office.signed[:3000] + b"\xff" + office.signed[3001:]
    contents = {"good.pdf": office.signed, "none.pdf": office.letter, "bad.pdf": broken, "note.txt": b"hello"}
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    return {name: tmp_path / name for name in contents}


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["good.pdf"], 0),
        (["bad.pdf"], 1),
        (["none.pdf"], 2),
        (["note.txt"], 2),
        (["good.pdf", "none.pdf"], 2),
        (["good.pdf", "none.pdf", "bad.pdf"], 1),
        (["bad.pdf", "missing.pdf"], 3),
    ],
)
def test_the_exit_code_is_that_of_the_gravest_file(
    files: dict[str, Path], tmp_path: Path, names: list[str], code: int
) -> None:
    assert _run([files.get(n, tmp_path / n) for n in names])[0] == code


def test_json_is_one_object_per_file_named_as_given(files: dict[str, Path]) -> None:
    _, out, _ = _run([files["good.pdf"], files["note.txt"]])
    made = json.loads(out)
    assert [m["file"] for m in made] == [str(files["good.pdf"]), str(files["note.txt"])]
    assert [m["format"] for m in made] == ["pdf", "unknown"]


def test_text_names_the_signers_without_their_numbers(files: dict[str, Path]) -> None:
    _, out, _ = _run([files["good.pdf"]], as_json=False)
    assert "Chữ ký số hợp lệ" in out
    assert "CCCD:*" in out


@pytest.mark.parametrize(
    "chosen",
    [
        {"trust": Path("/nowhere")},
        {"no_trust": False, "trust": Path("/nowhere")},
        {"content": [Path("/nowhere")]},
    ],
)
def test_options_that_cannot_be_met_are_usage_errors(files: dict[str, Path], chosen: dict[str, Any]) -> None:
    code, out, err = _run([files["good.pdf"]], **chosen)
    assert (code, out) == (3, "")
    assert "lienthong verify:" in err


def test_no_file_at_all_is_a_usage_error() -> None:
    assert _run([])[0] == 3


def test_a_time_by_which_the_file_existed_needs_its_zone(files: dict[str, Path]) -> None:
    code, _, err = _run([files["good.pdf"]], existed_by=datetime(2026, 1, 1))  # noqa: DTZ001
    assert (code, "--existed-by needs a time zone" in err) == (3, True)


def test_a_report_never_takes_the_place_of_what_it_is_about(files: dict[str, Path], tmp_path: Path) -> None:
    good = files["good.pdf"]
    before = good.read_bytes()
    link = tmp_path / "link.pdf"
    link.symlink_to(good)
    for pdf in (good, link, tmp_path / "." / "good.pdf"):
        code, out, err = _run([good], pdf=pdf)
        assert (code, out) == (3, "")
        assert "[output_is_input]" in err
    code, _, err = _run([files["bad.pdf"]], pdf=good, content=[good])
    assert (code, "[output_is_input]" in err) == (3, True)
    assert good.read_bytes() == before


def test_of_a_file_that_cannot_be_read_nothing_is_said_about_signatures(tmp_path: Path) -> None:
    code, out, _ = _run([tmp_path / "nobody.pdf"], as_json=False)
    assert code == 3
    assert "Không kiểm tra được: Không đọc được tệp" in out
    assert "không hợp lệ" not in out


def test_what_cannot_be_done_is_said_in_both_languages(files: dict[str, Path]) -> None:
    _, _, err = _run([files["good.pdf"]], no_trust=False, trust=Path("/nowhere"))
    assert "Không có thư mục CA tin cậy. / no such trust folder: /nowhere [trust_folder_missing]" in err
