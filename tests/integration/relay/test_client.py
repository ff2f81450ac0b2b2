"""The client of the national exchange before every kind of answer, and the exit over it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.vxp.client import Upload, VxpClient
from adapters.vxp.endpoint import ClientLimits, Endpoint
from adapters.vxp.wire import WireError, read_head, success, unpadded, verify
from hub.ports.national import ExchangeRefused, ExchangeUnavailable, MessageType, Word

SECRETS = ("khoa-moi", "khoa-cu")
DOCUMENT = b"<edXML>" + b"x" * 200_004 + b"</edXML>"
HTML = b"<!DOCTYPE html><html><body>Bad gateway</body></html>"
OK_LIST = success(data=[])
FAIL = b'{"status":"FAIL","ErrorCode":"%s","ErrorDesc":"khong"}'


@dataclass
class Peer:
    """A server that answers what a test says, and remembers the calls."""

    client: VxpClient
    answers: list[Any] = field(default_factory=list)
    calls: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    knows: tuple[str, ...] = SECRETS

    def say(self, *answers: Any) -> None:
        """Set the next answers: bytes, a response, or a function of the request."""
        self.answers = list(answers)


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    made: list[Peer] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        head = read_head(request.raw_headers)
        found = made[0]
        parameters: dict[str, str] = {}
        try:
            parameters = dict(verify(head, found.knows).items())
        except WireError:
            return web.Response(body=FAIL % b"15", content_type="application/json")
        found.calls.append((request.path.rpartition("/")[2], parameters, body))
        answer = found.answers.pop(0) if len(found.answers) > 1 else found.answers[0]
        if callable(answer):
            answer = await answer(request)
        if isinstance(answer, web.StreamResponse):
            return answer
        return web.Response(body=answer, content_type="application/json")

    app = web.Application(client_max_size=2**30)
    app.router.add_route("*", "/{path:.*}", handle)
    server = TestServer(app)
    await server.start_server()
    limits = ClientLimits(connect_s=2, call_s=2, transfer_s=5, stalled_s=2, document_bytes=1_000_000)
    url = str(server.make_url("/api/"))
    client = VxpClient(Endpoint(url=url, system_id="00.09.W00", secrets=SECRETS), limits=limits)
    made.append(Peer(client))
    yield made[0]
    await client.close()
    await server.close()


def upload(document: bytes = DOCUMENT) -> Upload:
    async def opened() -> AsyncIterator[bytes]:
        for start in range(0, len(document), 50_000):
            yield document[start : start + 50_000]

    return Upload(
        from_code="000.00.01.H09",
        to_codes=("G12", "000.00.00.G22"),
        kind=MessageType.DOCUMENT,
        sha256=hashlib.sha256(document).digest(),
        size=len(document),
        open=opened,
    )


async def received(peer: Peer) -> Any:
    return await peer.client.received(MessageType.DOCUMENT, since=None)


async def body_of(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


def redirect(_request: web.Request) -> Any:
    async def answer() -> web.Response:
        return web.Response(status=302, headers={"Location": "http://127.0.0.1:9/"}, body=OK_LIST)

    return answer()


def stalled(_request: web.Request) -> Any:
    async def answer() -> web.Response:
        await asyncio.sleep(10)
        return web.Response()

    return answer()


def broken_off(request: web.Request) -> Any:
    async def answer() -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = len(DOCUMENT)
        await response.prepare(request)
        await response.write(DOCUMENT[:1000])
        assert request.transport is not None
        request.transport.abort()
        return response

    return answer()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (HTML, "answer_unreadable"),
        (web.Response(status=500, body=HTML, content_type="text/html"), "answer_unreadable"),
        (b"", "answer_empty"),
        (b"[]", "answer_unreadable"),
        (b'{"data":[]}', "answer_unreadable"),
        (b'{"status":"OK","ErrorCode":"0"}', "answer_unreadable"),
        (b'{"status":"OK","ErrorCode":"0","ErrorDesc":""}', "answer_wrong_type"),
        (b'{"status":"OK","ErrorCode":"0","ErrorDesc":"","data":"x"}', "answer_wrong_type"),
        (redirect, "redirected"),
    ],
)
async def test_what_is_no_answer_is_never_no_mail(peer: Peer, answer: Any, code: str) -> None:
    peer.say(answer)
    with pytest.raises(ExchangeUnavailable) as error:
        await received(peer)
    assert error.value.code == code


async def test_a_list_of_ten_megabytes_is_an_error(peer: Peer) -> None:
    peer.say(b'{"status":"OK","ErrorCode":"0","ErrorDesc":"","data":[' + b" " * 10_000_000 + b"]}")
    with pytest.raises(ExchangeUnavailable, match="answer_too_large"):
        await received(peer)


async def test_an_exchange_that_says_nothing_is_left_after_the_time_limit(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer.client, "_limits", ClientLimits(call_s=0.05, stalled_s=0.05))
    peer.say(stalled)
    with pytest.raises(ExchangeUnavailable, match="timed_out"):
        await received(peer)


async def test_an_exchange_that_is_not_there_is_unavailable() -> None:
    client = VxpClient(Endpoint(url="http://127.0.0.1:9", system_id="x", secrets=("s",)))
    with pytest.raises(ExchangeUnavailable, match="not_reached"):
        await client.received(MessageType.STATUS, since=None)
    await client.close()


async def test_an_empty_list_is_no_mail(peer: Peer) -> None:
    peer.say(OK_LIST)
    assert await received(peer) == ()
    assert peer.calls[0][0] == "getReceivedEdocList"


async def test_a_refusal_has_the_code_of_the_exchange(peer: Peer) -> None:
    peer.say(FAIL % b"20")
    with pytest.raises(ExchangeRefused, match="20"):
        await received(peer)


async def test_a_secret_that_is_not_known_yet_makes_room_for_the_one_before(peer: Peer) -> None:
    peer.say(OK_LIST)
    peer.knows = SECRETS[1:]
    assert await received(peer) == ()
    assert await received(peer) == ()
    peer.knows = ("another",)
    with pytest.raises(ExchangeRefused, match="15"):
        await received(peer)


async def test_a_document_goes_as_it_is_with_all_its_recipients(peer: Peer) -> None:
    peer.say(success(DocId="5f1"))
    assert await peer.client.send(upload()) == "5f1"
    (operation, parameters, body) = peer.calls[0]
    assert (operation, body) == ("sendEdoc", DOCUMENT)
    assert json.loads(parameters["to"]) == ["G12", "000.00.00.G22"]
    assert parameters["hash-file"] == hashlib.sha256(DOCUMENT).hexdigest()
    assert parameters["from"] == "000.00.01.H09"


async def test_a_refused_digest_is_written_once_more_as_java_writes_it(peer: Peer) -> None:
    digest = hashlib.sha256(DOCUMENT).digest()
    assert unpadded(digest) != digest.hex(), "the document was to have a small byte in its digest"
    peer.say(FAIL % b"10", success(DocId="5f1"))
    assert await peer.client.send(upload()) == "5f1"
    assert [call[1]["hash-file"] for call in peer.calls] == [digest.hex(), unpadded(digest)]


@pytest.mark.parametrize("code", [b"15", b"18", b"19", b"23"])
async def test_a_refusal_that_is_not_about_the_digest_is_not_asked_again(peer: Peer, code: bytes) -> None:
    peer.say(FAIL % code)
    with pytest.raises(ExchangeRefused, match=code.decode()):
        await peer.client.send(upload())
    assert len([c for c in peer.calls if c[0] == "sendEdoc"]) <= 2
    digests = {call[1]["hash-file"] for call in peer.calls}
    assert digests == {hashlib.sha256(DOCUMENT).hexdigest()}


@pytest.mark.parametrize("answer", [success(), success(DocId="0"), success(DocId=5), success(DocId="")])
async def test_a_success_without_an_id_is_none(peer: Peer, answer: bytes) -> None:
    peer.say(answer)
    with pytest.raises(ExchangeUnavailable):
        await peer.client.send(upload())


async def test_a_document_comes_as_bytes(peer: Peer) -> None:
    peer.say(web.Response(body=DOCUMENT))
    assert await body_of(peer.client.download("5f1")) == DOCUMENT
    assert [call[0] for call in peer.calls] == ["downloadEdoc"]


async def test_a_document_comes_out_of_json_where_bytes_are_refused(peer: Peer) -> None:
    peer.say(web.Response(status=404), success(data=base64.b64encode(DOCUMENT).decode()))
    assert await body_of(peer.client.download("5f1")) == DOCUMENT
    assert [call[0] for call in peer.calls] == ["downloadEdoc", "getEdoc"]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (web.Response(body=HTML, content_type="text/html"), "answer_unreadable"),
        (web.Response(body=b"\r\n" + HTML, content_type="application/octet-stream"), "answer_unreadable"),
        (web.Response(body=FAIL % b"20", content_type="application/octet-stream"), "answer_unreadable"),
        (web.Response(body=b""), "answer_empty"),
        (web.Response(body=b"x" * 1_500_000), "answer_too_large"),
        (broken_off, "not_reached"),
    ],
)
async def test_what_is_no_document_is_never_taken_for_one(peer: Peer, answer: Any, code: str) -> None:
    peer.say(answer)
    with pytest.raises(ExchangeUnavailable) as error:
        await body_of(peer.client.download("5f1"))
    assert error.value.code == code


@pytest.mark.parametrize(
    "answer", [success(), success(data=None), success(data=""), success(data="%%"), HTML, b""]
)
async def test_json_without_a_document_is_an_error(peer: Peer, answer: bytes) -> None:
    peer.say(answer)
    with pytest.raises(ExchangeUnavailable):
        await body_of(peer.client.download_again("5f1"))


async def test_words_go_without_accents(peer: Peer) -> None:
    peer.say(success())
    await peer.client.tell("5f1", Word.FAIL, text="Gói tin không hợp lệ")
    (operation, parameters, body) = peer.calls[0]
    assert (operation, body) == ("updateStatus", b"{}")
    assert parameters["description"] == "Goi tin khong hop le"
    assert (parameters["docid"], parameters["status"]) == ("5f1", "fail")
