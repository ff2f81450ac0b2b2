"""A client of the national exchange gets through: sends, lists, fetches, answers, follows."""

from __future__ import annotations

import json

import pytest

from tests.integration.vxp.conftest import Served
from tests.support.hub import B_NEW, B_SECOND, LOCKED, UNKNOWN, A, B, C
from tests.support.messages import letter, status


async def test_a_document_goes_from_one_client_to_another_and_comes_up_in_both_lists(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    _, b = await served.connect("DMS B", B)
    document = letter(A, B, subject="V/v thử nghiệm liên thông")
    reply = await a.send(document, sender=A)
    assert (reply.status, reply.code, reply.json["ErrorDesc"]) == (200, "0", "Thanh cong")
    await served.settle()

    (listed,) = await b.received() or []
    assert (listed["from"], listed["to"], listed["messageType"]) == (A, B, "edoc")
    assert listed["status"] == "initial"
    assert await b.get(listed["docId"]) == document
    assert (await b.update(listed["docId"], "done")).code == "0"
    await served.settle()
    assert await b.received() == []

    sent = (await a.call("getSentEdocList", {"messagetype": "edoc"})).json["data"]
    assert [(s["senderDocId"], s["toCode"], s["receiveStatus"]) for s in sent] == [
        (reply.json["DocId"], B, "done")
    ]
    assert sent[0]["title"] == "V/v thử nghiệm liên thông"


async def test_a_resend_gets_the_same_document_id(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    await served.connect("DMS B", B)
    document = letter(A, B)
    first, second = await a.send(document, sender=A), await a.send(document, sender=A)
    assert first.json["DocId"] == second.json["DocId"]
    assert await served.hub.count("document") == 1


async def test_a_download_is_the_document_byte_for_byte(served: Served) -> None:
    _, b, package, document = await served.package(files=[("lon.pdf", b"%PDF-1.7\n" + bytes(700_001))])
    assert await b.download(package) == document
    assert await b.get(package) == document


async def test_a_package_is_listed_until_it_is_confirmed_also_while_it_is_fetched(served: Served) -> None:
    _, b, package, _ = await served.package()
    await b.get(package)
    assert [row["docId"] for row in await b.received() or []] == [package]
    assert await b.count() == 1
    await b.update(package, "processing")
    assert [row["status"] for row in await b.received() or []] == ["processing"]
    await b.get(package)
    await served.settle()
    await served.hub.later(minutes=10)
    await served.hub.sweep()
    await served.settle()
    assert [row["docId"] for row in await b.received() or []] == [package]
    assert (await b.update(package, "done")).code == "0"
    assert (await b.update(package, "done")).code == "0"
    await served.settle()
    assert await b.count() == 0


async def test_what_was_confirmed_can_be_fetched_again_and_stays_confirmed(served: Served) -> None:
    _, b, package, document = await served.package()
    await b.get(package)
    await served.settle()
    assert (await b.update(package, "done")).code == "0"
    assert await b.get(package) == document
    assert await b.download(package) == document
    await served.settle()
    assert await b.received() == []
    assert (await b.update(package, "fail")).code == "21"
    events = await served.hub.column("SELECT kind FROM event WHERE kind = 'delivery_replayed'")
    assert len(events) == 2


async def test_statuses_travel_back_as_packages_of_their_own(served: Served) -> None:
    a, b, package, _ = await served.package()
    await b.get(package)
    await b.update(package, "done")
    said = status(B, "03", about=(A, 1))
    assert (await b.send(said, sender=B, kind="status")).code == "0"
    await served.settle()
    assert await a.received() == []
    assert await a.count("countReceiveStatus") == 1
    (told,) = await a.received("status") or []
    assert told["messageType"] == "status"
    assert await a.get(told["docId"]) == said


async def test_a_package_that_cannot_be_read_is_refused_for_good(served: Served) -> None:
    a, b, package, _ = await served.package()
    await b.get(package)
    await served.settle()
    assert (await b.update(package, "fail", description="khong mo duoc")).code == "0"
    await served.settle()
    assert await b.received() == []
    assert (await b.update(package, "fail")).code == "0"
    assert (await b.update(package, "done")).code == "21"
    sent = (await a.call("getSentEdocList", {"messagetype": "edoc"})).json["data"]
    assert [row["receiveStatus"] for row in sent] == ["fail"]


async def test_what_was_not_fetched_cannot_be_answered(served: Served) -> None:
    _, b, package, _ = await served.package()
    for state in ("done", "fail", "processing"):
        assert (await b.update(package, state)).code == "21"
    assert len(await b.received() or []) == 1


async def test_the_packages_of_others_are_unknown(served: Served) -> None:
    _, _, package, _ = await served.package()
    _, c = await served.connect("DMS C", C)
    assert (await c.call("getEdoc", {"docId": package}, body=b"{}")).code == "10"
    assert (await c.update(package, "done")).code == "10"
    refused = await c.call("downloadEdoc", {"docId": package}, method="GET")
    assert refused.status >= 400
    assert refused.body == b""
    assert refused.headers["xroadvnpt-errorcode"] == "10"


async def test_a_message_to_two_units_of_a_system_is_two_packages(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    _, b = await served.connect("DMS B", B, B_SECOND)
    await a.send(letter(A, [B, B_SECOND]), sender=A)
    await served.settle()
    assert sorted(row["to"] for row in await b.received() or []) == sorted([B, B_SECOND])


async def test_old_and_new_code_of_one_unit_are_one_package(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    _, b = await served.connect("DMS B", B)
    await a.send(letter(A, [B, B_NEW]), sender=A)
    await served.settle()
    assert len(await b.received() or []) == 1


@pytest.mark.parametrize("form", ["array", "text"])
async def test_to_names_those_for_whom_the_message_is_meant(served: Served, form: str) -> None:
    _, a = await served.connect("DMS A", A)
    _, b = await served.connect("DMS B", B)
    _, c = await served.connect("DMS C", C)
    document = letter(A, [B, C])
    named = json.dumps([B_NEW])
    reply = await a.send(document, sender=A, to=named if form == "array" else json.dumps(named))
    assert reply.code == "0"
    await served.settle()
    assert len(await b.received() or []) == 1
    assert await c.received() == []
    # The rest, later: who has it does not get it again.
    assert (await a.send(document, sender=A, to=json.dumps([B, C]))).code == "0"
    await served.settle()
    assert len(await b.received() or []) == 1
    assert len(await c.received() or []) == 1


async def test_an_empty_to_takes_back_what_the_client_object_named_before(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    await served.connect("DMS B", B)
    await served.connect("DMS C", C)
    assert (await a.send(letter(A, B), sender=A, to=json.dumps([B]))).code == "0"
    assert (await a.send(letter(A, C, number=2), sender=A, to='""')).code == "0"


async def test_a_recipient_that_is_not_in_the_message_is_refused(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    await served.connect("DMS B", B)
    await served.connect("DMS C", C)
    reply = await a.send(letter(A, B), sender=A, to=json.dumps([B, C]))
    assert (reply.code, reply.json["DocId"]) == ("18", "0")
    assert await served.hub.holds_nothing()


async def test_a_status_is_not_touched_by_the_to_of_an_earlier_document(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    _, b = await served.connect("DMS B", B)
    await a.send(letter(A, B), sender=A)
    await b.send(letter(B, A, number=2), sender=B, to=json.dumps([A]))
    await served.settle()
    b.kept["to"] = json.dumps([C])
    assert (await b.send(status(B, "03", about=(A, 1)), sender=B, kind="status")).code == "0"


async def test_some_unknown_recipients_do_not_stop_the_others_and_are_named_in_the_sent_list(
    served: Served,
) -> None:
    _, a = await served.connect("DMS A", A)
    await served.connect("DMS B", B)
    assert (await a.send(letter(A, [UNKNOWN, B]), sender=A)).code == "0"
    sent = (await a.call("getSentEdocList", {"messagetype": "edoc"})).json["data"]
    assert {(row["toCode"], row["sendStatus"]) for row in sent} == {(B, "done"), (UNKNOWN, "fail")}


@pytest.mark.parametrize(("to", "code"), [(UNKNOWN, "18"), (LOCKED, "23")])
async def test_nobody_to_send_to_is_told_by_its_code(served: Served, to: str, code: str) -> None:
    _, a = await served.connect("DMS A", A)
    reply = await a.send(letter(A, to), sender=A)
    assert (reply.code, reply.json["status"], reply.json["DocId"]) == (code, "FAIL", "0")
    assert await served.hub.holds_nothing()


async def test_another_sender_is_told_by_the_observed_text(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    await served.connect("DMS B", B)
    reply = await a.send(letter(A, B), sender=C)
    assert reply.code == "19"
    assert reply.json["ErrorDesc"] == f"Don vi gui {C} khong dung voi ma da dang ky: {A}"
    assert (await a.send(letter(C, B), sender=A)).code == "19"
    assert await served.hub.holds_nothing()
