"""What must not get through, and is told in the protocol's own words: nothing is stored, nothing is HTML."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.vxp.stamps import write_stamp
from hub.services import shared_secrets
from tests.integration.vxp.conftest import SECRET, Served, serve
from tests.support import vxp_captured
from tests.support.hub import A, B
from tests.support.messages import letter
from tests.support.sdk import CRLF, Reply, Sdk, exchange
from tests.support.vxp_captured import CUT, Captured, captured

CENTRE = "000.00.00.H09"


async def replay(served: Served, request: Captured, base: str = "/vxp") -> Reply:
    """Send a captured request as it was."""
    first = f"{request.method} {base}{request.path} HTTP/1.1".encode()
    lines = [first, *(name + b": " + value for name, value in request.headers), b"", b""]
    expect = any(name == b"Expect" for name, _ in request.headers)
    return await exchange(served.host, served.port, CRLF.join(lines), body=request.body, expect=expect)


async def connect_captured(served: Served) -> None:
    await served.connect("Trung tâm", A)
    await served.adapters.configure("Trung tâm", settings={"system_id": CENTRE})
    await served.adapters.put_secret("Trung tâm", "vxp", vxp_captured.SECRET.encode(), grace=timedelta(0))


def refused(reply: Reply, code: str) -> None:
    assert reply.headers["content-type"].startswith("application/json")
    assert reply.body.isascii()
    assert reply.json["status"] == "FAIL"
    assert reply.json["ErrorDesc"]
    assert reply.code == code


def refused_without_a_body(reply: Reply, code: str) -> None:
    # Whatever a client gets here it writes to the file and takes for the document.
    assert reply.status >= 400
    assert reply.body == b""
    assert reply.headers["xroadvnpt-errorcode"] == code
    assert reply.headers["xroadvnpt-errordesc"].isascii()


@pytest.mark.parametrize("base", ["/vxp", "", "/XrdAdapter/RestService/forward"])
async def test_of_the_captured_requests_thirteen_verify_and_five_are_refused(
    served: Served, base: str
) -> None:
    await connect_captured(served)
    for number, request in enumerate(captured()):
        reply = await replay(served, request, base)
        if number not in CUT:
            assert reply.code != "15", number
        elif request.path == "/downloadEdoc":
            refused_without_a_body(reply, "15")
        else:
            refused(reply, "15")
    assert await served.hub.holds_nothing()


async def test_json_calls_with_a_body_are_told_to_continue(served: Served) -> None:
    await connect_captured(served)
    assert (await replay(served, captured()[4])).interim


async def test_a_changed_body_is_refused_and_leaves_nothing(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    await served.connect("DMS B", B)
    document = letter(A, B)
    head = a.head(
        "sendEdoc",
        {"from": A, "messagetype": "edoc", "hash-file": "0" * 64},
        "POST",
        document + CRLF,
        "application/octet-stream",
    )
    reply = await exchange(served.host, served.port, head, body=document + CRLF)
    refused(reply, "10")
    assert reply.json["DocId"] == "0"
    assert await served.hub.holds_nothing()


@pytest.mark.parametrize(("name", "secret"), [(A, "sai"), ("la.hoac", SECRET), (A, "")])
async def test_a_wrong_secret_and_an_unknown_system_are_told_apart_by_nobody(
    served: Served, name: str, secret: str
) -> None:
    await served.connect("DMS A", A)
    sdk = Sdk(served.host, served.port, name, secret)
    replies = [
        await sdk.call("getReceivedEdocList", {"messagetype": "edoc"}),
        await sdk.call("getEdoc", {"docId": "x"}, body=b"{}"),
        await sdk.send(letter(A, B), sender=A),
    ]
    for reply in replies:
        refused(reply, "15")
        assert reply.json["ErrorDesc"] == "Sai SystemId hoac SecretKey"
    download = await sdk.call("downloadEdoc", {"docId": "x"}, method="GET")
    assert download.status == 403
    refused_without_a_body(download, "15")
    assert await served.hub.holds_nothing()


async def test_the_secret_before_stays_valid_for_its_grace(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    await served.adapters.put_secret("DMS A", "vxp", b"khoa-moi", grace=timedelta(days=7))
    assert await a.received() == []
    assert await served.sdk(A, "khoa-moi").received() == []
    await served.hub.later(days=8)
    refused(await a.call("getReceivedEdocList", {"messagetype": "edoc"}), "15")


async def test_a_secret_made_a_moment_ago_counts(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    _, a = await served.connect("DMS A", A)
    assert await a.received() == []
    monkeypatch.setattr(shared_secrets, "REMEMBERED_S", 60.0)
    monkeypatch.setattr(shared_secrets, "AGAIN_AFTER_S", 0.0)
    assert await a.received() == []
    await served.adapters.put_secret("DMS A", "vxp", b"khoa-moi", grace=timedelta(days=7))
    assert await served.sdk(A, "khoa-moi").received() == []
    refused(await served.sdk(A, "sai").call("getReceivedEdocList", {"messagetype": "edoc"}), "15")


async def test_a_locked_system_is_not_let_in(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    await served.hub.registry.set_system_active("DMS A", active=False)
    refused(await a.call("getReceivedEdocList", {"messagetype": "edoc"}), "15")


@pytest.mark.parametrize(
    "extra",
    [
        b"xroadvnpt-systemid: 000.00.99.H09",
        b"XroadVnpt-docId: another",
        b"XroadVnpt-sign-header: {}",
        b"XroadVnpt-hash-header: 00",
    ],
)
async def test_a_second_header_of_a_signed_name_is_refused(served: Served, extra: bytes) -> None:
    _, a = await served.connect("DMS A", A)
    head = a.head("getEdoc", {"docId": "one"}, "POST", b"", "application/json")
    smuggled = head.replace(b"\r\nHost:", b"\r\n" + extra + b"\r\nHost:")
    refused(await exchange(served.host, served.port, smuggled), "15")


async def test_headers_that_are_not_signed_are_no_parameters(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    head = a.head("getReceivedEdocList", {}, "POST", b"", "application/json")
    added = head.replace(b"\r\nHost:", b"\r\nXroadVnpt-messagetype: edoc\r\nHost:")
    refused(await exchange(served.host, served.port, added), "10")


async def test_a_head_over_a_megabyte_is_refused_in_json(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    head = a.head("getEdoc", {"docId": "x"}, "POST", b"", "application/json")
    lines = b"".join(b"X-%d: " % n + b"a" * 200_000 + CRLF for n in range(6))
    reply = await exchange(served.host, served.port, head[:-2] + lines + CRLF)
    assert reply.status == 431
    refused(reply, "15")


async def test_one_header_over_its_limit_is_refused_in_json_and_with_a_document_id_on_send(
    served: Served,
) -> None:
    head = b"POST /vxp//sendEdoc HTTP/1.1\r\nHost: x\r\nXroadVnpt-to: " + b"a" * 300_000 + b"\r\n\r\n"
    reply = await exchange(served.host, served.port, head)
    assert reply.status == 431
    refused(reply, "15")
    assert reply.json["DocId"] == "0"


async def test_a_long_list_of_recipients_in_headers_is_read(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    await served.connect("DMS B", B)
    many = [f"000.00.{n % 100:02d}.H{n // 100:02d}" for n in range(1_900)]
    reply = await a.send(letter(A, [B, *many]), sender=A, to=json.dumps([B, *many]))
    assert reply.code == "0"


@pytest.mark.parametrize("byte", [b"\x00", b"\x01", b"\x11", b"\x7f"])
async def test_control_characters_in_a_head_are_refused_in_json(served: Served, byte: bytes) -> None:
    _, a = await served.connect("DMS A", A)
    head = a.head("getReceivedEdocList", {"messagetype": "edoc"}, "POST", b"", "application/json")
    reply = await exchange(served.host, served.port, head.replace(b"edoc", b"e" + byte + b"oc"))
    assert reply.status == 400
    refused(reply, "15")


async def test_control_characters_elsewhere_are_a_problem_document(served: Served) -> None:
    reply = await exchange(served.host, served.port, b"GET /api/v1/inbox HTTP/1.1\r\nX: \x01\r\n\r\n")
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json["code"] == "bad_request"


@pytest.mark.parametrize(
    "head",
    [
        b"POST /vxp/getEdoc HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
        b"POST /vxp/getEdoc HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /vxp/getEdoc HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"POST /vxp/getEdoc HTTP/9.9\r\nHost: x\r\n\r\n",
        b"POST /vxp/getEdoc HTTP/1.1\r\nNo colon here\r\n\r\n",
        b"POST /vxp/getEdoc HTTP/1.1\r\nHost: a\r\nBad name: x\r\n\r\n",
    ],
)
async def test_what_the_http_library_cannot_parse_is_told_in_json(served: Served, head: bytes) -> None:
    refused(await exchange(served.host, served.port, head), "15")


@pytest.mark.parametrize("path", ["/vxp/nothing", "/vxp", "/vxp/", "/vxp/a/b/c", "/vxp/getedoc"])
async def test_an_unknown_operation_is_told_in_json(served: Served, path: str) -> None:
    reply = await exchange(
        served.host, served.port, f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode()
    )
    assert reply.status == 404
    refused(reply, "20")


async def test_a_client_that_ends_its_side_after_the_question_is_answered(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    for sdk, code in ((a, "0"), (served.sdk(A, "sai"), "15")):
        head = sdk.head("getReceivedEdocList", {"messagetype": "edoc"}, "POST", b"", "application/json")
        reader, writer = await asyncio.open_connection(served.host, served.port)
        writer.write(head)
        writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["ErrorCode"] == code


@pytest.mark.parametrize(
    "path",
    [
        "//vxp//getEdoc",
        "/vxp///getEdoc/",
        "//XrdAdapter//RestService/forward//getEdoc",
        "http://hub//vxp/getEdoc",
    ],
)
async def test_slashes_too_many_are_no_other_place(served: Served, path: str) -> None:
    for line in (b"Host: x\r\n", b"Host: x\r\nX: \x01\r\n"):
        request = f"POST {path} HTTP/1.1\r\nContent-Length: 0\r\n".encode() + line + CRLF
        refused(await exchange(served.host, served.port, request), "15")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"])
async def test_another_method_is_told_in_json(served: Served, method: str) -> None:
    request = f"{method} /vxp/sendEdoc HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    if method == "HEAD":
        reader, writer = await asyncio.open_connection(served.host, served.port)
        writer.write(request)
        assert b" 405 " in await reader.readline()
        writer.close()
        return
    reply = await exchange(served.host, served.port, request)
    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    refused(reply, "20")


async def test_a_body_over_the_limit_is_refused_before_it_is_read(
    database_url: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.services.shared_secrets.REMEMBERED_S", 0.0)
    async with serve(database_url, tmp_path, limits={"body_bytes": 10_000}) as served:  # type: ignore[arg-type]
        _, a = await served.connect("DMS A", A)
        await served.connect("DMS B", B)
        reply = await a.send(letter(A, B, files=[("a.pdf", bytes(20_000))]), sender=A)
        assert reply.status == 413
        refused(reply, "10")
        assert reply.json["DocId"] == "0"
        assert await served.hub.holds_nothing()


@pytest.mark.parametrize("to", ["khong phai json", "{}", "[]", "[1]", '"[]"', '["A"', "[[]]", "[" * 5_000])
async def test_recipients_that_are_no_json_list_are_refused_and_leave_nothing(
    served: Served, to: str
) -> None:
    _, a = await served.connect("DMS A", A)
    await served.connect("DMS B", B)
    reply = await a.send(letter(A, B), sender=A, to=to)
    refused(reply, "18")
    assert reply.json["DocId"] == "0"
    assert await served.hub.holds_nothing()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"day khong phai edXML", "22"),
        (b"<edXML/>", "22"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "22"),
        (b"", "10"),
    ],
)
async def test_what_is_no_message_is_told_by_its_code(served: Served, body: bytes, code: str) -> None:
    _, a = await served.connect("DMS A", A)
    reply = await a.send(body, sender=A)
    refused(reply, code)
    assert reply.json["DocId"] == "0"
    assert await served.hub.holds_nothing()


async def test_damaged_base64_is_a_file_that_cannot_be_processed(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    await served.connect("DMS B", B)
    damaged = letter(A, B).replace(b"JVBERi0", b"JVBE%%%=i0")
    refused(await a.send(damaged, sender=A), "21")


async def test_a_message_of_another_kind_than_said_is_refused(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    await served.connect("DMS B", B)
    refused(await a.send(letter(A, B), sender=A, kind="status"), "22")
    refused(await a.send(letter(A, B), sender=A, kind="other"), "10")
    assert await served.hub.holds_nothing()


async def test_another_body_under_the_same_number_is_refused(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    await served.connect("DMS B", B)
    assert (await a.send(letter(A, B), sender=A)).code == "0"
    refused(await a.send(letter(A, B, subject="khác"), sender=A), "10")


async def test_a_state_secret_is_refused_and_leaves_nothing(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    await served.connect("DMS B", B)
    refused(await a.send(letter(A, B, typer="TỐI MẬT"), sender=A), "10")
    assert await served.hub.holds_nothing()


@pytest.mark.parametrize("state", ["", "initial", "DONE ", "xong"])
async def test_an_unknown_state_changes_nothing(served: Served, state: str) -> None:
    _, b, package, _ = await served.package()
    await b.get(package)
    reply = await b.update(package, state)
    # Case and blanks around a word are a client's habit, not another word.
    assert reply.code == ("0" if state == "DONE " else "10")


async def test_calls_over_the_limit_are_refused_and_never_an_empty_list(served: Served) -> None:
    peer, a = await served.connect("DMS A", A)
    await served.hub.pool.execute(
        "UPDATE system SET calls_per_minute = 2 WHERE id = $1", peer.caller.system_id
    )
    call = ("getReceivedEdocList", {"messagetype": "edoc"})
    replies = [await a.call(*call) for _ in range(4)]
    assert [reply.json["status"] for reply in replies[:2]] == ["OK", "OK"]
    assert replies[-1].status == 429
    assert "data" not in replies[-1].json
    assert int(replies[-1].headers["retry-after"]) >= 1
    refused(replies[-1], "20")


async def test_a_client_that_asks_in_vain_without_end_is_told_to_wait_at_every_entrance(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_secrets, "REMEMBERED_S", 0.0)
    async with serve(database_url, tmp_path, limits={"empty_polls_per_minute": 12}) as served:
        _, a = await served.connect("DMS A", A)
        _, b = await served.connect("DMS B", B)
        polls = ("getReceivedEdocList", "countReceiveEdoc", "countReceiveStatus")
        replies = [await a.call(polls[n % 3], {"messagetype": "edoc"}) for n in range(30)]
        over = [reply for reply in replies if reply.status == 429]
        assert over
        for reply in over:
            refused(reply, "20")
            assert not {"data", "count"} & set(reply.json)
            assert int(reply.headers["retry-after"]) >= 1
        assert (await b.send(letter(B, A), sender=B)).code == "0"
        assert await b.received() == []


async def test_a_system_bound_to_another_network_is_not_let_in(served: Served) -> None:
    peer, a = await served.connect("DMS A", A)
    await bind(served, peer.caller.system_id, "10.9.8.0/24")
    refused(await a.call("getReceivedEdocList", {"messagetype": "edoc"}), "15")
    await bind(served, peer.caller.system_id, "127.0.0.0/8")
    assert await a.received() == []


async def bind(served: Served, system_id: object, network: str) -> None:
    await served.hub.pool.execute(
        "UPDATE system SET binding = $2 WHERE id = $1", system_id, {"certificates": [], "networks": [network]}
    )


async def test_old_calls_count_unless_the_system_has_a_window(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    assert await a.received() == []
    await served.adapters.configure("DMS A", settings={"system_id": A, "freshness_s": "300"})
    refused(await a.call("getReceivedEdocList", {"messagetype": "edoc"}), "15")
    a.timestamp = write_stamp(datetime.now(UTC))
    assert await a.received() == []


async def test_when_the_database_is_away_no_list_is_empty(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    await served.hub.pool.close()
    reply = await a.call("getReceivedEdocList", {"messagetype": "edoc"})
    assert reply.status == 503
    refused(reply, "20")


async def test_a_sender_that_drops_the_connection_leaves_nothing(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    await served.connect("DMS B", B)
    document = letter(A, B) + CRLF
    parameters = {"from": A, "messagetype": "edoc", "hash-file": "0" * 64}
    head = a.head("sendEdoc", parameters, "POST", document, "application/octet-stream")
    reader, writer = await asyncio.open_connection(served.host, served.port)
    # Whoever is told to continue is read by then: what follows is a call under way that breaks off.
    writer.write(head.replace(b"\r\nHost:", b"\r\nExpect: 100-continue\r\nHost:"))
    assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
    writer.write(document[:500])
    await writer.drain()
    writer.transport.abort()
    await served.settle()
    assert await served.hub.holds_nothing()
