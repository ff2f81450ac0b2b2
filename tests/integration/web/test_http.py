"""The HTTP entrance: problems, languages, headers, odd calls."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub.ports.unit_of_work import CommitUnknown, DatabaseUnavailable
from tests.support.hub import RAW_XML, A, B, HubUnderTest, Peer
from tests.support.messages import letter

TRACE = re.compile(r"[0-9a-f]{24}")


@pytest.mark.parametrize("path", ["/nothing", "/api/v1/nothing", "/api/v1/inbox/x/y/z"])
async def test_an_unknown_route_is_a_problem(hub: HubUnderTest, a: Peer, path: str) -> None:
    answer = await a.call("GET", path)
    assert (answer.status, answer.code) == (404, "not_found")
    assert answer.json["type"] == "urn:lienthong:problem:not_found"
    assert answer.json["status"] == 404


async def test_another_method_is_a_problem_that_names_the_right_ones(hub: HubUnderTest, a: Peer) -> None:
    answer = await a.call("DELETE", "/api/v1/documents")
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert "POST" in answer.headers["Allow"]


async def test_problems_are_told_in_vietnamese_or_in_english(hub: HubUnderTest, a: Peer) -> None:
    told = {
        language: (await a.call("GET", "/nothing", headers={"Accept-Language": language})).json["title"]
        for language in ("vi", "vi-VN,vi;q=0.9,en;q=0.5", "en", "en-GB,en;q=0.9", "fr", "")
    }
    vietnamese, english = told["vi"], told["en"]
    assert vietnamese != english
    assert told["en-GB,en;q=0.9"] == english
    assert told["vi-VN,vi;q=0.9,en;q=0.5"] == told["fr"] == told[""] == vietnamese


async def test_issues_of_a_message_are_told_in_the_same_language(hub: HubUnderTest, a: Peer) -> None:
    texts = []
    for language in ("vi", "en"):
        answer = await a.send(b"<x/>", Accept_Language=language)
        (issue, *_) = answer.json["errors"]
        assert issue["code"] == answer.code
        texts.append(issue["text"])
    assert texts[0] != texts[1]


async def test_every_answer_has_a_trace_id_of_its_own_and_problems_repeat_it(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    sent = await a.accepted(letter(A, B))
    await hub.settle()
    delivery_id = await b.only()
    token = await b.lease(delivery_id)
    answers = [
        sent,
        await a.call("GET", "/healthz"),
        await a.call("GET", "/nothing"),
        await b.content(delivery_id, token),
        await a.call("GET", f"/api/v1/documents/{sent.document_id}/content"),
    ]
    traces = [answer.headers.get("X-Trace-Id", "") for answer in answers]
    assert all(map(TRACE.fullmatch, traces)), traces
    assert len(set(traces)) == len(traces)
    assert answers[2].json["trace_id"] == traces[2]
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_no_answer_names_the_library_that_gives_it(hub: HubUnderTest, a: Peer) -> None:
    for path in ("/", "/healthz", "/nothing", "/api/v1/inbox"):
        assert (await a.call("GET", path)).headers["Server"] == "lienthong"


async def test_all_that_the_start_page_links_to_is_there(hub: HubUnderTest) -> None:
    async with hub.session.get(f"{hub.url}/") as answer:
        page = await answer.text()
    linked = re.findall(r'href="([^"]+)"', page)
    assert "/static/lienthong.svg" in linked
    for path in linked:
        async with hub.session.get(hub.url + path) as answer:
            assert answer.status == 200, path


async def test_what_needs_no_key_answers_without_one(hub: HubUnderTest) -> None:
    for path in ("/healthz", "/readyz", "/api/v1/keys", "/api/openapi.json", "/"):
        async with hub.session.get(hub.url + path) as answer:
            assert answer.status == 200, path


async def test_everything_else_needs_a_key(hub: HubUnderTest) -> None:
    open_to_all = {"/healthz", "/readyz", "/metrics", "/api/v1/keys"}
    async with hub.session.get(hub.url + "/api/openapi.json") as answer:
        paths = (await answer.json())["paths"]
    for path, methods in paths.items():
        for method in methods:
            concrete = re.sub(r"{\w+}", "00000000-0000-7000-8000-000000000000", path)
            async with hub.session.request(method, hub.url + concrete, data=b"") as answer:
                expected = path not in open_to_all
                assert (answer.status == 401) is expected, (method, path, answer.status)


async def test_the_public_keys_hold_nothing_private(hub: HubUnderTest, a: Peer) -> None:
    for key in (await a.call("GET", "/api/v1/keys")).json["keys"]:
        assert (key["kty"], key["crv"]) == ("EC", "P-256")
        assert key["kid"]
        assert "d" not in key


async def test_a_node_without_its_database_says_so_and_refuses_with_a_time_to_come_back(
    hub: HubUnderTest, a: Peer
) -> None:
    await a.inbox()
    await hub.pool.close()
    hub.services.health._until = 0.0
    ready = await a.call("GET", "/readyz")
    assert (ready.status, ready.json["checks"]["database"]) == (503, "unavailable")
    assert (await a.call("GET", "/healthz")).status == 200
    for answer in (await a.send(letter(A, B)), await a.call("GET", "/api/v1/inbox")):
        assert (answer.status, answer.code) == (503, "database_unavailable")
        assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (DatabaseUnavailable("x"), 503, "database_unavailable"),
        (CommitUnknown("x"), 503, "database_unavailable"),
        (OSError(28, "một đường dẫn"), 503, "storage_unavailable"),
        (ValueError("một bí mật"), 500, "internal_error"),
        (KeyError("một bí mật"), 500, "internal_error"),
    ],
)
async def test_a_failure_tells_nothing_of_the_inside(
    hub: HubUnderTest, a: Peer, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, code: str
) -> None:
    async def fail(*_arguments: Any, **_options: Any) -> None:
        raise error

    monkeypatch.setattr(hub.services.inbox, "offers", fail)
    answer = await a.call("GET", "/api/v1/inbox")
    assert (answer.status, answer.code) == (status, code)
    assert "một" not in answer.raw.decode()


async def test_a_hub_that_breaks_its_own_models_blames_itself(
    hub: HubUnderTest, a: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.web.api.inbox.views.offered", lambda _offer: {"not": "an offer"})

    async def something(*_arguments: Any, **_options: Any) -> tuple[int, ...]:
        return (1,)

    monkeypatch.setattr(hub.services.inbox, "offers", something)
    answer = await a.call("GET", "/api/v1/inbox")
    assert (answer.status, answer.code) == (500, "internal_error")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b"null", b"\xff", b'{"lease_token": "1e1"}'])
async def test_a_body_that_is_no_such_object_is_refused(hub: HubUnderTest, a: Peer, body: bytes) -> None:
    delivery = "00000000-0000-7000-8000-000000000000"
    answer = await a.call("POST", f"/api/v1/inbox/{delivery}/confirm", data=body)
    assert (answer.status, answer.code) == (400, "bad_request")


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("action", ["confirm", "lease"])
async def test_a_json_body_that_is_too_large_is_refused(
    hub: HubUnderTest, a: Peer, chunked: bool, action: str
) -> None:
    body = b"{" + b" " * 70_000 + b"}"

    async def stream() -> AsyncIterator[bytes]:
        yield body

    delivery = "00000000-0000-7000-8000-000000000000"
    data: Any = stream() if chunked else body
    answer = await a.call("POST", f"/api/v1/inbox/{delivery}/{action}", data=data)
    assert (answer.status, answer.code) == (400, "bad_request")


async def test_a_json_body_may_come_in_pieces(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await a.accepted(letter(A, B))
    await hub.settle()
    delivery_id = await b.only()

    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b'{"sec', b'onds"', b": 600}"):
            yield piece
            await asyncio.sleep(0.01)

    answer = await b.call("POST", f"/api/v1/inbox/{delivery_id}/lease", data=pieces())
    assert answer.status == 200


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("limit=1", 200),
        ("limit=0", 200),
        ("limit=100000", 200),
        ("wait=0", 200),
        ("limit=-1", 400),
        ("limit=x", 400),
        ("limit=1.5", 400),
        ("limit=", 400),
        ("limit=١", 400),
        ("wait=x", 400),
        ("unit=000.00.98.H09", 400),
    ],
)
async def test_parameters_are_held_to_their_limits_and_nonsense_is_named(
    hub: HubUnderTest, a: Peer, query: str, status: int
) -> None:
    answer = await a.call("GET", f"/api/v1/inbox?{query}")
    assert answer.status == status
    if status == 400:
        assert answer.json["params"] == {"field": query.split("=", maxsplit=1)[0]}


async def test_the_directory_is_searched_by_name_and_code(hub: HubUnderTest, a: Peer) -> None:
    async def found(**query: str) -> list[str]:
        page = (await a.call("GET", "/api/v1/directory", params=query)).json
        assert re.fullmatch("[0-9a-f]{64}", page["snapshot"])
        return [agency["unit"] for agency in page["agencies"]]

    assert await found(q="h09.2") == [B]
    assert await found(limit="2", offset="1") == (await found())[1:3]
    assert await found(q="không có") == []


async def test_a_body_without_a_media_type_is_taken_as_xml(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    answer = await a.send(letter(A, B), Content_Type="application/octet-stream")
    assert answer.status == 201


async def test_the_location_of_a_receipt_leads_to_the_document(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    sent = await a.accepted(letter(A, B))
    assert (await a.call("GET", sent.headers["Location"])).json["document_id"] == sent.document_id


async def test_who_asks_before_sending_is_told_to_go_on_only_if_the_body_is_wanted(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    host, port = hub.url.removeprefix("http://").split(":")
    for key, first in (("wrong", b"HTTP/1.1 401"), (a.key, b"HTTP/1.1 100")):
        reader, writer = await asyncio.open_connection(host, int(port))
        head = "POST /api/v1/documents HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n"
        named = "".join(f"{name}: {value}\r\n" for name, value in RAW_XML.items())
        writer.write((head + named + f"Authorization: Bearer {key}\r\n\r\n").encode())
        assert (await reader.readline()).startswith(first)
        writer.close()
        await writer.wait_closed()
