"""Several processes of one system at once, damaged storage, cut connections, connections that stay open."""

from __future__ import annotations

import asyncio
import json

import pytest

from hub.services import packages, shared_secrets
from tests.integration.vxp.conftest import Served
from tests.support.hub import A, B, C, at_once
from tests.support.messages import PDF, letter, status
from tests.support.sdk import CRLF, Reply, Sdk


async def one_package(served: Served, document: bytes | None = None) -> tuple[Sdk, Sdk, str, bytes]:
    """A document on its way from A to B; return both clients, the package and the document."""
    _, a = await served.connect("DMS A", A)
    _, b = await served.connect("DMS B", B)
    sent = document or letter(A, B)
    assert (await a.send(sent, sender=A)).code == "0"
    await served.settle()
    (listed,) = await b.received() or []
    return a, b, listed["docId"], sent


async def test_two_processes_of_one_system_fetch_a_package_at_once(served: Served) -> None:
    _, b, package, sent = await one_package(served)
    others = [served.sdk(B) for _ in range(6)]
    assert await at_once(*(each.get(package) for each in others)) == [sent] * 6
    await served.settle()
    said = await at_once(*(each.update(package, "done") for each in others))
    assert [reply.code for reply in said] == ["0"] * 6
    confirmed = "SELECT count(*) FROM event WHERE kind = 'delivery_confirmed'"
    assert await served.hub.pool.fetchval(confirmed) == 1
    assert (await b.update(package, "fail")).code == "21"


async def test_one_document_sent_many_times_at_once_is_one(served: Served) -> None:
    await served.connect("DMS A", A)
    await served.connect("DMS B", B)
    document = letter(A, B)
    clients = [served.sdk(A) for _ in range(6)]
    replies = await at_once(*(each.send(document, sender=A) for each in clients))
    assert {reply.json["DocId"] for reply in replies} == {replies[0].json["DocId"]}
    assert await served.hub.count("document") == 1


async def test_parts_of_one_document_sent_at_once_serve_everybody_once(served: Served) -> None:
    await served.connect("DMS A", A)
    _, b = await served.connect("DMS B", B)
    _, c = await served.connect("DMS C", C)
    document = letter(A, [B, C])
    replies = await at_once(
        served.sdk(A).send(document, sender=A, to=json.dumps([B])),
        served.sdk(A).send(document, sender=A, to=json.dumps([C])),
    )
    assert [reply.code for reply in replies] == ["0", "0"]
    await served.settle()
    assert len(await b.received() or []) == 1
    assert len(await c.received() or []) == 1


async def test_a_damaged_document_is_never_taken_for_a_whole_one(served: Served) -> None:
    big = letter(A, B, files=[("a.pdf", PDF + bytes(2_000_000))])
    _, b, package, sent = await one_package(served, big)
    (blob,) = await served.hub.stored_blobs()
    (path,) = [p for p in (served.hub.folder / "blobs").rglob("*") if p.is_file() and str(blob) in p.name]
    damaged = bytearray(path.read_bytes())
    damaged[-100] ^= 1
    path.chmod(0o600)
    path.write_bytes(damaged)
    with pytest.raises(asyncio.IncompleteReadError):
        await b.call("getEdoc", {"docId": package}, body=b"{}")
    with pytest.raises(asyncio.IncompleteReadError):
        await b.call("downloadEdoc", {"docId": package}, method="GET")
    assert len(sent) == len(damaged)


async def test_a_document_whose_file_is_gone_is_told_in_json(served: Served) -> None:
    _, b, package, _ = await one_package(served)
    (blob,) = await served.hub.stored_blobs()
    await served.hub.blobs.delete(blob)
    reply = await b.call("getEdoc", {"docId": package}, body=b"{}")
    assert (reply.code, reply.json["status"]) == ("20", "FAIL")
    download = await b.call("downloadEdoc", {"docId": package}, method="GET")
    assert (download.status >= 500, download.body) == (True, b"")


async def test_a_reader_that_goes_away_in_the_middle_fetches_again(served: Served) -> None:
    big = letter(A, B, files=[("a.pdf", PDF + bytes(3_000_000))])
    _, b, package, sent = await one_package(served, big)
    head = b.head("downloadEdoc", {"docId": package}, "GET", b"", "application/json")
    reader, writer = await asyncio.open_connection(served.host, served.port)
    writer.write(head)
    await reader.readexactly(1_000)
    writer.transport.abort()
    await served.settle()
    assert await b.download(package) == sent


async def test_packages_beyond_a_page_come_up_when_the_first_are_confirmed(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "LISTED_MOST", 2)
    _, a = await served.connect("DMS A", A)
    _, b = await served.connect("DMS B", B)
    for number in range(1, 6):
        await a.send(letter(A, B, number=number), sender=A)
    await served.settle()
    seen = []
    while listed := await b.received():
        assert len(listed) <= 2
        for row in listed:
            seen.append(row["docId"])
            await b.get(row["docId"])
            await b.update(row["docId"], "done")
        await served.settle()
    assert len(seen) == len(set(seen)) == 5


async def test_an_urgent_package_is_listed_first(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    _, b = await served.connect("DMS B", B)
    await a.send(letter(A, B, number=1), sender=A)
    await a.send(letter(A, B, number=2, priority=3), sender=A)
    await served.settle()
    urgent, _ = await b.received() or []
    assert b"2/SNV-VP" in await b.get(urgent["docId"])


async def test_an_empty_poll_asks_the_database_nothing(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, b = await served.connect("DMS B", B)
    assert await b.received() == []
    assert await b.count() == 0
    monkeypatch.setattr(shared_secrets, "REMEMBERED_S", 60.0)
    assert await b.received() == []
    # With the pool closed only what needs no database is answered.
    await served.hub.pool.close()
    assert await b.received() == []
    assert await b.count() == 0


async def test_calls_on_one_connection_are_answered_in_their_order(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    first = a.head("getReceivedEdocList", {"messagetype": "edoc"}, "POST", b"", "application/json")
    second = a.head("countReceiveEdoc", {}, "GET", b"", "application/json")
    bad = b"POST /vxp/nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    reader, writer = await asyncio.open_connection(served.host, served.port)
    for request, wanted in ((first, b'"data":[]'), (second, b'"count":0'), (bad, b'"20"'), (first, b"data")):
        writer.write(request)
        assert wanted in (await one(reader)).body
    writer.write(first + second + bad)
    assert b"data" in (await one(reader)).body
    assert b"count" in (await one(reader)).body
    assert b'"20"' in (await one(reader)).body
    # A client that does not wait may cut its heads anywhere.
    writer.write(first + second[:-2])
    assert b"data" in (await one(reader)).body
    writer.write(second[-2:])
    assert b"count" in (await one(reader)).body
    writer.close()


async def one(reader: asyncio.StreamReader) -> Reply:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    length = next(int(x.split(":")[1]) for x in lines if x.lower().startswith("content-length"))
    return Reply(int(lines[0].split()[1]), {}, await reader.readexactly(length))


async def test_a_head_in_small_pieces_and_a_body_in_chunks_are_read(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    _, b = await served.connect("DMS B", B)
    document = letter(A, B)
    await a.send(document, sender=A)
    again = a.head("sendEdoc", {}, "POST", document, "application/octet-stream")
    chunked = again.replace(f"Content-Length: {len(document)}".encode(), b"Transfer-Encoding: chunked")
    reader, writer = await asyncio.open_connection(served.host, served.port)
    for start in range(0, len(chunked), 700):
        writer.write(chunked[start : start + 700])
        await writer.drain()
        await asyncio.sleep(0)
    for start in range(0, len(document), 5_000):
        piece = document[start : start + 5_000]
        writer.write(f"{len(piece):x}".encode() + CRLF + piece + CRLF)
    writer.write(b"0\r\n\r\n")
    reply = await one(reader)
    assert reply.code == "0"
    # The same connection goes on.
    writer.write(b.head("countReceiveEdoc", {}, "GET", b"", "application/json"))
    assert b"count" in (await one(reader)).body
    writer.close()


async def test_a_status_about_a_document_that_is_not_here_yet_waits_and_is_not_listed(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    _, b = await served.connect("DMS B", B)
    assert (await b.send(status(B, "03", about=(A, 9)), sender=B, kind="status")).code == "0"
    await served.settle()
    assert await a.received("status") == []


async def test_a_stale_description_that_was_cut_refuses_every_call_after_it(served: Served) -> None:
    _, b = await served.connect("DMS B", B)
    assert await b.received() == []
    b.kept["description"] = "Lỗi đọc tệp"
    reply = await b.call("getReceivedEdocList", {"messagetype": "edoc"})
    assert reply.code == "15"
    # What the next service object of the client sends is whole again.
    assert await served.sdk(B).received() == []
    b.kept["description"] = "é"
    assert await b.received() == []
