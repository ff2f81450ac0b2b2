"""POST /signatures/sign, /prepare and /finish, over HTTP, with signing processes of their own."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import os
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
from aiohttp import ClientError, FormData
from asn1crypto import pem
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from hub.ports.signing import SigningAction, SigningDeclined, SigningOrder, SigningUnfinished
from hub.ports.unit_of_work import DatabaseUnavailable
from hub.storage.signing_records import PgSigningRecords
from hub.workers.signer_pool import SignerPool
from hub.workers.signer_wire import Bench
from signing.credentials import Credential
from signing.devpki import DevPki
from signing.key_ring import KeyPlace
from signing.options import VerifyOptions
from signing.report import Indication
from signing.verify import verify_bytes
from tests.support.hub import A, B, HubUnderTest, Peer, hub_on
from tests.support.papers import small_letter

BASE = "/api/v1/signatures/"
SECRET = "mật khẩu"


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Credential:
    now = datetime.now(UTC).replace(microsecond=0)
    pki = DevPki.open_or_create(tmp_path_factory.mktemp("keys") / "pki", now=now)
    return pki.issue_person("Nguyễn Văn Ẩn", agency_name="UBND phường A")


@pytest.fixture(scope="module")
def letter() -> bytes:
    return small_letter("Nguyễn Văn Ẩn")


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


async def _records(hub: HubUnderTest) -> list[dict[str, Any]]:
    rows = await hub.pool.fetch("SELECT * FROM signing_record ORDER BY begun_at, id")
    return [dict(row) for row in rows]


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


async def test_each_use_of_a_key_is_on_record_with_its_digests(
    hub: HubUnderTest, a: Peer, letter: bytes
) -> None:
    made = await ask(a, "sign", {"key": "leader"}, ("công văn.pdf", letter))
    (row,) = await _records(hub)
    assert (row["system_name"], row["action"], row["key_name"]) == ("a", "sign", "leader")
    assert (row["api_key"], row["result"], row["reason"]) == (a.caller.key_id, "done", None)
    assert (row["files"], row["made"]) == ([_sha256(letter)], _sha256(made.raw))
    assert row["begun_at"] < row["ended_at"]


async def test_a_key_elsewhere_leaves_two_records(
    hub: HubUnderTest, b: Peer, person: Credential, letter: bytes
) -> None:
    chain = pem.armor("CERTIFICATE", person.certificate.dump()).decode()
    waiting = (await ask(b, "prepare", {"certificates": chain}, ("f.pdf", letter))).json
    to_sign = base64.b64decode(waiting["to_sign"])
    value = base64.b64encode(person.sign(to_sign)).decode()
    made = await ask(b, "finish", {"state": waiting["state"], "value": value}, ("f.pdf", letter))
    first, second = await _records(hub)
    assert (first["action"], first["made"]) == ("prepare", _sha256(to_sign))
    assert (second["action"], second["made"]) == ("finish", _sha256(made.raw))


@pytest.mark.parametrize(
    ("key", "reason"), [("broken", "credential_passphrase"), ("leader", "pdf_unsignable")]
)
async def test_what_was_declined_is_on_record_with_its_reason(
    hub: HubUnderTest, a: Peer, key: str, reason: str
) -> None:
    await ask(a, "sign", {"key": key}, ("f.pdf", b"%PDF-1.7 broken"))
    (row,) = await _records(hub)
    assert (row["result"], row["reason"], row["made"]) == ("declined", reason, None)


async def test_a_caller_without_the_right_leaves_no_record_of_a_key(
    hub: HubUnderTest, b: Peer, letter: bytes
) -> None:
    await ask(b, "sign", {"key": "leader"}, ("f.pdf", letter))
    assert not await _records(hub)


async def test_a_process_that_dies_at_it_leaves_the_beginning_on_record(
    hub: HubUnderTest, a: Peer, letter: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(_self: object, _order: SigningOrder) -> Any:
        raise asyncio.CancelledError

    monkeypatch.setattr(SignerPool, "sign", die)
    with pytest.raises(ClientError):
        await ask(a, "sign", {"key": "leader"}, ("f.pdf", letter))
    (row,) = await _records(hub)
    assert (row["result"], row["ended_at"]) == ("begun", None)


async def test_without_a_database_nothing_is_signed(
    hub: HubUnderTest, a: Peer, letter: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_self: object, _record: object) -> None:
        raise DatabaseUnavailable("away")

    signed: list[SigningOrder] = []
    monkeypatch.setattr(PgSigningRecords, "begin", away)
    monkeypatch.setattr(SignerPool, "sign", lambda _self, order: signed.append(order))
    answer = await ask(a, "sign", {"key": "leader"}, ("f.pdf", letter))
    assert (answer.status, answer.code) == (503, "database_unavailable")
    assert not signed


async def test_a_signature_that_could_not_be_put_on_record_does_not_leave_the_hub(
    hub: HubUnderTest, a: Peer, letter: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_self: object, _id: object, _ended: object) -> None:
        raise DatabaseUnavailable("away")

    monkeypatch.setattr(PgSigningRecords, "end", away)
    answer = await ask(a, "sign", {"key": "leader"}, ("f.pdf", letter))
    assert (answer.status, answer.code) == (503, "database_unavailable")
    assert b"%PDF" not in answer.raw


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE signing_record SET key_name = 'other'",
        "UPDATE signing_record SET ended_at = NULL, result = 'begun'",
        "DELETE FROM signing_record",
        "TRUNCATE signing_record",
    ],
)
async def test_records_are_never_changed_or_deleted(
    hub: HubUnderTest, a: Peer, letter: bytes, change: str
) -> None:
    await ask(a, "sign", {"key": "leader"}, ("f.pdf", letter))
    with pytest.raises(asyncpg.RaiseError):
        await hub.pool.execute(change)


async def test_records_are_found_by_system_and_by_the_digest_of_either_file(
    hub: HubUnderTest, a: Peer, letter: bytes
) -> None:
    made = await ask(a, "sign", {"key": "leader"}, ("f.pdf", letter))
    async with hub.services.follow._uow.read() as query:
        for digest in (_sha256(letter), _sha256(made.raw), None):
            found = await query.signings.newest(system_name="a", digest=digest, limit=5)
            assert [each.ended.made for each in found] == [_sha256(made.raw)]
        assert not await query.signings.newest(system_name="b", digest=None, limit=5)
        assert not await query.signings.newest(system_name=None, digest=b"\0" * 32, limit=5)
