"""The vendor kit's code does what it says: the Python file against a hub, the Java class against vectors."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import importlib.util
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.integration.vxp.conftest import SECRET, serve
from tests.support.hub import A, B, HubUnderTest, Peer
from tests.support.messages import letter

KIT = Path(__file__).parents[3] / "docs/kit"
CODE = KIT / "code"


def load() -> Any:
    """The kit's Python file as a module."""
    spec = importlib.util.spec_from_file_location("lienthong_kit", CODE / "lienthong.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_the_python_client_sends_receives_and_restores(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    kit = load()
    store: dict[str, bytes] = {}
    body = letter(A, B)
    assert (await asyncio.to_thread(kit.validate, hub.url, a.key, body))["ok"]
    receipt = await asyncio.to_thread(kit.send, hub.url, a.key, body)
    assert await asyncio.to_thread(kit.send, hub.url, a.key, body) == receipt
    await hub.settle()
    assert await asyncio.to_thread(kit.receive, hub.url, b.key, store.__setitem__, 0) == 1
    (delivery_id,) = store
    assert store[delivery_id] == body
    about = receipt["receipt"]["receipt_id"]
    await asyncio.to_thread(kit.say, hub.url, b.key, about, "03", "2026-11-22T14:00:00+07:00")
    store.clear()
    restored: Any = (hub.url, b.key, "2020-01-01", store.__contains__, store.__setitem__)
    assert await asyncio.to_thread(kit.restore, *restored) == 1
    assert store == {delivery_id: body}
    assert await asyncio.to_thread(kit.restore, *restored) == 0


async def test_the_python_client_does_not_repeat_what_was_refused(hub: HubUnderTest, a: Peer) -> None:
    kit = load()
    with pytest.raises(kit.Refused, match="not_xml"):
        await asyncio.to_thread(kit.send, hub.url, a.key, b"no XML")


def test_the_python_check_of_webhooks_takes_the_genuine_alone() -> None:
    kit = load()
    now = str(int(time.time()))
    text = f"01a2.{now}.{hashlib.sha256(b'body').hexdigest()}".encode()
    good = "v1=" + hmac.new(b"secret", text, hashlib.sha256).hexdigest()
    headers = {"X-Delivery-Id": "01a2", "X-Timestamp": now, "X-Signature": f"v1=00,{good}"}
    assert kit.is_from_the_hub(headers, b"body", b"secret")
    assert not kit.is_from_the_hub(headers, b"Body", b"secret")
    assert not kit.is_from_the_hub(headers, b"body", b"Secret")
    assert not kit.is_from_the_hub({**headers, "X-Timestamp": str(int(now) - 400)}, b"body", b"secret")


@pytest.mark.parametrize("stamp", ["", "x", "-1", "9" * 400, "1e9", "٣"])
def test_the_python_check_of_webhooks_says_no_to_nonsense(stamp: str) -> None:
    kit = load()
    text = f"01a2.{stamp}.{hashlib.sha256(b'body').hexdigest()}".encode()
    good = "v1=" + hmac.new(b"secret", text, hashlib.sha256).hexdigest()
    headers = {"X-Delivery-Id": "01a2", "X-Timestamp": stamp, "X-Signature": good}
    assert kit.is_from_the_hub(headers, b"body", b"secret") is False
    now = str(int(time.time()))
    for signature in ("", "v1=", "v1=đ\udc80", ",,"):
        given = {**headers, "X-Timestamp": now, "X-Signature": signature}
        assert kit.is_from_the_hub(given, b"body", b"secret") is False


async def test_the_python_client_calls_again_after_half_an_answer_and_takes_a_page_for_a_refusal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kit = load()
    monkeypatch.setattr(kit.time, "sleep", lambda seconds: None)
    answers = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        b"HTTP/1.1 503 No\r\nRetry-After: Sun, 22 Nov 2026 10:00:00 GMT\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole",
        b"HTTP/1.1 403 No\r\nContent-Length: 6\r\n\r\n<html>",
    ]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answers.pop(0))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        raw, _ = await asyncio.to_thread(kit.call, "GET", url, "key")
        assert raw == b"whole"
        with pytest.raises(kit.Refused) as refused:
            await asyncio.to_thread(kit.call, "GET", url, "key")
    assert (refused.value.status, refused.value.problem) == (403, {})


async def test_the_python_client_of_the_national_api_gets_through(database_url: str, tmp_path: Path) -> None:
    kit = load()
    async with serve(database_url, tmp_path) as served:
        await served.connect("DMS A", A)
        await served.connect("DMS B", B)
        base = f"http://{served.host}:{served.port}/vxp"

        async def call(system: str, operation: str, parameters: dict[str, str], body: bytes = b"{}") -> Any:
            return await asyncio.to_thread(kit.vxp, base, system, SECRET, operation, parameters, body)

        body = letter(A, B)
        sent = await call(A, "sendEdoc", {"from": A, "messagetype": "edoc"}, body)
        assert sent["ErrorCode"] == "0", sent
        await served.settle()
        (package,) = (await call(B, "getReceivedEdocList", {"messagetype": "edoc"}))["data"]
        fetched = await call(B, "getEdoc", {"docId": package["docId"]})
        assert base64.b64decode(fetched["data"]) == body
        await served.settle()
        done = await call(B, "updateStatus", {"docid": package["docId"], "status": "done"})
        assert done["ErrorCode"] == "0"
        wrong = await asyncio.to_thread(
            kit.vxp, base, A, "sai", "getReceivedEdocList", {"messagetype": "edoc"}
        )
        assert wrong["ErrorCode"] == "15"


MAIN = """
public final class Vectors {
    public static void main(String[] given) throws Exception {
        byte[] body = "body".getBytes("US-ASCII");
        byte[] secret = "secret".getBytes("US-ASCII");
        System.out.println(Lienthong.isFromTheHub("01a2", given[0], given[1], body, secret));
        System.out.println(Lienthong.isFromTheHub("01a2", given[0], given[1], new byte[0], secret));
        for (String stamp : new String[] {"", "x", "-1", "99999999999999999999"}) {
            if (Lienthong.isFromTheHub("01a2", stamp, given[1], body, secret)) {
                throw new IllegalStateException(stamp);
            }
        }
        java.util.Map<String, String> parameters = new java.util.LinkedHashMap<>();
        parameters.put("messagetype", "edoc");
        Lienthong.Answer answer =
            Lienthong.vxp(given[2], given[3], given[4], "getReceivedEdocList", parameters, new byte[0]);
        System.out.println(answer.status + " " + new String(answer.body, "US-ASCII"));
    }
}
"""


@pytest.mark.needs("javac", "java")
async def test_the_java_class_is_java_8_and_checks_and_signs_right(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "Vectors.java").write_text(MAIN)
    sources = [str(CODE / "Lienthong.java"), str(tmp_path / "Vectors.java")]
    compiled = ["javac", "--release", "8", "-Xlint:-options", "-d", str(tmp_path), *sources]
    await asyncio.to_thread(subprocess.run, compiled, check=True, capture_output=True)
    now = str(int(time.time()))
    text = f"01a2.{now}.{hashlib.sha256(b'body').hexdigest()}".encode()
    good = "v1=" + hmac.new(b"secret", text, hashlib.sha256).hexdigest()
    (tmp_path / "home").mkdir()
    async with serve(database_url, tmp_path / "home") as served:
        await served.connect("DMS A", A)
        base = f"http://{served.host}:{served.port}/vxp"
        run = ["java", "-cp", str(tmp_path), "Vectors", now, f"v1=00,{good}", base, A, SECRET]
        done = await asyncio.to_thread(subprocess.run, run, check=True, capture_output=True, text=True)
    first, second, third = done.stdout.splitlines()
    assert (first, second) == ("true", "false")
    assert third.startswith("200 ")
    assert json.loads(third[4:])["ErrorCode"] == "0"
