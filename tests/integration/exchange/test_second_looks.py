"""A verdict that waited for somebody's answer is asked for again, and who relies on it is told."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from hub.domain.second_looks import LOOKS
from hub.ports.blobs import BlobStoreFailed
from hub.ports.verification import VerificationCrashed
from signing.messages import Code, finding
from signing.report import FileReport, Indication, Revocation, Role, SubIndication
from tests.support.hub import A, B, HubUnderTest, Peer, report, signed
from tests.support.messages import letter


def _waiting(code: Code = Code.REVOCATION_UNKNOWN) -> FileReport:
    return report(
        signed(
            Role.SIGNER,
            Indication.INDETERMINATE,
            sub_indication=SubIndication.TRY_LATER,
            revocation=Revocation.UNKNOWN,
            findings=(finding(code, detail="không trả lời", date="01/01/2026"),),
        )
    )


WAITING = _waiting()
GOOD = report(signed(Role.SIGNER, Indication.TOTAL_PASSED, revocation=Revocation.GOOD))
REVOKED = report(
    signed(
        Role.SIGNER,
        Indication.TOTAL_FAILED,
        sub_indication=SubIndication.REVOKED,
        revocation=Revocation.REVOKED,
        findings=(finding(Code.CERTIFICATE_REVOKED, date="01/01/2026"),),
    )
)


async def _waits(hub: HubUnderTest, a: Peer) -> str:
    """A document that was delivered with its verdict open."""
    hub.verifier.verdict = WAITING
    sent = await a.accepted(letter(A, B))
    await hub.settle()
    return sent.document_id


async def _look(hub: HubUnderTest, number: int = 0) -> None:
    await hub.later(seconds=LOOKS[number].total_seconds() + 1)
    await hub.motions.second_looks.look()
    await hub.settle()


async def _open(hub: HubUnderTest) -> int:
    return int(await hub.pool.fetchval("SELECT count(*) FROM task WHERE kind = 'verify_again'"))


async def _signatures(peer: Peer, document: str) -> Any:
    return (await peer.call("GET", f"/api/v1/documents/{document}/signatures")).json


async def test_the_document_does_not_wait(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    document = await _waits(hub, a)
    assert [offer["document_id"] for offer in await b.inbox()] == [document]


async def test_the_verdict_becomes_final_when_the_authority_answers(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    document = await _waits(hub, a)
    hub.verifier.verdict = GOOD
    await _look(hub)
    assert (await a.show(document))["indication"] == "TOTAL-PASSED"
    assert (await a.kinds(document)).count("verification_changed") == 2  # the document's, the delivery's
    assert await _open(hub) == 0


async def test_before_it_is_due_nobody_asks(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await _waits(hub, a)
    asked = len(hub.verifier.seen)
    await hub.later(seconds=LOOKS[0].total_seconds() - 5)
    assert await hub.motions.second_looks.look() == 0
    assert len(hub.verifier.seen) == asked


async def test_a_certificate_found_revoked_is_told_to_sender_and_recipient(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    document = await _waits(hub, a)
    await b.take_all()
    hub.verifier.verdict = REVOKED
    await _look(hub)
    for peer in (a, b):
        events = (await peer.call("GET", "/api/v1/events")).json["events"]
        told = [e for e in events if e["kind"] == "verification_changed"]
        assert {e["data"]["verdict"] for e in told} == {"TOTAL-FAILED"}
    assert (await b.show(document))["indication"] == "TOTAL-FAILED"


async def test_clerks_see_which_report_is_the_newest_and_what_was_said_before(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    document = await _waits(hub, a)
    first = await _signatures(b, document)
    assert first["looked_at_again"] is not None
    hub.verifier.verdict = GOOD
    await _look(hub)
    then = await _signatures(b, document)
    (newest,) = then["reports"]
    assert (newest["version"], newest["indication"]) == (2, "TOTAL-PASSED")
    assert newest["made_at"] > first["reports"][0]["made_at"]
    assert then["looked_at_again"] is None
    (earlier,) = newest["earlier"]
    assert (earlier["version"], earlier["indication"]) == (1, "INDETERMINATE")
    (kept,) = (await b.call("GET", earlier["url"])).json
    assert kept["signatures"][0]["sub_indication"] == "TRY_LATER"


async def test_a_version_that_never_was_is_unknown(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    document = await _waits(hub, a)
    path = f"/api/v1/documents/{document}/signatures/0"
    assert (await a.call("GET", path, params={"version": "7"})).code == "document_unknown"
    assert (await a.call("GET", path, params={"version": "1"})).status == 200
    assert (await a.call("GET", path, params={"version": "eins"})).code == "bad_request"


async def test_without_an_answer_looks_become_rarer_and_end(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    document = await _waits(hub, a)
    asked = len(hub.verifier.seen)
    for number in range(len(LOOKS)):
        assert await _open(hub) == 1
        await _look(hub, number)
    assert await _open(hub) == 0
    assert len(hub.verifier.seen) - asked == len(LOOKS)
    assert "verification_changed" not in await a.kinds(document)
    assert (await _signatures(a, document))["reports"][0]["version"] == 1


@pytest.mark.parametrize("code", [Code.CERTIFICATE_ON_HOLD, Code.CHAIN_INTERMEDIATE_MISSING])
async def test_other_open_answers_are_waited_for_too(hub: HubUnderTest, a: Peer, b: Peer, code: Code) -> None:
    hub.verifier.verdict = _waiting(code)
    await a.accepted(letter(A, B))
    await hub.settle()
    assert await _open(hub) == 1


async def test_what_is_final_is_not_looked_at_again(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    hub.verifier.verdict = REVOKED
    await a.accepted(letter(A, B))
    await hub.settle()
    assert await _open(hub) == 0


async def test_a_look_that_crashes_leaves_the_report_and_counts(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    document = await _waits(hub, a)

    def crash(_name: str) -> None:
        raise VerificationCrashed

    hub.verifier.before = crash
    await _look(hub)
    (shown,) = (await _signatures(a, document))["reports"]
    assert shown["report"]["signatures"][0]["sub_indication"] == "TRY_LATER"
    assert await hub.pool.fetchval("SELECT attempts FROM task WHERE kind = 'verify_again'") == 1


async def test_a_blob_store_that_is_away_costs_no_look(
    hub: HubUnderTest, a: Peer, b: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _waits(hub, a)

    def away(*_arguments: Any, **_options: Any) -> Any:
        raise BlobStoreFailed("away")

    monkeypatch.setattr("hub.services.examiner.unpacked", away)
    await _look(hub)
    assert await hub.pool.fetchval("SELECT attempts FROM task WHERE kind = 'verify_again'") == 0


async def test_a_node_that_lost_its_lease_writes_nothing(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    document = await _waits(hub, a)

    async def taken_over() -> None:
        await hub.pool.execute("UPDATE task SET lease_token = lease_token + 1 WHERE kind = 'verify_again'")

    hub.verifier.verdict, hub.verifier.during = GOOD, taken_over
    await _look(hub)
    assert (await a.show(document))["indication"] == "INDETERMINATE"
    assert "verification_changed" not in await a.kinds(document)


async def test_a_mark_of_secrecy_seen_only_now_destroys_the_document(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    document = await _waits(hub, a)
    hub.verifier.page = ("TUYỆT MẬT",)
    await _look(hub)
    assert "secrecy_found" in await a.kinds(document)
    assert await _open(hub) == 0
    assert await hub.column("SELECT body_state FROM document") == ["secret"]
    assert await hub.count("signature_report_earlier") == 0


async def test_a_document_whose_body_is_gone_is_not_looked_for(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await _waits(hub, a)
    await hub.pool.execute("UPDATE document SET body_state = 'erased'")
    await _look(hub)
    assert await _open(hub) == 0


async def test_looks_are_no_backlog_and_no_neglected_task(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await _waits(hub, a)
    await hub.later(days=1)
    async with hub.services.follow._uow.read() as query:
        assert await query.tasks.backlog("verify") == (0, 0.0)
        assert orjson.dumps([h.topic for h in await query.tasks.neglected(LOOKS[0], 10)]) == b"[]"
