"""Between a hub and the exchange: every fault that the national exchange is known to have, by a seed.

The proxy passes calls on as they are (it knows no secret) and now and then does what integrators report: HTML
pages with 500 and with 200, empty answers, connections that break off before or after the call has taken
effect, slow answers, cut downloads, lists that repeat, hide, reorder and bring back packages, one more
package of a message under another id and the recipient's old code, and messages written anew each time.
[national format, 3.6 and 6]
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from tests.support.rewritten import rewritten

HTML = b"<!DOCTYPE html>\n<html><body><h1>500 Internal Server Error</h1></body></html>"
HOP_BY_HOP = frozenset(
    {"transfer-encoding", "content-length", "content-encoding", "connection", "date", "server"}
)
NOT_PASSED_ON = frozenset({"host", "expect", *HOP_BY_HOP})
BEFORE = ("html_500", "html_200", "empty_200", "cut_before", "not_the_protocol")
AFTER = ("cut_after", "empty_after", "html_after")
OF_LISTS = ("twice", "hidden", "shuffled", "again", "one_more")
OF_DOWNLOADS = ("cut_in_the_middle",)


@dataclass
class FaultyProxy:
    """Faults by `rate`, the share of calls that one of them befalls; `on = False` makes an honest proxy."""

    upstream: str
    seed: int
    rate: float = 0.25
    stall_s: float = 0.0
    old_codes: dict[str, str] = field(default_factory=dict)
    on: bool = True
    made: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self._bodies: dict[str, bytes] = {}
        self._copies: dict[str, str] = {}
        self._rows: dict[str, dict[str, Any]] = {}
        self._settled_copies: set[str] = set()
        self.session: aiohttp.ClientSession | None = None

    def app(self) -> web.Application:
        """The proxy as an application."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{operation}", self._handle)
        app.cleanup_ctx.append(self._with_session)
        return app

    async def _with_session(self, _app: web.Application) -> Any:
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=True) as session:
            self.session = session
            yield

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        operation = request.match_info["operation"]
        self.calls[operation] += 1
        body = await request.read()
        package = _package(request)
        if package in self._copies:
            return self._copy(operation, package)
        fault = self._fault(operation)
        if fault in BEFORE:
            return self._instead(fault, request)
        status, headers, answer = await self._upstream(request, operation, body)
        if fault in AFTER:
            return self._instead(fault, request)
        if fault == "slow":
            await asyncio.sleep(self.stall_s)
        if operation == "getReceivedEdocList":
            answer = self._list(answer, fault)
        if operation == "downloadEdoc" and status == 200:
            self._bodies[package] = answer
            if fault == "cut_in_the_middle":
                return await self._cut(request, answer)
            answer = self._written_anew(answer)
        if operation == "getEdoc" and b'"OK"' in answer:
            self._bodies[package] = base64.b64decode(json.loads(answer)["data"])
        return web.Response(status=status, headers=headers, body=answer)

    async def _upstream(
        self, request: web.Request, operation: str, body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        assert self.session is not None
        headers = {k: v for k, v in request.headers.items() if k.lower() not in NOT_PASSED_ON}
        url = f"{self.upstream}/{operation}"
        async with self.session.request(request.method, url, headers=headers, data=body) as response:
            kept = {k: v for k, v in response.headers.items() if k.lower() not in HOP_BY_HOP}
            return response.status, kept, await response.read()

    def _fault(self, operation: str) -> str | None:
        lists = operation == "getReceivedEdocList"
        # There are few calls for lists: their own faults come on top of the others.
        if not self.on or self.chance.random() >= (2 * self.rate if lists else self.rate):
            return None
        kinds = [*BEFORE, *AFTER]
        if self.stall_s and self.chance.random() < 0.05:
            kinds = ["slow"]
        elif lists:
            kinds += OF_LISTS * 8
        elif operation == "downloadEdoc":
            kinds += OF_DOWNLOADS * 2
        fault = self.chance.choice(kinds)
        self.made[fault] += 1
        return fault

    def _instead(self, fault: str, request: web.Request) -> web.StreamResponse:
        if fault.startswith("cut"):
            assert request.transport is not None
            request.transport.abort()
            raise web.HTTPInternalServerError
        if fault in ("html_500", "html_after"):
            return web.Response(status=500, body=HTML, content_type="text/html")
        if fault == "html_200":
            return web.Response(body=HTML, content_type="text/html")
        if fault == "not_the_protocol":
            return web.Response(body=b'{"message":"Service Unavailable"}', content_type="application/json")
        return web.Response(body=b"")

    async def _cut(self, request: web.Request, answer: bytes) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = len(answer)
        await response.prepare(request)
        await response.write(answer[: len(answer) // 2])
        assert request.transport is not None
        request.transport.abort()
        return response

    def _list(self, answer: bytes, fault: str | None) -> bytes:
        found = json.loads(answer)
        rows: list[dict[str, Any]] = found.get("data") or []
        known = list(self._rows.values())
        self._rows |= {row["docId"]: row for row in rows}
        kinds = {row["messageType"] for row in rows}
        rows += [row for _, row in self._open_copies() if row["messageType"] in kinds or not kinds]
        match fault:
            case "twice":
                rows = rows * 2
            case "hidden":
                rows = [row for row in rows if self.chance.random() < 0.5]
            case "shuffled":
                self.chance.shuffle(rows)
            case "again":
                same = [row for row in known if not kinds or row["messageType"] in kinds]
                rows += self.chance.sample(same, min(2, len(same)))
            case "one_more":
                rows += [self._one_more(row) for row in rows[:2] if row["messageType"] == "edoc"]
        return json.dumps(found | {"data": rows}).encode()

    def _one_more(self, row: dict[str, Any]) -> dict[str, Any]:
        copy = f"copy-{len(self._copies)}-{row['docId']}"
        self._copies[copy] = row["docId"]
        return row | {"docId": copy, "to": self.old_codes.get(row["to"], row["to"])}

    def _open_copies(self) -> list[tuple[str, dict[str, Any]]]:
        return [
            (copy, self._rows[real] | {"docId": copy})
            for copy, real in self._copies.items()
            if copy not in self._settled_copies and real in self._rows
        ]

    def _copy(self, operation: str, copy: str) -> web.Response:
        # A package that only the proxy knows: it answers for it.
        if operation == "updateStatus":
            self._settled_copies.add(copy)
            return web.json_response({"status": "OK", "ErrorCode": "0", "ErrorDesc": "Thanh cong"})
        body = self._bodies.get(self._copies[copy])
        if operation != "downloadEdoc" or body is None:
            return web.Response(status=404, body=b"")
        return web.Response(body=self._written_anew(body))

    def _written_anew(self, body: bytes) -> bytes:
        return rewritten(body, self.chance) if self.on else body


def _package(request: web.Request) -> str:
    pairs = json.loads(request.headers.get("XroadVnpt-sign-header", "{}"))
    return str(pairs.get("XroadVnpt-docId") or pairs.get("XroadVnpt-docid") or "")
