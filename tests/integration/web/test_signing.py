"""POST /signatures/sign, /prepare and /finish, over HTTP, with signing processes of their own."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import FormData
from asn1crypto import pem
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from adapters.simulator.letter import make_letter
from hub.ports.signing import SigningAction, SigningDeclined, SigningOrder, SigningUnfinished
from hub.workers.signer_pool import SignerPool
from hub.workers.signer_wire import Bench
from signing.credentials import Credential
from signing.devpki import DevPki
from signing.key_ring import KeyPlace
from signing.options import VerifyOptions
from signing.report import Indication
from signing.verify import verify_bytes
from tests.support.hub import A, B, HubUnderTest, Peer, hub_on

BASE = "/api/v1/signatures/"
SECRET = "mật khẩu"


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Credential:
    now = datetime.now(UTC).replace(microsecond=0)
    pki = DevPki.open_or_create(tmp_path_factory.mktemp("keys") / "pki", now=now)
    return pki.issue_person("Nguyễn Văn Ẩn", agency_name="UBND phường A")


@pytest.fixture(scope="module")
def letter() -> bytes:
    return make_letter(
        issuing_body="UBND phường A",
        code_notation="UBND",
        place="A",
        issued_on=date(2026, 1, 5),
        subject="việc thử",
        paragraphs=["Nội dung."],
        signer_name="Nguyễn Văn Ẩn",
        signer_title="Chủ tịch",
    )


@pytest.fixture(scope="module")
def p12(tmp_path_factory: pytest.TempPathFactory, person: Credential) -> Path:
    assert isinstance(person.key, rsa.RSAPrivateKey)
    own, *others = [x509.load_der_x509_certificate(c.dump()) for c in (person.certificate, *person.chain)]
    path = tmp_path_factory.mktemp("p12") / "leader.p12"
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"k", person.key, own, others, BestAvailableEncryption(SECRET.encode())
        )
    )
    return path


@pytest.fixture
async def hub(database_url: str, tmp_path: Path, p12: Path) -> AsyncIterator[HubUnderTest]:
    keys = [
        {"name": "leader", "key": str(p12), "secret": SECRET, "systems": ["a"]},
        {"name": "broken", "key": str(p12), "secret": "sai", "systems": ["a"]},
    ]
    more = {"signing": {"keys": keys, "systems": ["a", "b"], "max_bytes": 400_000}}
    async with hub_on(database_url, tmp_path, more=more) as made:
        yield made


@pytest.fixture
async def a(hub: HubUnderTest) -> Peer:
    return await hub.system("a", A)


@pytest.fixture
async def b(hub: HubUnderTest) -> Peer:
    return await hub.system("b", B)


async def ask(peer: Peer, action: str, order: object, *files: tuple[str, bytes], **more: bytes) -> Any:
    form = FormData(default_to_multipart=True, quote_fields=False)
    form.add_field("order", orjson.dumps(order).decode(), content_type="application/json")
    for name, data in files:
        form.add_field("file", data, filename=name)
    for name, data in more.items():
        form.add_field(name, data, filename=name)
    return await peer.call("POST", BASE + action, data=form)


def _passes(data: bytes, *, signatures: int = 1) -> bool:
    report = verify_bytes(data, name="f", options=VerifyOptions(no_trust=True))
    return report.indication is Indication.TOTAL_PASSED and len(report.signatures) == signatures


async def test_a_letter_is_signed_and_nothing_is_kept(hub: HubUnderTest, a: Peer, letter: bytes) -> None:
    order = {"key": "leader", "look": {"role": "signer"}}
    answer = await ask(a, "sign", order, ("công văn.pdf", letter))
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/pdf")
    assert answer.raw.startswith(letter)
    assert _passes(answer.raw)
    assert await hub.holds_nothing()


async def test_several_files_go_into_one_container(a: Peer, letter: bytes) -> None:
    files = (("công văn.pdf", letter), ("phụ lục.csv", b"a;b"))
    answer = await ask(a, "sign", {"key": "leader", "container": True}, *files)
    assert answer.headers["Content-Type"] == "application/vnd.etsi.asic-e+zip"
    assert _passes(answer.raw)
    with zipfile.ZipFile(io.BytesIO(answer.raw)) as archive:
        assert {name: archive.read(name) for name, _ in files} == dict(files)


async def test_xml_is_signed_in_place(a: Peer) -> None:
    answer = await ask(a, "sign", {"key": "leader"}, ("a.xml", b"<a><b/></a>"))
    assert answer.headers["Content-Type"] == "application/xml"
    assert _passes(answer.raw)


async def test_only_systems_that_a_key_names_sign_with_it(a: Peer, b: Peer, letter: bytes) -> None:
    assert (await ask(b, "sign", {"key": "leader"}, ("f.pdf", letter))).code == "signing_forbidden"
    assert (await ask(a, "sign", {"key": "nobody"}, ("f.pdf", letter))).code == "signing_forbidden"


async def test_a_signature_is_prepared_and_finished_around_a_key_elsewhere(
    hub: HubUnderTest, b: Peer, person: Credential, letter: bytes
) -> None:
    chain = b"".join(pem.armor("CERTIFICATE", c.dump()) for c in (person.certificate, *person.chain))
    waiting = await ask(b, "prepare", {"certificates": chain.decode()}, ("f.pdf", letter))
    assert waiting.status == 200, waiting.raw
    value = base64.b64encode(person.sign(base64.b64decode(waiting.json["to_sign"]))).decode()
    made = await ask(b, "finish", {"state": waiting.json["state"], "value": value}, ("f.pdf", letter))
    assert made.status == 200, made.raw
    assert _passes(made.raw)
    assert await hub.holds_nothing()


async def test_what_does_not_fit_the_preparation_is_refused_with_its_reason(
    a: Peer, b: Peer, person: Credential, letter: bytes
) -> None:
    chain = pem.armor("CERTIFICATE", person.certificate.dump()).decode()
    waiting = (await ask(b, "prepare", {"certificates": chain}, ("f.pdf", letter))).json
    value = base64.b64encode(person.sign(base64.b64decode(waiting["to_sign"]))).decode()
    wrong = base64.b64encode(b"\1" * 256).decode()
    state = waiting["state"]
    cut = state[:-8] + "AAAAAAA="
    for peer, given, data, reason in (
        (b, {"state": state, "value": wrong}, letter, "value_wrong"),
        (b, {"state": state, "value": value}, letter + b"\n", "prepared_other_document"),
        (b, {"state": cut, "value": value}, letter, "state_damaged"),
        # Another system's state.
        (a, {"state": state, "value": value}, letter, "state_damaged"),
    ):
        answer = await ask(peer, "finish", given, ("f.pdf", data))
        assert (answer.status, answer.code) == (422, "signing_refused")
        assert [e["code"] for e in answer.json["errors"]] == [reason]


@pytest.mark.parametrize(
    ("data", "order", "reason"),
    [
        (b"%PDF-1.7 broken", {"key": "leader"}, "pdf_unsignable"),
        (b"hello", {"key": "leader"}, "format_unknown"),
        (b"<a/>", {"key": "leader", "level": "B-LT"}, "level_conflict"),
        (b"<a/>", {"key": "leader", "look": {"role": "signer"}}, "options_conflict"),
    ],
)
async def test_a_file_that_cannot_be_signed_is_refused_with_its_reason(
    hub: HubUnderTest, a: Peer, data: bytes, order: dict[str, Any], reason: str
) -> None:
    answer = await ask(a, "sign", order, ("f", data))
    assert (answer.status, answer.code) == (422, "signing_refused")
    assert [e["code"] for e in answer.json["errors"]] == [reason]
    assert await hub.holds_nothing()


async def test_a_key_whose_secret_is_wrong_is_told_and_is_nobodys_fault_but_the_hubs(
    a: Peer, letter: bytes
) -> None:
    for _ in range(3):
        answer = await ask(a, "sign", {"key": "broken"}, ("f.pdf", letter))
        assert (answer.status, answer.code) == (503, "signing_key_unusable")
    assert (await ask(a, "sign", {"key": "leader"}, ("f.pdf", letter))).status == 200


async def test_too_much_is_refused(hub: HubUnderTest, a: Peer) -> None:
    answer = await ask(a, "sign", {"key": "leader"}, ("f.pdf", b"%PDF" + b"\0" * 400_000))
    assert answer.code == "body_too_large"
    assert await hub.holds_nothing()


@pytest.mark.parametrize(
    ("order", "files", "code"),
    [
        ({"key": "leader"}, [], "parts_invalid"),
        ({"key": "leader"}, [("a", b"1"), ("b", b"2")], "parts_invalid"),
        ({}, [("a", b"1")], "bad_request"),
        ({"key": "leader", "x": 1}, [("a", b"1")], "bad_request"),
        ({"key": "leader", "level": "B-X"}, [("a", b"1")], "bad_request"),
        ([], [("a", b"1")], "bad_request"),
    ],
)
async def test_orders_that_are_none_are_refused(
    a: Peer, order: object, files: list[tuple[str, bytes]], code: str
) -> None:
    assert (await ask(a, "sign", order, *files)).code == code


async def test_a_hub_without_keys_does_not_sign(database_url: str, tmp_path: Path) -> None:
    async with hub_on(database_url, tmp_path) as hub:
        peer = await hub.system("a", A)
        assert (await ask(peer, "sign", {"key": "x"}, ("f", b"x"))).code == "signing_forbidden"


def _order(tmp_path: Path, data: bytes, key: str = "k") -> SigningOrder:
    path = tmp_path / "in"
    path.write_bytes(data)
    return SigningOrder(action=SigningAction.SIGN, files=(("f", path),), out=tmp_path / "out", key=key)


async def test_a_process_that_is_too_slow_is_killed_and_replaced(
    tmp_path: Path, p12: Path, letter: bytes
) -> None:
    bench = Bench(keys=(KeyPlace(name="k", key=str(p12), secret=SECRET.encode()),))
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    # Nobody ever writes into the pipe: the process waits for its key for ever.
    stuck = SignerPool(Bench(keys=(KeyPlace(name="k", key=str(fifo)),)), workers=1, timeout_s=3)
    with pytest.raises(SigningUnfinished):
        await stuck.sign(_order(tmp_path, letter))
    await stuck.stop()
    pool = SignerPool(bench, workers=1, timeout_s=60)
    try:
        await pool.sign(_order(tmp_path, letter))
        (process,) = pool._idle
        process._process.kill()
        with pytest.raises(SigningUnfinished):
            await pool.sign(_order(tmp_path, letter))
        made = await pool.sign(_order(tmp_path, letter))
        assert made.media_type == "application/pdf"
    finally:
        await pool.stop()


async def test_processes_that_start_together_try_a_wrong_passphrase_once(
    tmp_path: Path, p12: Path, letter: bytes
) -> None:
    pool = SignerPool(Bench(keys=(KeyPlace(name="k", key=str(p12), secret=b"sai"),)), workers=2, timeout_s=60)
    try:
        orders = [_order(tmp_path, letter) for _ in range(4)]
        ended = await asyncio.gather(*(pool.sign(o) for o in orders), return_exceptions=True)
        assert [e.reason for e in ended if isinstance(e, SigningDeclined)] == ["credential_passphrase"] * 4
        assert sum(p.jobs for p in pool._idle) == 1
    finally:
        await pool.stop()
