"""Verification of accepted documents: decisions, crashes, lost leases, absent blobs, state secrets."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters.simulator.letter import make_letter
from hub.ports.blobs import BlobStoreFailed
from hub.ports.unit_of_work import DatabaseUnavailable
from hub.ports.verification import VerificationCrashed, VerificationTimedOut, VerifierStopped
from hub.workers.verifier_pool import VerifierPool
from schemas.issues import EdxmlRefused
from schemas.messages import refusal
from signing.devpki import DevPki
from signing.pades import sign_letter
from signing.report import FileReport
from tests.support.hub import (
    DOUBTFUL,
    FAILED,
    PASSED,
    UNSIGNED,
    A,
    B,
    C,
    FakeVerifier,
    HubUnderTest,
    Peer,
    hub_on,
)
from tests.support.messages import DAY, PDF, letter, status

HOLD, REFUSE = (("on_failed", "hold"),), (("on_failed", "refuse"),)


@pytest.mark.parametrize(
    ("verdict", "policy", "state", "decision"),
    [
        (PASSED, (), "queued", "deliver"),
        (FAILED, (), "held", "hold"),
        (FAILED, HOLD, "held", "hold"),
        (FAILED, REFUSE, "refused", "refuse"),
        (FAILED, (("on_failed", "warn"),), "queued", "deliver_with_warning"),
        (DOUBTFUL, (), "queued", "deliver_with_warning"),
        (DOUBTFUL, (("on_indeterminate", "hold"),), "held", "hold"),
        (UNSIGNED, (), "queued", "deliver_with_warning"),
        (UNSIGNED, (("on_missing", "hold"),), "held", "hold"),
    ],
)
async def test_the_recipients_policy_decides_on_the_verdict(
    hub: HubUnderTest,
    a: Peer,
    verdict: FileReport,
    policy: tuple[tuple[str, str], ...],
    state: str,
    decision: str,
) -> None:
    b = await hub.system("DMS B", B, policy=policy)
    hub.verifier.verdict = verdict
    sent = await a.accepted(letter(A, B))
    await hub.settle()
    shown = await a.show(sent.document_id)
    assert shown["indication"] == verdict.indication.value
    (delivery,) = shown["deliveries"]
    assert (delivery["state"], delivery["acceptance"]["decision"]) == (state, decision)
    assert bool(delivery["acceptance"]["reasons"]) is (decision != "deliver")
    assert [o["acceptance"] for o in await b.inbox()] == (
        [delivery["acceptance"]] if state == "queued" else []
    )
    assert await hub.count("task") == 0


async def test_each_recipients_policy_is_its_own(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await hub.system("DMS C", C, policy=REFUSE)
    hub.verifier.verdict = FAILED
    sent = await a.accepted(letter(A, [B, C]))
    await hub.settle()
    states = {d["unit"]: d["state"] for d in (await a.show(sent.document_id))["deliveries"]}
    assert states == {B: "held", C: "refused"}
    assert len(hub.verifier.seen) == 1, "a document is verified once, whoever gets it"


async def test_every_file_is_verified_as_it_was_sent(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    files = [("mot.pdf", PDF + b"1"), ("hai.pdf", PDF + b"2")]
    sent = await a.accepted(letter(A, B, files=files))
    await hub.settle()
    assert hub.verifier.seen == files
    reports = (await b.call("GET", f"/api/v1/documents/{sent.document_id}/signatures")).json
    assert [r["position"] for r in reports["reports"]] == [0, 1] or [
        r["position"] for r in reports["reports"]
    ] == [1, 2]
    assert hub.spools() == []


@pytest.mark.parametrize("error", [VerificationCrashed, VerificationTimedOut])
async def test_a_file_on_which_two_workers_die_is_delivered_with_a_warning(
    hub: HubUnderTest, a: Peer, b: Peer, error: type[Exception]
) -> None:
    tries = 0

    def die(_name: str) -> None:
        nonlocal tries
        tries += 1
        raise error

    hub.verifier.before = die
    sent = await a.accepted(letter(A, B))
    await hub.settle()
    assert tries == 2
    shown = await a.show(sent.document_id)
    assert (shown["indication"], shown["deliveries"][0]["state"]) == ("INDETERMINATE", "queued")
    assert shown["deliveries"][0]["acceptance"]["decision"] == "deliver_with_warning"
    report = (await a.call("GET", f"/api/v1/documents/{sent.document_id}/signatures")).json["reports"][0]
    assert "VERIFICATION_CRASHED" in [finding["code"] for finding in report["report"]["findings"]]


async def test_one_crash_is_forgiven(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    tries = 0

    def die_once(_name: str) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise VerificationCrashed

    hub.verifier.before = die_once
    sent = await a.accepted(letter(A, B))
    await hub.settle()
    assert (await a.show(sent.document_id))["indication"] == "TOTAL-PASSED"


async def test_a_message_on_which_whole_nodes_die_is_delivered_with_a_warning_the_third_time(
    hub: HubUnderTest, a: Peer, b: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = await a.accepted(letter(A, B))
    async with hub.motions.verification._uow.begin() as tx:
        (task,) = await hub.column("SELECT id FROM task")
        await tx.tasks.claim(task, owner="a node that dies", lease=timedelta(minutes=1))
    await hub.later(minutes=2)
    async with hub.motions.verification._uow.begin() as tx:
        await tx.tasks.claim(task, owner="another that dies", lease=timedelta(minutes=1))
    await hub.later(minutes=2)
    monkeypatch.setattr("hub.services.examiner.unpacked", _must_not_be_called)
    await hub.settle()
    shown = await a.show(sent.document_id)
    assert (shown["indication"], shown["deliveries"][0]["state"]) == ("INDETERMINATE", "queued")


async def test_a_message_that_can_no_longer_be_taken_apart_is_delivered_with_a_warning(
    hub: HubUnderTest, a: Peer, b: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = await a.accepted(letter(A, B))

    def refuse(*_arguments: Any) -> None:
        raise refusal("too_many_attachments", limit=1)

    monkeypatch.setattr("hub.services.attachments._unpack", refuse)
    assert issubclass(type(refusal("too_many_attachments", limit=1)), EdxmlRefused)
    for _ in range(4):
        await hub.settle()
        await hub.later(minutes=2)
    shown = await a.show(sent.document_id)
    assert (shown["indication"], shown["deliveries"][0]["state"]) == ("INDETERMINATE", "queued")


async def test_a_worker_that_lost_its_lease_writes_nothing(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    sent = await a.accepted(letter(A, B))

    async def another_takes_it() -> None:
        hub.verifier.during = None
        await hub.pool.execute("UPDATE task SET lease_token = lease_token + 1")

    hub.verifier.during = another_takes_it
    (task,) = await hub.column("SELECT id FROM task")
    await hub.motions.verification.work(task)
    shown = await a.show(sent.document_id)
    assert (shown["indication"], shown["deliveries"][0]["state"]) == (None, "awaiting_verification")
    assert await hub.count("signature_report") == 0
    assert await a.kinds(sent.document_id) == ["document_accepted"]
    await hub.later(minutes=2)
    await hub.settle()
    assert len(await b.inbox()) == 1


async def test_a_task_is_worked_on_by_one_of_many_who_hear_of_it(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await a.accepted(letter(A, B))
    (task,) = await hub.column("SELECT id FROM task")
    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(hub.motions.verification.work(task))
    assert len(hub.verifier.seen) == 1
    assert len(await b.inbox()) == 1


async def test_while_the_blob_store_is_away_nothing_is_judged_and_no_attempt_counted(
    hub: HubUnderTest, a: Peer, b: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = await a.accepted(letter(A, B))
    with monkeypatch.context() as broken:

        async def away(*_arguments: Any) -> None:
            raise BlobStoreFailed("i/o error")

        broken.setattr(hub.blobs, "new_spool", away)
        for _ in range(5):
            await hub.settle()
            await hub.later(seconds=11)
    assert await hub.column("SELECT attempts FROM task") == [0]
    assert (await a.show(sent.document_id))["indication"] is None
    await hub.settle()
    assert (await a.show(sent.document_id))["indication"] == "TOTAL-PASSED"


async def test_a_document_whose_blob_is_gone_does_not_close_the_hub_for_others(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    await a.accepted(letter(A, B))
    for blob in await hub.stored_blobs():
        await hub.blobs.delete(blob)
    for _ in range(5):
        await hub.settle()
        await hub.later(minutes=3)
    hub.services.health._until = 0.0
    assert (await hub.services.health.look()).refuse is None
    assert (await a.send(letter(A, B, number=2))).status == 201


async def test_a_verifier_that_stops_gives_the_task_back_at_once(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await a.accepted(letter(A, B))

    def stop(_name: str) -> None:
        raise VerifierStopped

    hub.verifier.before = stop
    await hub.settle()
    assert await hub.column("SELECT attempts FROM task") == [0]
    hub.verifier.before = lambda _name: None
    await hub.settle()
    assert len(await b.inbox()) == 1


async def test_a_database_that_fails_at_the_verdict_leaves_the_task(
    hub: HubUnderTest, a: Peer, b: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a.accepted(letter(A, B))

    async def away(*_arguments: Any) -> None:
        raise DatabaseUnavailable("the test cut the line")

    with monkeypatch.context() as broken:
        broken.setattr(hub.motions.verification, "decide", away)
        await hub.settle()
    await hub.later(minutes=2)
    await hub.settle()
    assert len(await b.inbox()) == 1


# ---------------------------------------------------------------------------- state secrets


async def test_a_mark_of_secrecy_on_page_one_destroys_the_body_and_its_words(
    hub: HubUnderTest, a: Peer
) -> None:
    b = await hub.system("DMS B", B, dialects=("qcvn-default-ns",))
    hub.verifier.page = ("ỦY BAN NHÂN DÂN", "TỐI MẬT", "QUYẾT ĐỊNH")
    subject = "V/v một việc không nên để lại"
    sent = await a.accepted(letter(A, B, subject=subject))
    assert len(await hub.stored_blobs()) == 2
    await hub.settle()
    assert await hub.stored_blobs() == set()
    assert await b.inbox() == []
    shown = await a.show(sent.document_id)
    assert (shown["subject"], shown["attachments"]) == ("", [])
    assert shown["deliveries"][0]["state"] == "refused"
    assert shown["deliveries"][0]["acceptance"]["reasons"] == ["secrecy_mark"]
    content = await a.call("GET", f"/api/v1/documents/{sent.document_id}/content")
    assert content.code == "document_unknown"
    assert await hub.count("document_text") == await hub.count("signature_report") == 0
    assert "secrecy_found" in await a.kinds(sent.document_id)
    assert subject not in orjson.dumps(await _everything(hub)).decode()


async def test_of_a_secret_found_on_page_one_the_sender_gets_evidence(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    hub.verifier.page = ("MẬT",)
    sent = await a.accepted(letter(A, B))
    await hub.settle()
    assert [e["kind"] for e in await a.evidence(sent.document_id)] == ["non_delivery"]


@pytest.mark.parametrize("ended", ["confirmed", "withdrawn", "refused"])
async def test_a_secret_is_destroyed_also_where_a_delivery_has_ended(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer, ended: str
) -> None:
    sent = await a.accepted(letter(A, [B, C]))
    await hub.pool.execute("UPDATE delivery SET state = $1 WHERE unit_id = $2", ended, C)
    hub.verifier.page = ("MẬT",)
    await hub.settle()
    states = {d["unit"]: d["state"] for d in (await a.show(sent.document_id))["deliveries"]}
    assert states == {B: "refused", C: ended}
    assert await hub.stored_blobs() == set()


async def test_a_secret_whose_blob_could_not_be_removed_at_once_is_removed_by_the_janitor(
    hub: HubUnderTest, a: Peer, b: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.verifier.page = ("MẬT",)
    await a.accepted(letter(A, B))
    with monkeypatch.context() as broken:

        async def away(*_arguments: Any) -> None:
            raise BlobStoreFailed("i/o error")

        broken.setattr(hub.blobs, "delete", away)
        await hub.settle()
    assert len(await hub.stored_blobs()) == 1
    tomorrow = datetime.now(UTC).replace(year=datetime.now(UTC).year + 1)
    assert await hub.motions.housekeeping.remove_orphan_blobs(tomorrow) == 1


async def test_a_status_is_not_verified(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await a.accepted(letter(A, B))
    await hub.settle()
    await b.accepted(status(B, "01", about=(A, 1)))
    assert await hub.count("task") == 0
    assert len(await a.inbox()) == 1


# ---------------------------------------------------------------------------- with real signatures


@pytest.fixture
async def real_hub(database_url: str, tmp_path: Path) -> AsyncIterator[HubUnderTest]:
    """A hub that verifies for real and trusts the development PKI."""
    pki = DevPki.open_or_create(tmp_path / "pki")
    pool = VerifierPool(workers=1, timeout_s=60, memory_bytes=1024**3, trust_folder=pki.trust_folder)
    async with pool, hub_on(database_url, tmp_path, verifier=pool) as made:
        yield made


async def test_a_letter_signed_by_person_and_agency_passes_and_a_changed_one_is_held(
    real_hub: HubUnderTest, tmp_path: Path
) -> None:
    hub = real_hub
    a, b = await hub.system("DMS A", A), await hub.system("DMS B", B)
    pki = DevPki.open_or_create(tmp_path / "pki")
    pdf = await asyncio.to_thread(
        sign_letter,
        make_letter(
            issuing_body="Sở A",
            governing_body="Ủy ban nhân dân tỉnh",
            code_number="1",
            code_notation="SNV-VP",
            place="Thủ Dầu Một",
            issued_on=DAY,
            subject="V/v báo cáo",
            paragraphs=["Kính gửi báo cáo."],
            addressees=["Sở B"],
            signing_authority=None,
            signer_title="GIÁM ĐỐC",
            signer_name="Nguyễn Văn Mẫu",
            copies_to=["Như trên"],
        ),
        person=pki.issue_person("Nguyễn Văn Mẫu", agency_name="Sở A"),
        organisation=pki.issue_organisation("Sở A"),
        now=datetime.now(UTC),
    )
    place = pdf.index(b"stream", len(pdf) // 20) + 40
    changed = pdf[:place] + bytes([pdf[place] ^ 1]) + pdf[place + 1 :]
    good = await a.accepted(letter(A, B, number=1, files=[("1.pdf", pdf)]))
    bad = await a.accepted(letter(A, B, number=2, files=[("2.pdf", changed)]))
    await hub.settle()
    assert [(await a.show(s.document_id))["indication"] for s in (good, bad)] == [
        "TOTAL-PASSED",
        "TOTAL-FAILED",
    ]
    assert [o["document_id"] for o in await b.inbox()] == [good.document_id]


def _must_not_be_called(*_arguments: Any) -> Any:
    raise AssertionError("a message that kills nodes was taken apart again")


async def _everything(hub: HubUnderTest) -> list[str]:
    tables = await hub.column(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    rows: list[str] = []
    for table in tables:
        rows += await hub.column(f"SELECT t::text FROM {table} t")
        if table.startswith("event") and table != "event_cursor":
            rows += await hub.column(f"SELECT convert_from(body, 'UTF8') FROM {table}")
    return rows


async def test_a_node_forgets_its_verdicts_on_what_turns_out_to_be_a_secret(
    database_url: str, tmp_path: Path
) -> None:
    verifier = FakeVerifier(page=("TUYỆT MẬT",))
    async with hub_on(database_url, tmp_path, verifier=verifier, remembers=True) as hub:
        a, _ = await hub.system("DMS A", A), await hub.system("DMS B", B)
        verifier.verdict = replace(PASSED, sha256=hashlib.sha256(PDF).hexdigest())
        await a.accepted(letter(A, B))
        await hub.settle()
        assert await hub.column("SELECT body_state FROM document") == ["secret"]
        assert not await hub.count("signature_verdict")
        assert not hub.verifier._held
        assert not hub.verifier._since
