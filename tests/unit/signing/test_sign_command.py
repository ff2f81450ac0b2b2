"""`lienthong sign`: what is written, what is refused, and what is told."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import pem
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from PIL import Image

import signing
from signing.credentials import Credential
from signing.errors import CredentialUnusable
from signing.options import VerifyOptions
from signing.pades import SignatureOptions
from signing.report import FileReport, Indication, Role
from signing.roles import Look
from signing.sign_command import SignRequest, run_sign
from signing.sign_look import LookRequest
from signing.sign_messages import CATALOGUE
from signing.verify import verify_file
from tests.unit.signing.conftest import NOW, SIGNER, Office

Run = Callable[..., tuple[int, str, str]]
SECRET = "mật khẩu đúng"


def _certificates(credential: Credential) -> list[x509.Certificate]:
    return [x509.load_der_x509_certificate(c.dump()) for c in (credential.certificate, *credential.chain)]


def _key(credential: Credential) -> rsa.RSAPrivateKey:
    assert isinstance(credential.key, rsa.RSAPrivateKey)
    return credential.key


def _p12(credential: Credential, secret: str = SECRET) -> bytes:
    own, *others = _certificates(credential)
    return pkcs12.serialize_key_and_certificates(
        b"k", _key(credential), own, others, BestAvailableEncryption(secret.encode())
    )


def _key_pem(credential: Credential, secret: str | None) -> bytes:
    protection = BestAvailableEncryption(secret.encode()) if secret else NoEncryption()
    return _key(credential).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)


@pytest.fixture
def desk(tmp_path: Path, office: Office) -> Path:
    (tmp_path / "letter.pdf").write_bytes(office.letter)
    (tmp_path / "signed.pdf").write_bytes(office.signed)
    (tmp_path / "letter.xml").write_bytes(b"<a><b>1</b></a>")
    (tmp_path / "note.txt").write_bytes(b"hello")
    (tmp_path / "person.p12").write_bytes(_p12(office.person))
    (tmp_path / "stamp.p12").write_bytes(_p12(office.organisation))
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    (tmp_path / "wrong").write_text("mật khẩu sai")
    return tmp_path


@pytest.fixture
def run(desk: Path) -> Run:
    def call(file: str, **chosen: Any) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        environment = chosen.pop("environment", {})
        given = {"key": desk / "person.p12", "passphrase_file": desk / "secret", **chosen}
        now = given.pop("now", NOW)
        given["key"] = str(given["key"])
        code = run_sign(
            SignRequest(file=desk / file, **given), now=now, environment=environment, out=out, err=err
        )
        return code, out.getvalue(), err.getvalue()

    return call


def _verdict(path: Path, office: Office) -> FileReport:
    return verify_file(path, name=path.name, options=VerifyOptions(trust=office.pki.trust, at=NOW))


def test_a_letter_is_signed_into_a_new_file_beside_it(run: Run, desk: Path, office: Office) -> None:
    code, out, err = run("letter.pdf")
    assert (code, err) == (0, "")
    assert SIGNER in out
    assert _verdict(desk / "letter.signed.pdf", office).indication is Indication.TOTAL_PASSED
    assert (desk / "letter.pdf").read_bytes() == office.letter


def test_signature_then_stamp_make_a_letter_of_value(run: Run, desk: Path, office: Office) -> None:
    assert run("letter.pdf", look=LookRequest(look=Look.SIGNER))[0] == 0
    stamped = desk / "done.pdf"
    look = LookRequest(look=Look.ORGANISATION)
    assert run("letter.signed.pdf", key=desk / "stamp.p12", look=look, output=stamped) == (
        0,
        f"{stamped}: đã ký / signed: {office.organisation.name}; 05/01/2026; 15:30:45 +07:00\n",
        "",
    )
    report = _verdict(stamped, office)
    assert report.indication is Indication.TOTAL_PASSED
    assert [s.role for s in report.signatures] == [Role.SIGNER, Role.ORGANISATION]


@pytest.mark.parametrize(
    "look",
    [
        LookRequest(look=Look.INITIALS),
        LookRequest(look=Look.ANNEX, text="Số: 123/UBND-VP"),
        LookRequest(look=Look.COPY, text="SAO Y; UBND phường Thới Hòa"),
        LookRequest(look=Look.NUMBER, text="123", box="1,100,730,130,744"),
        LookRequest(look=Look.ORGANISATION, anchor=SIGNER),
    ],
    ids=lambda look: str(look.look),
)
def test_every_look_finds_its_place(run: Run, desk: Path, office: Office, look: LookRequest) -> None:
    assert run("letter.pdf", look=look)[::2] == (0, "")
    assert _verdict(desk / "letter.signed.pdf", office).indication is Indication.TOTAL_PASSED


def test_a_picture_of_the_hand_signature_is_laid_above_the_name(run: Run, desk: Path, office: Office) -> None:
    Image.new("RGBA", (60, 25), (0, 0, 160, 80)).save(desk / "hand.png")
    assert run("letter.pdf", look=LookRequest(look=Look.SIGNER), picture=desk / "hand.png")[0] == 0
    assert _verdict(desk / "letter.signed.pdf", office).indication is Indication.TOTAL_PASSED


def test_xml_and_any_other_file_are_signed_as_xml(run: Run, desk: Path, office: Office) -> None:
    assert run("letter.xml")[0] == 0
    assert run("note.txt", enveloping=True)[0] == 0
    for name in ("letter.signed.xml", "note.signed.xml"):
        report = _verdict(desk / name, office)
        assert [s.format for s in report.signatures] == ["XAdES-B-B"]
        assert report.indication is Indication.TOTAL_PASSED


def test_a_pem_key_with_its_certificate_in_another_file(run: Run, desk: Path, office: Office) -> None:
    (desk / "key.pem").write_bytes(_key_pem(office.person, SECRET))
    (desk / "own.der").write_bytes(office.person.certificate.dump())
    code, _, err = run(
        "letter.xml", key=desk / "key.pem", certificate=desk / "own.der", passphrase_file=None,
        passphrase_env="KEY_SECRET", environment={"KEY_SECRET": SECRET},
    )  # fmt: skip
    assert (code, err) == (0, "")


@pytest.mark.parametrize("file", ["letter.pdf", "letter.xml"])
def test_without_a_timestamp_it_signs_and_says_so(
    run: Run, desk: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    def unreachable(*_: object) -> tuple[str, ...]:
        raise TimeoutError

    monkeypatch.setattr("signing.tsa.resolve", unreachable)
    code, out, err = run(file, authorities=("http://tsa.invalid/", "http://tsb.invalid/"))
    assert (code, out != "") == (0, True)
    assert "[TIMESTAMP_UNAVAILABLE]" in err
    assert "tsb.invalid: TimeoutError" in err


def test_nothing_is_ever_overwritten(run: Run, desk: Path) -> None:
    (desk / "letter.signed.pdf").symlink_to("nowhere")
    code, _, err = run("letter.pdf")
    assert (code, "output_exists" in err) == (3, True)
    assert (desk / "letter.signed.pdf").is_symlink()


@pytest.mark.parametrize("key", ["p12", "pem"])
@pytest.mark.parametrize("secret", ["wrong", None])
def test_a_wrong_or_missing_passphrase_is_told_and_leaves_nothing(
    run: Run, desk: Path, office: Office, key: str, secret: str | None
) -> None:
    bundle = _key_pem(office.person, SECRET) + pem.armor("CERTIFICATE", office.person.certificate.dump())
    (desk / "person.pem").write_bytes(bundle)
    before = sorted(desk.iterdir())
    given = desk / secret if secret else None
    code, out, err = run("letter.pdf", key=desk / f"person.{key}", passphrase_file=given)
    assert (code, out) == (3, "")
    assert "Sai mật khẩu" in err
    assert "[credential_passphrase]" in err
    assert sorted(desk.iterdir()) == before


@pytest.mark.parametrize(
    ("file", "chosen", "code", "named"),
    [
        ("absent.pdf", {}, 3, "file_unreadable"),
        ("letter.pdf", {"key": Path("/nowhere")}, 3, "credential_unusable"),
        ("letter.pdf", {"passphrase_file": Path("/nowhere")}, 3, "passphrase_unreadable"),
        ("letter.pdf", {"passphrase_file": None, "passphrase_env": "UNSET"}, 3, "passphrase_unreadable"),
        ("letter.pdf", {"passphrase_env": "BOTH"}, 2, "options_conflict"),
        ("letter.pdf", {"output": Path("/nowhere/out.pdf")}, 3, "output_unwritable"),
        ("letter.pdf", {"now": NOW.replace(year=2040)}, 3, "credential_outdated"),
        ("letter.pdf", {"look": LookRequest(look=Look.COPY)}, 2, "text_missing"),
        ("letter.pdf", {"look": LookRequest(look=None, text="x")}, 2, "role_missing"),
        ("letter.pdf", {"look": LookRequest(look=Look.DATE, text="05")}, 2, "place_missing"),
        ("letter.pdf", {"look": LookRequest(look=Look.ORGANISATION)}, 2, "place_missing"),
        ("letter.pdf", {"look": LookRequest(look=Look.SIGNER, box="9,1,1,2,2")}, 2, "place_wrong"),
        ("letter.pdf", {"look": LookRequest(look=Look.SIGNER, box="1,a")}, 2, "place_wrong"),
        ("letter.pdf", {"look": LookRequest(look=Look.SIGNER, anchor="Ai đó")}, 1, "anchor_not_found"),
        ("letter.xml", {"look": LookRequest(look=Look.SIGNER)}, 2, "options_conflict"),
        ("letter.xml", {"options": SignatureOptions(reason="x")}, 2, "options_conflict"),
        ("letter.xml", {"authorities": ("ftp://x/",)}, 2, "tsa_address"),
        ("note.txt", {}, 1, "format_unknown"),
        ("signed.pdf", {"look": LookRequest(look=Look.COPY, text="SAO Y")}, 1, "copy_of_signed"),
    ],
)
def test_what_cannot_be_done_is_told_with_its_code(
    run: Run, desk: Path, file: str, chosen: dict[str, Any], code: int, named: str
) -> None:
    before = sorted(desk.iterdir())
    ended, out, err = run(file, **chosen)
    assert (ended, out) == (code, "")
    assert f"[{named}]" in err
    assert "Traceback" not in err
    assert sorted(desk.iterdir()) == before


@pytest.mark.parametrize("blob", [b"", b"junk", b"\x30\x82", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END"])
def test_a_damaged_key_file_is_an_error_with_a_code(run: Run, desk: Path, blob: bytes) -> None:
    (desk / "key").write_bytes(blob)
    code, _, err = run("letter.pdf", key=desk / "key")
    assert (code, "[credential_" in err) == (3, True)


def test_a_store_without_a_key_is_told(run: Run, desk: Path, office: Office) -> None:
    only = pkcs12.serialize_key_and_certificates(
        b"k", None, None, _certificates(office.person), BestAvailableEncryption(SECRET.encode())
    )
    (desk / "key").write_bytes(only)
    code, _, err = run("letter.pdf", key=desk / "key")
    assert (code, "[credential_key]" in err) == (3, True)


def test_every_code_of_signing_has_its_sentences() -> None:
    folder = Path(signing.__file__).parent
    modules = [
        "pades",
        "pdf_rules",
        "appearance",
        "credentials",
        "xades_sign",
        "sign_look",
        "token_keys",
        "tsa",
        "sign_command",
        "fonts/__init__",
    ]
    texts = [(folder / f"{name}.py").read_text(encoding="utf-8") for name in modules]
    raised = {code for text in texts for code in re.findall(r'(?:code ?= ?|_told\()"(\w+)"', text)}
    assert raised <= set(CATALOGUE)
    assert all(vi and en for vi, en in CATALOGUE.values())


@pytest.mark.parametrize(
    "content", [b"hello", b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_certificate_file_that_holds_none_is_not_passed_over(
    office: Office, tmp_path: Path, content: bytes
) -> None:
    key, named = tmp_path / "key.pem", tmp_path / "named.pem"
    key.write_bytes(next((office.pki.trust_folder.parent / "holders").glob("*.pem")).read_bytes())
    named.write_bytes(content)
    with pytest.raises(CredentialUnusable) as refused:
        Credential.from_file(key, certificate=named)
    assert refused.value.code == "credential_certificate"
