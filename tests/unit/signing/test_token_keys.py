"""Keys behind PKCS#11, on a software token made for the test."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pkcs11
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pkcs11.util.rsa import decode_rsa_private_key

from signing.credentials import Credential
from signing.errors import CredentialUnusable, UsageError
from signing.key_ring import KeyPlace, KeyRing
from signing.options import VerifyOptions
from signing.pades import sign_pdf
from signing.report import Indication
from signing.sign_command import SignRequest, run_sign
from signing.token_keys import TokenAddress, TokenKey, open_key
from signing.verify import verify_bytes
from signing.xades_sign import sign_xml
from tests.unit.signing.conftest import NOW, Office

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN = b"246810"

pytestmark = pytest.mark.needs("softhsm2-util")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One token; its address and how to log in with another tool."""

    label: str
    home: Path

    @property
    def uri(self) -> str:
        return f"pkcs11:token={self.label};object=leader?module-path={MODULE}"

    def log_in_elsewhere(self, pin: bytes) -> None:
        """In another process, as the token's own tool would."""
        code = (
            "import sys, pkcs11\n"
            f"token = pkcs11.lib({MODULE!r}).get_token(token_label={self.label!r})\n"
            f"token.open(user_pin={pin.decode()!r}).close()\n"
        )
        subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)


@pytest.fixture(scope="module")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One folder for all tokens; the module reads its configuration when it is initialised."""
    home = tmp_path_factory.mktemp("softhsm")
    (home / "tokens").mkdir()
    (home / "softhsm2.conf").write_text(f"directories.tokendir = {home}/tokens\nobjectstore.backend = file\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(home / "softhsm2.conf"))
        yield home


@pytest.fixture
def token(softhsm: Path, office: Office, request: pytest.FixtureRequest) -> Token:
    label = f"t{abs(hash(request.node.name)) % 10**9}"
    _softhsm("--init-token", "--free", "--label", label, "--pin", PIN.decode(), "--so-pin", "12345678")
    library = pkcs11.lib(MODULE)
    library.reinitialize()
    key = office.person.key
    assert isinstance(key, rsa.RSAPrivateKey)
    der = key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    marks = {pkcs11.Attribute.TOKEN: True, pkcs11.Attribute.ID: b"\1", pkcs11.Attribute.LABEL: "leader"}
    with library.get_token(token_label=label).open(rw=True, user_pin=PIN.decode()) as session:
        session.create_object({**decode_rsa_private_key(der), **marks, pkcs11.Attribute.SIGN: True})
        session.create_object(
            {
                **marks,
                pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE,
                pkcs11.Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
                pkcs11.Attribute.SUBJECT: office.person.certificate.subject.dump(),
                pkcs11.Attribute.VALUE: office.person.certificate.dump(),
            }
        )
    return Token(label=label, home=softhsm)


def _softhsm(*arguments: str) -> None:
    subprocess.run(["softhsm2-util", *arguments], check=True, capture_output=True)


def _open(token: Token, pin: bytes = PIN) -> Credential:
    return Credential.from_token(TokenAddress.parse(token.uri), pin=pin)


def _passes(data: bytes) -> bool:
    report = verify_bytes(data, name="f", options=VerifyOptions(no_trust=True))
    return report.indication is Indication.TOTAL_PASSED


def test_a_key_on_a_token_signs_pdf_and_xml(token: Token, office: Office) -> None:
    credential = _open(token)
    assert credential.name == office.person.name
    assert _passes(sign_pdf(office.letter, credential, now=NOW))
    assert _passes(sign_xml(b"<a>1</a>", credential, now=NOW))


def test_a_wrong_pin_is_tried_once_in_a_process(token: Token) -> None:
    codes = []
    for _ in range(5):
        with pytest.raises(CredentialUnusable) as failure:
            _open(token, b"000000")
        codes.append(failure.value.code)
    assert codes == ["pin_wrong", *["pin_refused_before"] * 4]


def test_no_pin_is_tried_after_a_failed_login_of_another_process(token: Token) -> None:
    token.log_in_elsewhere(b"000000")
    with pytest.raises(CredentialUnusable) as failure:
        _open(token)
    assert failure.value.code == "pin_refused_before"
    token.log_in_elsewhere(PIN)
    assert _open(token).name


def test_a_second_key_of_a_token_needs_the_same_pin(token: Token) -> None:
    first, second = _open(token), _open(token)
    assert first.sign(b"x") == second.sign(b"x")
    with pytest.raises(CredentialUnusable) as failure:
        _open(token, b"000000")
    assert failure.value.code == "pin_wrong"


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        (f"pkcs11:token=nobody?module-path={MODULE}", "token_missing"),
        ("pkcs11:token=x?module-path=/nowhere.so", "token_missing"),
    ],
)
def test_a_token_that_is_not_there_is_told(softhsm: Path, uri: str, code: str) -> None:
    with pytest.raises(CredentialUnusable) as failure:
        Credential.from_token(TokenAddress.parse(uri), pin=PIN)
    assert failure.value.code == code


def test_a_key_that_is_not_there_is_told(token: Token) -> None:
    with pytest.raises(CredentialUnusable) as failure:
        Credential.from_token(TokenAddress.parse(token.uri.replace("leader", "nobody")), pin=PIN)
    assert failure.value.code == "token_key_missing"


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        (f"pkcs11:token=x?module-path={MODULE}&pin-value=1", "pin_in_uri"),
        ("pkcs11:token=x", "token_uri"),
        (f"pkcs11:colour=red?module-path={MODULE}", "token_uri"),
    ],
)
def test_an_address_that_is_none_is_a_usage_error(uri: str, code: str) -> None:
    with pytest.raises(UsageError) as error:
        TokenAddress.parse(uri)
    assert error.value.code == code


def test_the_command_signs_with_a_token_and_a_pin_from_a_file(
    token: Token, office: Office, tmp_path: Path
) -> None:
    (tmp_path / "letter.pdf").write_bytes(office.letter)
    (tmp_path / "pin").write_bytes(PIN + b"\n")
    out, err = io.StringIO(), io.StringIO()
    request = SignRequest(file=tmp_path / "letter.pdf", key=token.uri, passphrase_file=tmp_path / "pin")
    assert (run_sign(request, now=NOW, environment={}, out=out, err=err), err.getvalue()) == (0, "")
    assert _passes((tmp_path / "letter.signed.pdf").read_bytes())
    (tmp_path / "pin").write_bytes(b"999999")
    other = SignRequest(
        file=tmp_path / "letter.pdf",
        key=token.uri,
        passphrase_file=tmp_path / "pin",
        output=tmp_path / "o.pdf",
    )
    assert run_sign(other, now=NOW, environment={}, out=out, err=err) == 3
    assert "[pin_wrong]" in err.getvalue()


def _ring(token: Token, pin: bytes = PIN) -> KeyRing:
    return KeyRing([KeyPlace(name="leader", key=token.uri, secret=pin)])


def test_a_ring_opens_a_key_once(token: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, real = list[TokenAddress](), open_key

    def counting(address: TokenAddress, *, pin: bytes) -> TokenKey:
        opened.append(address)
        return real(address, pin=pin)

    monkeypatch.setattr("signing.credentials.open_key", counting)
    ring = _ring(token)
    values = {ring.sign_with("leader", lambda c: c.sign(b"x")) for _ in range(5)}
    ring.close()
    assert (len(values), len(opened)) == (1, 1)


def test_a_ring_keeps_a_refused_pin_and_never_tries_it_again(
    token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, real = list[TokenAddress](), open_key

    def counting(address: TokenAddress, *, pin: bytes) -> TokenKey:
        opened.append(address)
        return real(address, pin=pin)

    monkeypatch.setattr("signing.credentials.open_key", counting)
    ring = _ring(token, b"000000")
    for _ in range(3):
        with pytest.raises(CredentialUnusable) as refusal:
            ring.sign_with("leader", lambda c: c.sign(b"x"))
        assert refusal.value.code == "pin_wrong"
    assert len(opened) == 1


def test_a_token_that_was_pulled_out_is_told_and_found_again_when_it_returns(token: Token) -> None:
    ring = _ring(token)
    first = ring.sign_with("leader", lambda c: c.sign(b"x"))
    tokens, away = token.home / "tokens", token.home / "away"
    tokens.rename(away)
    tokens.mkdir()
    pkcs11.lib(MODULE).reinitialize()
    try:
        with pytest.raises(CredentialUnusable) as refusal:
            ring.sign_with("leader", lambda c: c.sign(b"x"))
        assert refusal.value.code == "token_missing"
    finally:
        tokens.rmdir()
        away.rename(tokens)
    assert ring.sign_with("leader", lambda c: c.sign(b"x")) == first
    ring.close()
