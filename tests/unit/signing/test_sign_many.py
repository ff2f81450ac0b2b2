"""`lienthong sign` with many files, into containers, and in two steps."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import pem

from signing.credentials import Credential
from signing.options import VerifyOptions
from signing.report import FileReport, Indication
from signing.roles import Look
from signing.sign_command import Level, SignRequest
from signing.sign_look import LookRequest
from signing.sign_many import Work, run_container, run_many, sign_each
from signing.sign_messages import CATALOGUE
from signing.sign_steps import FinishRequest, PrepareRequest, run_finish, run_prepare
from signing.tsa import Signed
from signing.verify import verify_file
from tests.unit.signing.conftest import NOW, Office
from tests.unit.signing.test_sign_command import SECRET, _p12

PASSED = Indication.TOTAL_PASSED


@pytest.fixture
def desk(tmp_path: Path, office: Office) -> Path:
    (tmp_path / "letter.pdf").write_bytes(office.letter)
    (tmp_path / "signed.pdf").write_bytes(office.signed)
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 broken")
    (tmp_path / "letter.xml").write_bytes(b"<a><b>1</b></a>")
    (tmp_path / "person.p12").write_bytes(_p12(office.person))
    (tmp_path / "stamp.p12").write_bytes(_p12(office.organisation))
    (tmp_path / "secret").write_text(SECRET)
    chain = (office.person.certificate, *office.person.chain)
    (tmp_path / "chain.pem").write_bytes(b"".join(pem.armor("CERTIFICATE", c.dump()) for c in chain))
    return tmp_path


def _request(desk: Path, file: str = "letter.pdf", **changed: Any) -> SignRequest:
    given = {"key": str(desk / "person.p12"), "passphrase_file": desk / "secret", **changed}
    return SignRequest(file=desk / file, **given)


def _verdict(path: Path, office: Office) -> FileReport:
    return verify_file(path, name=path.name, options=VerifyOptions(trust=office.pki.trust, at=NOW))


def _many(desk: Path, names: list[str], *, as_json: bool = False, **changed: Any) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = run_many(
        _request(desk, names[0], **changed),
        [desk / n for n in names],
        now=NOW,
        environment={},
        out=out,
        err=err,
        as_json=as_json,
    )
    return code, out.getvalue(), err.getvalue()


def test_one_file_that_cannot_be_signed_does_not_stop_the_others(desk: Path, office: Office) -> None:
    code, out, err = _many(desk, ["letter.pdf", "broken.pdf", "missing.pdf", "letter.xml", "signed.pdf"])
    assert code == 3
    assert [line.split(":")[0].rsplit("/", 1)[1] for line in out.splitlines()] == [
        "letter.signed.pdf",
        "letter.signed.xml",
        "signed.signed.pdf",
    ]
    assert "[pdf_unsignable]" in err
    assert "[file_unreadable]" in err
    for name in ("letter.signed.pdf", "letter.signed.xml", "signed.signed.pdf"):
        assert _verdict(desk / name, office).indication is PASSED


def test_the_report_per_file_is_one_json_array(desk: Path) -> None:
    folder = desk / "out"
    folder.mkdir()
    code, out, err = _many(desk, ["letter.pdf", "broken.pdf"], as_json=True, output=folder)
    first, second = json.loads(out)
    assert (code, err) == (1, "")
    assert first == {
        "file": str(desk / "letter.pdf"),
        "signed": True,
        "output": str(folder / "letter.signed.pdf"),
        "findings": [],
    }
    assert (second["signed"], second["code"]) == (False, "pdf_unsignable")


def test_the_key_is_opened_once_for_all_files(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, real = list[object](), Credential.from_file.__func__  # type: ignore[attr-defined]

    def counting(*given: Any, **named: Any) -> Credential:
        opened.append(given)
        made = real(Credential, *given, **named)
        assert isinstance(made, Credential)
        return made

    monkeypatch.setattr(Credential, "from_file", counting)
    assert _many(desk, ["letter.pdf", "letter.xml", "signed.pdf"])[0] == 0
    assert len(opened) == 1


@pytest.mark.parametrize("error", [MemoryError(), RecursionError(), KeyError("x")])
def test_what_no_rule_foresaw_stays_with_its_file(error: BaseException) -> None:
    def sign(item: Work, data: bytes) -> Signed:
        if item.name == "b":
            raise error
        return Signed(data=data)

    work = [Work(name=n, read=lambda: b"1") for n in "abc"]
    made = {o.name: o.error for o in sign_each(work, sign)}
    assert made["a"] is made["c"] is None
    assert made["b"] is not None
    assert made["b"].code in CATALOGUE


def test_two_files_for_one_place_are_refused_before_any_work(desk: Path) -> None:
    (desk / "out").mkdir()
    (desk / "other").mkdir()
    (desk / "other" / "letter.pdf").write_bytes(b"")
    code, _, err = _many(desk, ["letter.pdf", "other/letter.pdf"], output=desk / "out")
    assert (code, "[container_names]" in err) == (2, True)
    assert list((desk / "out").iterdir()) == []


def _container(desk: Path, names: list[str], out_name: str, **changed: Any) -> tuple[int, str]:
    err = io.StringIO()
    request = _request(desk, names[0], output=desk / out_name, **changed)
    code = run_container(
        request, [desk / n for n in names], now=NOW, environment={}, out=io.StringIO(), err=err
    )
    return code, err.getvalue()


def test_files_go_into_one_container_and_a_second_signer_follows(desk: Path, office: Office) -> None:
    assert _container(desk, ["letter.pdf", "letter.xml"], "all.asice") == (0, "")
    assert _container(desk, ["all.asice"], "both.asice", key=str(desk / "stamp.p12")) == (0, "")
    report = _verdict(desk / "both.asice", office)
    assert [s.indication for s in report.signatures] == [PASSED, PASSED]
    assert zipfile.ZipFile(desk / "both.asice").read("letter.pdf") == office.letter


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"look": LookRequest(look=Look.SIGNER)}, "options_conflict"),
        ({"enveloping": True}, "options_conflict"),
        ({"level": Level.B_LTA}, "level_conflict"),
    ],
)
def test_options_that_make_no_sense_for_a_container_are_refused(
    desk: Path, changed: dict[str, Any], code: str
) -> None:
    assert _container(desk, ["letter.pdf"], "c.asice", **changed)[0] == 2
    assert f"[{code}]" in _container(desk, ["letter.pdf"], "c.asice", **changed)[1]


def test_an_existing_container_is_not_overwritten(desk: Path) -> None:
    (desk / "c.asice").write_bytes(b"")
    code, err = _container(desk, ["letter.pdf"], "c.asice")
    assert (code, "[output_exists]" in err) == (3, True)


def _prepare(desk: Path, file: str, **changed: Any) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    asked = PrepareRequest(
        sign=SignRequest(file=desk / file, key="", **changed),
        certificates=desk / "chain.pem",
        to_sign=desk / "tbs",
        state=desk / "state",
    )
    return run_prepare(asked, now=NOW, out=out, err=err), out.getvalue(), err.getvalue()


def _finish(desk: Path, file: str) -> tuple[int, str]:
    err = io.StringIO()
    asked = FinishRequest(
        sign=SignRequest(file=desk / file, key="", output=desk / f"done-{file}"),
        state=desk / "state",
        value=desk / "value",
        certificates=desk / "chain.pem",
    )
    return run_finish(asked, now=NOW, out=io.StringIO(), err=err), err.getvalue()


@pytest.mark.parametrize(
    ("file", "look"), [("letter.pdf", LookRequest(look=Look.SIGNER)), ("letter.xml", None)]
)
def test_a_file_is_signed_in_two_steps(
    desk: Path, office: Office, file: str, look: LookRequest | None
) -> None:
    code, out, err = _prepare(desk, file, look=look)
    assert (code, err) == (0, "")
    assert json.loads(out)["algorithm"] == "rsa-sha256"
    (desk / "value").write_bytes(office.person.sign((desk / "tbs").read_bytes()))
    assert _finish(desk, file) == (0, "")
    assert _verdict(desk / f"done-{file}", office).indication is PASSED


@pytest.mark.parametrize(
    ("harm", "code"),
    [("value", "value_wrong"), ("state", "state_damaged"), ("letter.pdf", "prepared_other_document")],
)
def test_what_was_changed_between_the_steps_is_told(desk: Path, office: Office, harm: str, code: str) -> None:
    _prepare(desk, "letter.pdf")
    (desk / "value").write_bytes(office.person.sign((desk / "tbs").read_bytes()))
    changed = bytearray((desk / harm).read_bytes())
    changed[-40] ^= 1
    (desk / harm).write_bytes(bytes(changed))
    said, err = _finish(desk, "letter.pdf")
    assert (said, f"[{code}]" in err) == (1, True)
    assert not (desk / "done-letter.pdf").exists()


def test_an_outdated_certificate_is_not_prepared_with(desk: Path) -> None:
    asked = PrepareRequest(
        sign=SignRequest(file=desk / "letter.pdf", key=""),
        certificates=desk / "chain.pem",
        to_sign=desk / "tbs",
        state=desk / "state",
    )
    err = io.StringIO()
    assert run_prepare(asked, now=NOW.replace(year=2050), out=io.StringIO(), err=err) == 3
    assert "[credential_outdated]" in err.getvalue()


def test_a_wrong_passphrase_ends_the_whole_call_before_any_file(desk: Path) -> None:
    code, out, err = _many(desk, ["letter.pdf", "letter.xml"], passphrase_file=desk / "chain.pem")
    assert (code, out, err.count("[credential_passphrase]")) == (3, "", 1)
