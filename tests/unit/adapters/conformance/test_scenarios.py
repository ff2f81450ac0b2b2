"""The judges of the conformance sheet: what was seen passes, what was not seen fails."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.conformance.exchange import Exchange
from adapters.conformance.scenarios import LARGE_BYTES, SCENARIOS, Sandbox, judge
from adapters.conformance.sheet import Sheet
from adapters.conformance.tape import Tape
from adapters.simulator.echo import Behaviour, roles
from hub.cli.conformance import others
from schemas.validate import Summary

SANDBOX = Sandbox(roles=roles("H09"))
ACCEPT, SLOW = SANDBOX.of(Behaviour.ACCEPT), SANDBOX.of(Behaviour.SLOW)
WRONG, RECALL = SANDBOX.of(Behaviour.WRONG), SANDBOX.of(Behaviour.RECALL)
DELIVERY = "01a20203-57ed-7bfa-a8d6-5f1061d1b23b"
OTHER = "01a20203-57ed-7bfa-a8d6-5f1061d1b23c"


def call(path: str, *, method: str = "POST", status: int = 200, **fields: Any) -> Exchange:
    """One recorded call."""
    plain: dict[str, Any] = {
        "sha256": "aa" * 32,
        "size": 100,
        "repeated": False,
        "cut": False,
        "sent": None,
        "order": None,
        "answer": None,
    }
    return Exchange(method=method, path=path, status=status, **plain | fields)


def sent(*to: str, status: int = 201, **fields: Any) -> Exchange:
    """A document that was accepted."""
    summary = Summary(to=to, document_id="000.00.02.H09,2026/11/22,1/SNV", business_type=0)
    answer = {"receipt": {"receipt_id": OTHER, "system": "QLVB"}}
    given: dict[str, Any] = {"sent": summary, "answer": answer} | fields
    return call("/api/v1/documents", status=status, **given)


def offer(delivery: str, kind: str, sender: str, code: str | None = None, *reasons: str) -> dict[str, Any]:
    """An entry of an inbox."""
    return {
        "delivery_id": delivery,
        "kind": kind,
        "from_code": sender,
        "status_code": code,
        "acceptance": {"decision": "deliver", "reasons": list(reasons)},
    }


def inbox(*offers: dict[str, Any]) -> Exchange:
    """A look into the inbox."""
    return call("/api/v1/inbox", method="GET", answer={"deliveries": list(offers)})


def act(delivery: str, action: str, token: int = 1) -> Exchange:
    """A lease or a confirmation."""
    return call(f"/api/v1/inbox/{delivery}/{action}", answer={"lease_token": token})


def passed(*exchanges: Exchange) -> set[str]:
    """The scenarios that a recording passes."""
    return {result.scenario.code for result in judge(exchanges, SANDBOX) if result.passed}


def test_nothing_seen_is_nothing_passed() -> None:
    assert passed() == set()


def test_each_thing_that_was_sent_counts_for_its_scenario() -> None:
    assert passed(sent(ACCEPT.code)) == {"send"}
    assert passed(sent("000.00.09.H09")) == set()
    assert passed(sent(ACCEPT.code, status=422)) == set()
    assert "codes" in passed(sent(ACCEPT.code), sent(str(ACCEPT.other_code)))
    assert "large" in passed(sent("x", size=LARGE_BYTES))
    assert "large" not in passed(sent("x", size=LARGE_BYTES - 1))
    for number, code in ((2, "update"), (3, "replace")):
        summary = Summary(to=("x",), document_id="x", business_type=number)
        assert passed(sent(sent=summary)) == {code}


def test_a_resend_after_an_answer_and_one_after_a_cut_are_told_apart() -> None:
    again = sent(ACCEPT.code, status=200, repeated=True)
    assert "duplicate" in passed(sent(ACCEPT.code), again)
    assert "retry_after_cut" not in passed(sent(ACCEPT.code), again)
    cut = passed(sent(SLOW.code, cut=True), sent(SLOW.code, status=200, repeated=True))
    assert "retry_after_cut" in cut
    assert "duplicate" not in cut
    assert "retry_after_cut" not in passed(sent(SLOW.code, cut=True), sent(SLOW.code, sha256="bb" * 32))


def test_a_conflict_counts_only_if_the_same_is_not_sent_again() -> None:
    conflict = call("/api/v1/documents", status=409, answer={"code": "document_conflict"})
    assert passed(conflict) == {"conflict"}
    assert passed(conflict, conflict) == set()


def test_a_delivery_counts_when_it_is_confirmed_and_a_second_lease_when_the_first_was_lost() -> None:
    listed = inbox(offer(DELIVERY, "document", ACCEPT.code))
    assert passed(listed, act(DELIVERY, "lease")) == set()
    assert passed(listed, act(DELIVERY, "lease"), act(DELIVERY, "confirm")) == {"fetch"}
    twice = (act(DELIVERY, "lease"), act(DELIVERY, "lease", 2), act(DELIVERY, "confirm", 2))
    assert passed(listed, *twice) == {"fetch", "lease_lost"}


@pytest.mark.parametrize(("order", "counts"), [(("03", "01"), True), (("01", "03"), False)])
def test_statuses_count_in_the_order_in_which_they_were_taken(order: tuple[str, str], counts: bool) -> None:
    ids = (DELIVERY, OTHER)
    listed = inbox(*(offer(i, "status", SLOW.code, code) for i, code in zip(ids, order, strict=True)))
    assert ("statuses_out_of_order" in passed(listed, *(act(i, "confirm") for i in ids))) is counts


def test_recalls_count_when_both_answers_came_and_the_own_answer_went() -> None:
    ids = [f"01a20203-57ed-7bfa-a8d6-5f1061d1b2{n:02d}" for n in range(3)]
    told = (("15", ACCEPT.code), ("16", RECALL.code), ("13", RECALL.code))
    listed = inbox(*(offer(i, "status", sender, code) for i, (code, sender) in zip(ids, told, strict=True)))
    taken = [listed, *(act(i, "confirm") for i in ids)]
    asked = call(f"/api/v1/documents/{OTHER}/recall", answer={})
    said = call("/api/v1/statuses", status=201, order={"status_code": "15", "about": OTHER})
    assert "recall" in passed(*taken, asked, said)
    assert "recall" not in passed(*taken, asked)
    assert "recall" not in passed(*taken, said)
    assert "recall" not in passed(*taken[:-1], asked, said)


def test_signatures_count_when_the_system_took_the_unsigned_and_looked_at_the_wrong() -> None:
    unsigned = inbox(offer(DELIVERY, "document", WRONG.code, None, "unsigned"))
    assert "unsigned" in passed(unsigned, act(DELIVERY, "confirm"))
    assert "unsigned" not in passed(unsigned)
    refuse = sent(SANDBOX.of(Behaviour.REFUSE).code)
    looked = call(
        f"/api/v1/documents/{OTHER}",
        method="GET",
        answer={"document_id": OTHER, "indication": "TOTAL-FAILED"},
    )
    assert "wrong_signature" in passed(refuse, looked)
    assert "wrong_signature" not in passed(looked)
    assert "wrong_signature" not in passed(refuse, replace(looked, answer={"document_id": OTHER}))


def sheet(tape: Tape, name: str) -> Sheet:
    """The sheet of a system."""
    now = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    results = judge(tape.exchanges, SANDBOX)
    return Sheet(
        system=name,
        hub="00.09.W00",
        begun_at=now,
        ended_at=now,
        results=results,
        others=others(tape, {name}),
    )


def test_a_sheet_for_another_system_than_the_one_that_acted_passes_nothing() -> None:
    tape = Tape(cut_for=SLOW.code, exchanges=[sent(ACCEPT.code)])
    assert "(1/14 đạt)" in sheet(tape, "QLVB").text()
    other = sheet(tape, "Phần mềm khác")
    assert not other.passed
    assert "(0/14 đạt)" in other.text()
    assert "dưới tên khác (QLVB)" in other.text()
    statement = other.statement()
    assert statement["other_callers"] == ["QLVB"]
    assert {(s["result"], s["evidence"]) for s in statement["scenarios"]} == {("FAIL", "")}  # type: ignore[index, call-overload, union-attr]


def test_only_the_first_new_message_for_the_slow_recipient_is_cut() -> None:
    tape = Tape(cut_for=SLOW.code)
    assert not tape.to_cut(sent(ACCEPT.code))
    assert not tape.to_cut(sent(SLOW.code, status=200, repeated=True))
    assert not tape.to_cut(sent(SLOW.code, status=422))
    assert tape.to_cut(sent(SLOW.code))
    assert not tape.to_cut(sent(SLOW.code, sha256="bb" * 32))


def test_the_sheet_says_what_is_missing_and_how_to_show_it() -> None:
    made = sheet(Tape(cut_for=SLOW.code, exchanges=[sent(ACCEPT.code)]), "QLVB")
    text = made.text()
    assert "Kết quả: FAIL (1/14 đạt)" in text
    assert all(each.how in text for each in SCENARIOS if each.code != "send")
    assert made.statement()["result"] == "FAIL"
    assert made.statement()["api"] == "rest"
