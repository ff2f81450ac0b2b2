"""`lienthong trust`: what an administrator sees, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from typer.testing import CliRunner

from hub.cli.trust import trust
from tests.unit.signing.test_revocation import LEAF, Holder

ROOT = Holder("CA gốc thử", ca=True)
RUN = CliRunner()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root.crt"
    path.write_bytes(ROOT.certificate.public_bytes(Encoding.DER))
    return path


def _run(*words: str | Path, answer: str | None = None) -> tuple[int, str]:
    result = RUN.invoke(trust, [str(w) for w in words], input=answer)
    return result.exit_code, result.output


def test_an_anchor_is_installed_listed_limited_and_taken_out(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "trust"
    code, told = _run("add", root, "--yes", "--trust", folder, "--purpose", "document")
    assert code == 0
    assert "KHÔNG thuộc danh sách CA quốc gia đã biết" in told
    _, listed = _run("list", "--trust", folder)
    assert "CA gốc thử" in listed
    assert "ký văn bản; KHÔNG" in listed
    start = listed.split()[0]
    assert _run("limit", start, "--until", "2025-12-31", "--trust", folder)[0] == 0
    assert "2025-12-31" in _run("list", "--trust", folder)[1]
    code, checked = _run("check", "--trust", folder)
    assert (code, "[closed]" in checked, "[unknown_anchor]" in checked) == (0, True, True)
    assert _run("remove", start, "--trust", folder)[0] == 0
    code, checked = _run("check", "--trust", folder)
    assert (code, "[no_anchor]" in checked) == (1, True)


def test_nothing_is_installed_before_the_fingerprint_is_compared(root: Path, tmp_path: Path) -> None:
    code, told = _run("add", root, "--trust", tmp_path / "trust", answer="n\n")
    assert (code, "Chưa cài gì." in told) == (1, True)
    assert not (tmp_path / "trust").exists()


def test_a_signers_certificate_is_shown_and_refused(tmp_path: Path) -> None:
    path = tmp_path / "leaf.pem"
    path.write_bytes(LEAF.certificate.public_bytes(Encoding.PEM))
    assert "chứng thư người dùng: Leaf" in _run("show", path)[1]
    code, told = _run("add", path, "--yes", "--trust", tmp_path / "trust")
    assert (code, "[trust_not_an_authority]" in told) == (1, True)


@pytest.mark.parametrize("day", ["2025-13-01", "mai", "01/01/2026"])
def test_a_day_that_is_none_is_a_wrong_argument(root: Path, tmp_path: Path, day: str) -> None:
    assert _run("add", root, "--yes", "--until", day, "--trust", tmp_path / "trust")[0] == 2


def test_an_update_without_intermediates_fetches_nothing(root: Path, tmp_path: Path) -> None:
    _run("add", root, "--yes", "--trust", tmp_path / "trust")
    assert _run("update", "--trust", tmp_path / "trust", "--home", tmp_path)[0] == 0


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--from", "2027-01-01", "--until", "2026-01-01"), "trust_dates"),
        (("--purpose", "ocsp"), "trust_responder"),
    ],
)
def test_what_is_refused_leaves_no_folder(
    root: Path, tmp_path: Path, options: tuple[str, ...], code: str
) -> None:
    folder = tmp_path / "trust"
    exit_code, told = _run("add", root, "--yes", "--trust", folder, *options)
    assert (exit_code, f"[{code}]" in told) == (1, True)
    assert not folder.exists()


def test_of_several_certificates_in_a_file_all_are_installed_or_none(tmp_path: Path) -> None:
    bundle, folder = tmp_path / "bundle.pem", tmp_path / "trust"
    both = (ROOT.certificate, LEAF.certificate)
    bundle.write_bytes(b"".join(c.public_bytes(Encoding.PEM) for c in both))
    code, told = _run("add", bundle, "--yes", "--trust", folder)
    assert (code, "[trust_not_an_authority]" in told) == (1, True)
    assert not folder.exists()
