"""A client of the national exchange as its Java SDK behaves, seen from outside: habits and faults included.

One object keeps every parameter that it ever sent and sends it again; `docId` and `docid` travel in one
header; the timestamp is set once; JSON calls cut characters to one byte while the signature is made over
UTF-8, sendEdoc sends UTF-8; a document is sent with CR LF after it and a digest that has lost its zeros.
Answers are read as the SDK reads them: what is no JSON is an empty list for getReceivedEdocList and nothing
for the others. [national format, 3.1 to 3.3]
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

CRLF = b"\r\n"


@dataclass(frozen=True)
class Reply:
    """An answer as it came over the socket."""

    status: int
    headers: dict[str, str]
    body: bytes
    interim: bool = False

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The protocol's error code."""
        return str(self.json["ErrorCode"])


async def exchange(host: str, port: int, request: bytes, *, body: bytes = b"", expect: bool = False) -> Reply:
    """Send one request on a connection of its own and read the answer to its end."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(request)
        interim = False
        first: bytes | None = None
        if expect:
            first = await reader.readline()
            interim = first.startswith(b"HTTP/1.1 100")
            if interim:
                await reader.readline()
                first = None
        if body and (interim or not expect):
            writer.write(body)
        try:
            await writer.drain()
        except ConnectionError:
            pass
        return await _read(reader, first, interim=interim)
    finally:
        writer.close()


async def _read(reader: asyncio.StreamReader, first: bytes | None, *, interim: bool) -> Reply:
    line = first if first is not None else await reader.readline()
    status = int(line.split()[1])
    headers: dict[str, str] = {}
    while (raw := await reader.readline()) not in {CRLF, b""}:
        name, _, value = raw.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    if "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    else:
        body = await reader.read()
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return Reply(status=status, headers=headers, body=body, interim=interim)


@dataclass
class Sdk:
    """One long-lived service object of the SDK."""

    host: str
    port: int
    system_id: str
    secret: str
    base: str = "/vxp"
    timestamp: str = "22112026T044308+0100"
    kept: dict[str, str] = field(default_factory=dict)

    async def call(
        self,
        operation: str,
        parameters: dict[str, str] | None = None,
        *,
        method: str = "POST",
        body: bytes = b"",
        content_type: str = "application/json",
    ) -> Reply:
        """Make one call."""
        head = self.head(operation, parameters or {}, method, body, content_type)
        expect = bool(body) and content_type == "application/json"
        return await exchange(self.host, self.port, head, body=body, expect=expect)

    def head(
        self, operation: str, parameters: dict[str, str], method: str, body: bytes, content_type: str
    ) -> bytes:
        """The head of a call: it keeps the parameters for all calls to come."""
        raw = content_type != "application/json"
        self.kept.update(parameters)
        signed = {"systemid": self.system_id, **self.kept}
        signed["timestamp"], signed["Content-Type"] = self.timestamp, content_type
        text = json.dumps(
            {f"XroadVnpt-{k}": v for k, v in signed.items()}, ensure_ascii=False, separators=(",", ":")
        )
        digest = hmac.new(self.secret.encode(), text.encode(), "sha256").hexdigest()
        # A map without regard to case: of two spellings the first name stays, with the last value.
        sent: dict[str, tuple[str, str]] = {}
        for name, value in signed.items():
            key = name.lower()
            sent[key] = (sent[key][0] if key in sent else name, value)
        lines = [(f"XroadVnpt-{name}", value) for name, value in sent.values()]
        lines += [
            ("Content-Type", content_type),
            ("XroadVnpt-sign-header-key", ";".join(signed)),
            ("XroadVnpt-sign-header", text),
            ("XroadVnpt-hash-header", digest),
            ("User-Agent", "JAVASDKAgent/1.0.0 XRoad/VPCP"),
            ("XroadVnpt-version", "3.0.201608"),
            ("Host", f"{self.host}:{self.port}"),
            ("Connection", "Keep-Alive"),
        ]
        if method == "POST":
            lines.append(("Content-Length", str(len(body))))
        if not raw:
            lines.append(("Accept-Encoding", "gzip,deflate"))
            if body:
                lines.append(("Expect", "100-continue"))
        path = f"{self.base}/{operation}" if operation != "sendEdoc" else f"{self.base}//sendEdoc"
        encoded = [f"{method} {path} HTTP/1.1".encode()]
        encoded += [name.encode() + b": " + _on_the_wire(value, raw=raw) for name, value in lines]
        return CRLF.join([*encoded, b"", b""])

    async def received(self, message_type: str = "edoc") -> list[dict[str, str]] | None:
        """getReceivedEdocList, with the SDK's reading of it."""
        reply = await self.call("getReceivedEdocList", {"servicetype": "eDoc", "messagetype": message_type})
        try:
            found = reply.json
        except ValueError:
            return []
        assert found["status"] == "OK", found
        listed: list[dict[str, str]] = found["data"]
        return listed

    async def send(self, document: bytes, *, sender: str, kind: str = "edoc", to: str | None = None) -> Reply:
        """sendEdoc."""
        digest = "".join(f"{byte:x}" for byte in hashlib.sha256(document).digest())
        parameters = {"from": sender, "servicetype": "eDoc", "messagetype": kind, "hash-file": digest}
        if to is not None:
            parameters["to"] = to
        reply = await self.call(
            "sendEdoc", parameters, body=document + CRLF, content_type="application/octet-stream"
        )
        reply.body.decode("ascii")
        return reply

    async def get(self, package: str) -> bytes:
        """getEdoc."""
        reply = await self.call("getEdoc", {"docId": package, "filePath": "edoc"}, body=b"{}")
        assert reply.code == "0", reply.body
        return base64.b64decode(reply.json["data"], validate=True)

    async def download(self, package: str) -> bytes | None:
        """downloadEdoc: whatever is not empty is taken for the document."""
        reply = await self.call("downloadEdoc", {"docId": package, "filePath": "edoc"}, method="GET")
        return reply.body or None

    async def update(self, package: str, state: str, **more: str) -> Reply:
        """updateStatus."""
        return await self.call("updateStatus", {"docid": package, "status": state, **more}, body=b"{}")

    async def count(self, operation: str = "countReceiveEdoc") -> int:
        """countReceiveEdoc or countReceiveStatus."""
        reply = await self.call(operation, {"servicetype": "eDoc", "messagetype": "edoc"}, body=b"{}")
        number: int = reply.json["count"]
        return number


def _on_the_wire(value: str, *, raw: bool) -> bytes:
    # JSON calls cut every character to its low byte.
    return value.encode() if raw else bytes(ord(c) & 0xFF for c in value)
