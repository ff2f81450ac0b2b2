"""Trials by the national API and the Bkav dialect: what their calls show, and as whom they were made."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from adapters.conformance.bkav import BKAV
from adapters.conformance.exchange import Exchange
from adapters.conformance.facts import Api, Dialect
from adapters.conformance.scenarios import Sandbox, judge, scenarios_of
from adapters.conformance.sheet import Sheet
from adapters.conformance.tape import Tape
from adapters.conformance.vxp import VXP
from adapters.simulator.echo import Behaviour, roles
from hub.cli.conformance import on_trial
from hub.domain.directory import Agency, AgencyCode, CodeScheme, Level
from hub.ports.records import SystemRecord
from schemas.validate import Summary

SANDBOX = Sandbox(roles=roles("H09"))
ACCEPT, SLOW = SANDBOX.of(Behaviour.ACCEPT).code, SANDBOX.of(Behaviour.SLOW).code
REFUSE, WRONG = SANDBOX.of(Behaviour.REFUSE).code, SANDBOX.of(Behaviour.WRONG).code
ME = "000.00.02.H09"
OK = {"status": "OK", "ErrorCode": "0", "ErrorDesc": "Thanh cong"}


def system_record(**fields: Any) -> SystemRecord:
    """A registered system."""
    plain: dict[str, Any] = {"adapter": "rest-pull", "dialects": (), "policy": (), "active": True}
    return SystemRecord(id=uuid4(), **plain | fields)


def call(path: str, answer: Any, **fields: Any) -> Exchange:
    """One recorded call."""
    plain: dict[str, Any] = {
        "method": "POST",
        "status": 200,
        "sha256": "aa" * 32,
        "size": 100,
        "repeated": False,
        "cut": False,
        "sent": None,
        "order": None,
        "parameters": {"systemid": ME},
    }
    return Exchange(path=path, answer=answer, **plain | fields)


def said(*to: str, **fields: Any) -> Summary:
    """What a new document says."""
    return Summary(**{"from_": ME, "to": to, "document_id": "x,1", "business_type": 0, **fields})


def vxp_sent(*to: str, document: str = "d1", **fields: Any) -> Exchange:
    """A sendEdoc that was accepted."""
    return call("/vxp//sendEdoc", OK | {"DocId": document}, **{"sent": said(*to), **fields})


def refused(code: str, **fields: Any) -> Exchange:
    """A sendEdoc that was refused."""
    answer = {"status": "FAIL", "ErrorCode": code, "ErrorDesc": "x", "DocId": "0"}
    return call("/vxp/sendEdoc", answer, **{"sent": said(ACCEPT), **fields})


def fetched(package: str, message: Summary, operation: str = "getEdoc") -> Exchange:
    """A package that was fetched."""
    return call(f"/vxp/{operation}", None, parameters={"systemid": ME, "docId": package}, carried=message)


def done(package: str, state: str = "done", answer: Any = OK) -> Exchange:
    """A package that was answered; the client kept the id of another one in the other spelling."""
    kept = {"systemid": ME, "docid": package, "docId": "stale", "status": state}
    return call("/vxp/updateStatus", answer, parameters=kept)


def passed(dialect: Dialect, *exchanges: Exchange) -> set[str]:
    """The scenarios that a recording passes."""
    return {r.scenario.code for r in judge(exchanges, SANDBOX, dialect) if r.passed}


def test_an_interface_is_judged_by_what_it_can_show() -> None:
    assert "lease_lost" not in {each.code for each in scenarios_of(VXP.api)}
    assert {each.code for each in scenarios_of(VXP.api)} - {each.code for each in scenarios_of(BKAV.api)} == {
        "wrong_signature"
    }


def test_the_same_bytes_under_the_same_id_are_a_resend() -> None:
    assert passed(VXP, vxp_sent(ACCEPT)) == {"send"}
    assert "duplicate" in passed(VXP, vxp_sent(ACCEPT), vxp_sent(ACCEPT))
    assert "duplicate" not in passed(VXP, vxp_sent(ACCEPT), vxp_sent(ACCEPT, document="d2"))


def test_a_refusal_of_other_bytes_under_a_known_number_is_a_conflict() -> None:
    other = refused("10", sha256="bb" * 32)
    assert "conflict" in passed(VXP, vxp_sent(ACCEPT), other)
    assert "conflict" not in passed(VXP, vxp_sent(ACCEPT), other, other)
    assert "conflict" not in passed(VXP, other)
    assert "conflict" not in passed(VXP, vxp_sent(ACCEPT), refused("22", sha256="bb" * 32))
    unknown = refused("10", sha256="bb" * 32, sent=said(ACCEPT, document_id="x,2"))
    assert "conflict" not in passed(VXP, vxp_sent(ACCEPT), unknown)


def test_a_package_counts_when_it_was_fetched_and_answered_done() -> None:
    letter = said(ME, from_=ACCEPT)
    for operation in ("getEdoc", "downloadEdoc"):
        assert passed(VXP, fetched("p", letter, operation), done("p")) == {"fetch"}
    assert passed(VXP, fetched("p", letter)) == set()
    assert passed(VXP, done("p")) == set()
    assert passed(VXP, fetched("p", letter), done("p", "fail")) == set()
    assert passed(VXP, fetched("p", letter), done("p", answer=OK | {"ErrorCode": "21"})) == set()


def test_statuses_are_known_by_what_was_fetched() -> None:
    def status(code: str) -> Summary:
        return Summary(from_=SLOW, document_id="x,1", status_code=code)

    def taken(*codes: str) -> set[str]:
        pairs = [(fetched(f"p{c}", status(c)), done(f"p{c}")) for c in codes]
        return passed(VXP, *(each for pair in pairs for each in pair))

    assert taken("03", "01") == {"statuses_out_of_order"}
    assert taken("01", "03") == set()


def test_a_document_that_was_not_delivered_counts_when_its_sender_looked() -> None:
    row = {"senderDocId": "d1", "toCode": REFUSE, "receiveStatus": "fail"}
    listed = call("/vxp/getSentEdocList", OK | {"data": [row]})
    assert "wrong_signature" in passed(VXP, vxp_sent(REFUSE), listed)
    assert "wrong_signature" not in passed(VXP, vxp_sent(REFUSE))
    well = call("/vxp/getSentEdocList", OK | {"data": [row | {"receiveStatus": "done"}]})
    assert "wrong_signature" not in passed(VXP, vxp_sent(REFUSE), well)


def test_an_answer_that_was_cut_is_sent_for_again() -> None:
    tape = Tape(cut_for=SLOW, dialect=VXP)
    assert not tape.to_cut(refused("10", sent=said(SLOW)))
    assert tape.to_cut(vxp_sent(SLOW))
    assert not tape.to_cut(vxp_sent(SLOW, sha256="bb" * 32))
    assert "retry_after_cut" in passed(VXP, vxp_sent(SLOW, cut=True), vxp_sent(SLOW))
    known = Tape(cut_for=SLOW, dialect=VXP, exchanges=[vxp_sent(SLOW)])
    assert not known.to_cut(vxp_sent(SLOW))


def test_parameters_are_what_was_signed() -> None:
    signed = {"XroadVnpt-systemid": ME, "XroadVnpt-docId": "a", "XroadVnpt-docid": "b"}
    headers = {"xroadvnpt-Sign-Header": json.dumps(signed), "XroadVnpt-systemid": "other"}
    assert VXP.parameters(headers) == {"systemid": ME, "docId": "a", "docid": "b"}
    assert VXP.parameters({"XroadVnpt-sign-header": "[" * 10_000}) == {}
    assert VXP.parameters({}) == {}


def test_only_calls_that_verified_say_as_whom_they_were_made() -> None:
    wrong = {"status": "FAIL", "ErrorCode": "15", "ErrorDesc": "x"}
    other = call("/vxp/getReceivedEdocList", wrong, status=403, parameters={"systemid": "other"})
    assert VXP.callers([vxp_sent(ACCEPT), other]) == {ME}


def test_bkav_counts_by_its_own_words() -> None:
    def sent(*to: str, answer: Any = None, **fields: Any) -> Exchange:
        good = {"status": "Success", "code": "0", "errors": [], "docId": "d1"}
        given = {"sent": said(*to), "parameters": {"organid": ME}, **fields}
        return call("/EdocService/sendDocument", answer or good, **given)

    package = {"organid": ME, "docid": "p"}
    got = call("/EdocService/getDocument", None, parameters=package, carried=said(ME, from_=WRONG))
    confirmed = call("/EdocService/confirmReceived", {"status": "Success"}, parameters=package)
    conflict = {"status": "Fail", "code": "9999", "errors": [{"code": "document_conflict"}]}
    shown = [sent(ACCEPT), sent(ACCEPT), sent(ACCEPT, answer=conflict, sha256="bb" * 32), got, confirmed]
    assert passed(BKAV, *shown) == {"send", "duplicate", "conflict", "fetch", "unsigned"}
    assert passed(BKAV, sent(ACCEPT, answer=conflict), got) == {"conflict"}
    assert BKAV.callers(shown) == {ME}
    assert BKAV.parameters({"OrganId": ME, "Authorization": "token"}) == {"organid": ME}


def test_a_system_is_judged_by_the_interface_of_its_adapter_under_its_own_names() -> None:
    unit = Agency(
        unit_id=ME,
        name="Sở Một",
        level=Level.DEPARTMENT,
        codes=(
            AgencyCode(code=ME, scheme=CodeScheme.QCVN102),
            AgencyCode(code="H09.2", scheme=CodeScheme.QD20),
        ),
    )
    by_rest = on_trial(system_record(name="QLVB"), [unit])
    assert (by_rest.dialect.api, by_rest.names) == (Api.REST, frozenset({"QLVB"}))
    vxp = system_record(name="QLVB", adapter="vxp", settings=(("system_id", "00.09.W01"),))
    assert (on_trial(vxp, [unit]).dialect.api, on_trial(vxp, [unit]).names) == (
        Api.VXP,
        frozenset({"00.09.W01"}),
    )
    bkav = on_trial(system_record(name="QLVB", adapter="bkav"), [unit])
    assert (bkav.dialect.api, bkav.names) == (Api.BKAV, frozenset({"QLVB", ME, "H09.2"}))


def test_the_sheet_names_the_interface_that_was_judged() -> None:
    now = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    results = judge([vxp_sent(ACCEPT)], SANDBOX, VXP)
    sheet = Sheet(system="QLVB", hub="00.09.W00", api=VXP.api, begun_at=now, ended_at=now, results=results)
    assert sheet.statement()["api"] == "vxp"
    assert "API trục quốc gia (VXP)" in sheet.text()
    assert "Kết quả: FAIL (1/13 đạt)" in sheet.text()
