"""Clients of the Bkav eDoc dialect get through, and what must not get through is told in its own words."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.services import shared_secrets
from tests.integration.bkav.conftest import TOKEN, Client, Exchange
from tests.integration.vxp.conftest import serve
from tests.support.hub import B_NEW, B_SECOND, UNKNOWN, A, Answer, B, C
from tests.support.messages import NOTATION, letter, number_of, status
from tests.support.sdk import CRLF
from tests.support.sdk import exchange as raw_call


def failed(answer: Answer, code: str, *, http: int = 200, status: str = "Fail") -> None:
    assert (answer.status, answer.json["status"], answer.json["code"]) == (http, status, "9999"), answer.raw
    assert answer.json["errors"][0]["code"] == code
    assert answer.json["errors"][0]["description"]


async def test_a_document_and_its_statuses_go_from_one_client_to_another(exchange: Exchange) -> None:
    a = await exchange.connect("DMS A", A)
    b = await exchange.connect("DMS B", B)
    document = letter(A, B, files=[("lon.pdf", b"%PDF-1.7\n" + bytes(700_001))])
    sent = await a.send(document)
    assert (sent.status, sent.json["status"], sent.json["code"], sent.json["errors"]) == (
        200,
        "Success",
        "0",
        [],
    )
    await exchange.settle()
    (package,) = await b.pending()
    assert await b.get(package) == document
    assert (await b.confirm(package)).json == {
        "status": "Success",
        "code": "0",
        "errors": [],
        "docId": package,
    }
    assert await b.pending() == []
    said = await b.send(status(B, "03", about=(A, 1)), "STATUS")
    assert said.json["code"] == "0", said.raw
    await exchange.settle()
    assert await a.pending() == []
    (told,) = await a.pending("STATUS")
    assert b"03" in await a.get(told)
    assert (await a.confirm(told)).json["code"] == "0"


async def test_a_resend_gets_the_same_id_and_confirming_again_the_same_answer(exchange: Exchange) -> None:
    a = await exchange.connect("DMS A", A)
    b = await exchange.connect("DMS B", B)
    first, second = await a.send(letter(A, B)), await a.send(letter(A, B))
    assert first.json["docId"] == second.json["docId"]
    await exchange.settle()
    (package,) = await b.pending()
    await b.get(package)
    assert (await b.confirm(package)).raw == (await b.confirm(package)).raw


async def test_each_agency_of_a_system_sees_its_own_packages_by_any_of_its_codes(exchange: Exchange) -> None:
    a = await exchange.connect("DMS A", A)
    await exchange.connect("DMS B", B, B_SECOND, system_id="TRUNG-TAM")
    await a.send(letter(A, [B, B_SECOND]))
    await exchange.settle()
    of_b, of_second = await exchange.client(B_NEW).pending(), await exchange.client(B_SECOND).pending()
    assert (len(of_b), len(of_second)) == (1, 1)
    assert sorted(await exchange.client("TRUNG-TAM").pending()) == sorted(of_b + of_second)


async def test_clients_that_ask_by_post_and_write_the_type_as_they_like_are_answered(
    exchange: Exchange,
) -> None:
    b = await exchange.connect("DMS B", B)
    for headers in ({"Type": "EDOC"}, {"messageType": "edoc"}, {"type": "EDOC", "messagetype": "edoc"}):
        answer = await b.call("getpendingdocids", headers=headers, data=b"")
        assert answer.json["data"] == []
    bearer = Client(b.session, b.url, B, f"Bearer {TOKEN}")
    assert await bearer.pending() == []


async def test_a_document_is_known_by_its_number_and_its_notation_to_both_sides_alone(
    exchange: Exchange,
) -> None:
    a = await exchange.connect("DMS A", A)
    b = await exchange.connect("DMS B", B)
    c = await exchange.connect("DMS C", C, token="khac")
    document_id = (await a.send(letter(A, B, number=7))).json["docId"]
    asked = {"fromOrgan": A, "toOrgan": B_NEW}
    for client in (a, b):
        for name in (number_of(A, 7), f"7/{NOTATION}"):
            found = await client.call("checkExistDocument", json={**asked, "docCode": name})
            assert (found.json["data"], found.json["docId"]) == (True, document_id)
    missing = await a.call("checkExistDocument", json={**asked, "docCode": f"8/{NOTATION}"})
    assert (missing.json["code"], missing.json["data"]) == ("0", False)
    elsewhere = await a.call("checkExistDocument", json={**asked, "toOrgan": C, "docCode": number_of(A, 7)})
    assert elsewhere.json["data"] is False
    failed(
        await c.call("checkExistDocument", json={**asked, "docCode": number_of(A, 7)}), "sender_not_allowed"
    )
    failed(
        await a.call("checkExistDocument", json={**asked, "toOrgan": UNKNOWN, "docCode": "1"}),
        "recipient_unknown",
    )


async def test_organizations_are_all_or_the_one_that_is_asked_for(exchange: Exchange) -> None:
    a = await exchange.connect("DMS A", A)
    everything = (await a.call("getOrganizations", method="GET")).json["data"]
    assert B in {unit["organId"] for unit in everything}
    own = await a.call("getOrganizations", method="GET", params={"organId": A})
    assert own.json["data"] == everything
    (one,) = (await a.call("getOrganizations", method="GET", params={"organId": B_NEW})).json["data"]
    assert (one["organId"], one["codes"]) == (B, [B, B_NEW])
    none = await a.call("getOrganizations", method="GET", params={"organId": UNKNOWN})
    assert none.json["data"] == []


@pytest.mark.parametrize(
    ("organ", "token"), [(A, "sai"), (UNKNOWN, TOKEN), ("", TOKEN), (A, ""), (C, TOKEN), ("DMS B", TOKEN)]
)
async def test_a_wrong_token_and_an_unknown_agency_are_told_apart_by_nobody(
    exchange: Exchange, organ: str, token: str
) -> None:
    await exchange.connect("DMS A", A)
    await exchange.connect("DMS B", B, token="khac")
    client = exchange.client(organ, token)
    answers = [
        await client.send(letter(A, B)),
        await client.call("getPendingDocIds", method="GET", headers={"type": "EDOC"}),
        await client.call("getDocument", headers={"docid": "x"}),
        await client.call("getOrganizations", method="GET"),
    ]
    for answer in answers:
        failed(answer, "unauthenticated", http=401)
        assert answer.raw == answers[0].raw
    assert await exchange.hub.holds_nothing()


async def test_tokens_change_with_grace_and_a_new_one_counts_at_once(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = await exchange.connect("DMS A", A)
    assert await a.pending() == []
    monkeypatch.setattr(shared_secrets, "REMEMBERED_S", 60.0)
    monkeypatch.setattr(shared_secrets, "AGAIN_AFTER_S", 0.0)
    assert await a.pending() == []
    await exchange.served.adapters.put_secret("DMS A", "bkav", b"moi", grace=timedelta(days=7))
    assert await exchange.client(A, "moi").pending() == []
    assert await a.pending() == []
    monkeypatch.setattr(shared_secrets, "REMEMBERED_S", 0.0)
    await exchange.hub.later(days=8)
    failed(await exchange.client(A, "sai").send(b"x"), "unauthenticated", http=401)
    failed(await a.send(b"x"), "unauthenticated", http=401)


async def test_a_token_from_another_network_is_refused(exchange: Exchange) -> None:
    a = await exchange.connect("DMS A", A)
    await exchange.hub.registry.settings.set_networks("DMS A", ["10.9.9.0/24"])
    failed(await a.send(letter(A, B)), "binding_refused", http=403)
    assert await exchange.hub.holds_nothing()


async def test_packages_of_others_and_what_was_not_fetched_are_refused(exchange: Exchange) -> None:
    a = await exchange.connect("DMS A", A)
    b = await exchange.connect("DMS B", B)
    await a.send(letter(A, B))
    await exchange.settle()
    (package,) = await b.pending()
    failed(await b.confirm(package), "package_not_fetched")
    for client, docid in ((a, package), (b, "khong-phai-ma"), (b, "00000000-0000-7000-8000-000000000000")):
        failed(await client.call("getDocument", headers={"docid": docid}), "delivery_unknown")
        failed(await client.confirm(docid), "delivery_unknown")
    failed(await b.call("getDocument"), "bad_request", http=400)
    assert await b.pending() == [package]


BAD_BODIES: list[tuple[bytes, str, str, int]] = [
    (b"no XML", "EDOC", "not_xml", 200),
    (b"", "EDOC", "body_empty", 400),
    (b"<!DOCTYPE x><x/>", "EDOC", "doctype_forbidden", 200),
    (letter(C, B), "EDOC", "sender_not_allowed", 200),
    (letter(A, UNKNOWN), "EDOC", "recipient_unknown", 200),
    (letter(A, B), "STATUS", "message_kind_other", 200),
    (b"<x>" + b" " * 2_000_001, "EDOC", "body_too_large", 413),
    (letter(A, B), "VANBAN", "bad_request", 400),
]


@pytest.mark.parametrize(
    ("body", "kind", "code", "http"),
    BAD_BODIES,
    ids=[f"{code}-{n}" for n, (_, _, code, _) in enumerate(BAD_BODIES)],
)
async def test_bad_messages_are_refused_with_their_reason_and_leave_nothing(
    exchange: Exchange, body: bytes, kind: str, code: str, http: int
) -> None:
    a = await exchange.connect("DMS A", A)
    await exchange.connect("DMS B", B)
    failed(await a.send(body, kind), code, http=http)
    assert await exchange.hub.holds_nothing()


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"fromOrgan": 1}', b'{"fromOrgan": "a\\u0000"}', b"[" * 60_000]
)
async def test_json_that_cannot_be_used_is_refused(exchange: Exchange, body: bytes) -> None:
    a = await exchange.connect("DMS A", A)
    failed(await a.call("checkExistDocument", data=body), "bad_request", http=400)
    failed(await a.call("checkExistDocument", data=b" " * 70_000), "bad_request", http=400)


async def test_other_paths_and_methods_are_told_in_json(exchange: Exchange) -> None:
    a = await exchange.connect("DMS A", A)
    failed(await a.call("khongCo"), "not_found", http=404)
    failed(await a.call(""), "not_found", http=404)
    wrong = await a.call("sendDocument", method="GET")
    failed(wrong, "method_not_allowed", http=405)
    assert wrong.headers["Allow"] == "POST"


async def test_a_second_header_of_a_name_and_a_head_that_cannot_be_read_are_refused(
    exchange: Exchange,
) -> None:
    await exchange.connect("DMS A", A)
    first = [
        b"POST /EdocService/getPendingDocIds HTTP/1.1",
        b"Host: hub",
        b"organid: " + A.encode(),
        b"authorization: " + TOKEN.encode(),
        b"type: EDOC",
        b"Content-Length: 0",
    ]
    host, port = exchange.served.host, exchange.served.port

    async def told(*more: bytes) -> Any:
        return await raw_call(host, port, CRLF.join([*first, *more, b"", b""]))

    assert (await told()).json["status"] == "Success"
    for extra in (b"organid: " + B.encode(), b"Authorization: another", b"Type: STATUS"):
        reply = await told(extra)
        assert (reply.status, reply.json["code"]) == (400, "9999")
    assert (await told(b"messagetype: STATUS")).status == 400
    for extra, http in ((b"x: \x01", 400), (b"x: " + b"a" * 300_000, 431)):
        reply = await told(extra)
        assert (reply.status, reply.json["status"]) == (http, "Fail")


async def test_too_many_calls_are_an_error_and_never_an_empty_list(exchange: Exchange) -> None:
    a = await exchange.connect("DMS A", A)
    await exchange.hub.registry.settings.set_limits("DMS A", calls_per_minute=1)
    answers = [await a.call("getPendingDocIds", headers={"type": "EDOC"}) for _ in range(30)]
    last = answers[-1]
    failed(last, "rate_limited", http=429, status="Error")
    assert int(last.headers["Retry-After"]) >= 1
    assert "data" not in last.json


async def test_polls_in_vain_are_counted_with_those_of_the_other_interfaces(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_secrets, "REMEMBERED_S", 0.0)
    async with serve(database_url, tmp_path, limits={"empty_polls_per_minute": 12}) as served:
        exchange = Exchange(served)
        a = await exchange.connect("DMS A", A)
        peer = served.hub.systems["DMS A"]
        asked = [await peer.call("GET", "/api/v1/inbox") for _ in range(8)]
        assert {answer.status for answer in asked} == {200}
        answers = [await a.call("getPendingDocIds", headers={"type": "EDOC"}) for _ in range(8)]
        last = answers[-1]
        failed(last, "rate_limited", http=429, status="Error")
        assert "data" not in last.json
