"""OpenSSL as the other side: its responder reads our request, we read its response, list and token."""

from __future__ import annotations

import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
from asn1crypto import pem, tsp
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from signing import ocsp
from signing.certificates import serial_number
from signing.crl import RevocationList
from signing.ocsp import answer, request
from signing.report import Revocation
from signing.timestamps import check_token
from tests.support.pki import Authorities

pytestmark = pytest.mark.needs("openssl")

_CA = """
[ca]
default_ca = own
[own]
database = {folder}/index.txt
crlnumber = {folder}/crlnumber
default_md = sha256
default_crl_days = 3
crl_extensions = list
[list]
authorityKeyIdentifier = keyid
[tsa]
default_tsa = stamp
[stamp]
serial = {folder}/tsaserial
default_policy = 1.2.3.4
digests = sha256
signer_digest = sha256
ess_cert_id_alg = sha256
"""


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60)


@pytest.fixture
def folder(vn: Authorities, tmp_path: Path) -> Path:
    """What OpenSSL needs to act as sub-g2, with `revoked` revoked and `good` known."""
    for label in ("sub-g2", "ocsp", "good", "revoked", "tsa"):
        (tmp_path / f"{label}.pem").write_bytes(pem.armor("CERTIFICATE", vn.certificate(label).dump()))
    for name in ("sub-g2", "ocsp", "tsa"):
        key = vn.key(name).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / f"{name}.key").write_bytes(key)
    lines = []
    for label, state, revoked in (("good", "V", ""), ("revoked", "R", "260104000000Z,superseded")):
        number = f"{serial_number(vn.certificate(label)):X}"
        padded = number if len(number) % 2 == 0 else f"0{number}"
        lines.append(f"{state}\t290101000000Z\t{revoked}\t{padded}\tunknown\t/CN={label}\n")
    (tmp_path / "index.txt").write_text("".join(lines))
    (tmp_path / "index.txt.attr").write_text("unique_subject = no\n")
    (tmp_path / "crlnumber").write_text("01\n")
    (tmp_path / "tsaserial").write_text("01\n")
    (tmp_path / "openssl.cnf").write_text(_CA.format(folder=tmp_path))
    return tmp_path


@pytest.mark.parametrize(("label", "expected"), [("good", Revocation.GOOD), ("revoked", Revocation.REVOKED)])
def test_its_responder_understands_us_and_we_it(
    vn: Authorities, folder: Path, label: str, expected: Revocation
) -> None:
    certificate, issuer, nonce = vn.certificate(label), vn.certificate("sub-g2"), ocsp.new_nonce()
    (folder / "asked.der").write_bytes(request(certificate, issuer, nonce=nonce))
    _openssl(
        *("ocsp", "-index", folder / "index.txt", "-CA", folder / "sub-g2.pem"),
        *("-rsigner", folder / "ocsp.pem", "-rkey", folder / "ocsp.key", "-ndays", "1"),
        *("-reqin", folder / "asked.der", "-respout", folder / "said.der"),
    )
    said = answer((folder / "said.der").read_bytes(), certificate, issuer, nonce=nonce)
    assert said is not None
    assert (said.status, said.problem) == (expected, "")
    other = answer((folder / "said.der").read_bytes(), certificate, issuer, nonce=ocsp.new_nonce())
    assert other is not None
    assert other.problem == "OCSP: wrong nonce"


def test_its_list_says_the_same(vn: Authorities, folder: Path) -> None:
    _openssl(
        *("ca", "-config", folder / "openssl.cnf", "-gencrl", "-out", folder / "list.pem"),
        *("-keyfile", folder / "sub-g2.key", "-cert", folder / "sub-g2.pem"),
    )
    held = RevocationList((folder / "list.pem").read_bytes())
    answers = [held.answer(vn.certificate(n), vn.certificate("sub-g2")) for n in ("good", "revoked")]
    assert [a.status for a in answers if a is not None] == [Revocation.GOOD, Revocation.REVOKED]


def test_its_timestamp_counts(folder: Path) -> None:
    (folder / "data").write_bytes(b"letter")
    _openssl("ts", "-query", "-data", folder / "data", "-sha256", "-cert", "-out", folder / "q.tsq")
    _openssl(
        *("ts", "-reply", "-config", folder / "openssl.cnf", "-queryfile", folder / "q.tsq"),
        *("-inkey", folder / "tsa.key", "-signer", folder / "tsa.pem", "-out", folder / "a.tsr"),
    )
    token = tsp.TimeStampResp.load((folder / "a.tsr").read_bytes())["time_stamp_token"].dump()
    checked = check_token("signature-timestamp", token, lambda _: sha256(b"letter").digest())
    assert checked.good
    assert not check_token("signature-timestamp", token, lambda _: sha256(b"Letter").digest()).good
