"""The recording line: a system calls the hub through it, and every call and answer is written down.

It passes calls and answers on unchanged, with one exception: the answer to the first message that was newly
accepted for a given recipient is thrown away and the connection broken, so that it can be seen whether the
system sends the same bytes again. Bodies are kept only as digest, size and summary. It is a tool for a trial:
one system, plain HTTP, bodies in memory.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson
from aiohttp import web
from yarl import URL

from adapters.conformance.exchange import Exchange
from adapters.conformance.facts import Dialect
from adapters.conformance.rest import REST
from schemas.validate import Summary, validate_file

BODY_MOST: Final = 220 * 1024 * 1024
TIMEOUT_S: Final = 660.0
_HOP: Final = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "host", "expect"}
    | {"content-length", "content-encoding", "accept-encoding"}
)
# A recipient list in a header repeats every code twice: as much as the hub itself takes.
FIELD_MOST: Final = 262_144


@dataclass(slots=True)
class Tape:
    """What was recorded, in order, of calls that are read by `dialect`."""

    cut_for: str
    dialect: Dialect = REST
    exchanges: list[Exchange] = field(default_factory=list)
    cut_done: bool = False

    def to_cut(self, exchange: Exchange) -> bool:
        """Say whether this answer is the one to throw away."""
        if self.cut_done or exchange.sent is None or self.cut_for not in exchange.sent.to:
            return False
        known = {each.sha256 for each in self.exchanges if self.dialect.is_accepted(each)}
        if exchange.repeated or exchange.sha256 in known or not self.dialect.is_accepted(exchange):
            return False
        self.cut_done = True
        return True


class _Line:
    def __init__(self, hub: str, tape: Tape, session: aiohttp.ClientSession) -> None:
        self._hub = hub
        self._tape = tape
        self._session = session

    async def pass_on(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        async with self._session.request(
            request.method,
            URL(self._hub + request.raw_path, encoded=True),
            headers=headers,
            data=_data(body),
            allow_redirects=False,
        ) as answer:
            raw = await answer.read()
            recorded = await self._exchange(request, body, answer, raw)
            cut = self._tape.to_cut(recorded)
            self._tape.exchanges.append(replace(recorded, cut=cut))
            if cut and request.transport is not None:
                request.transport.abort()
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
            return web.Response(status=answer.status, body=raw, headers=kept)

    async def _exchange(
        self, request: web.Request, body: bytes, answer: aiohttp.ClientResponse, raw: bytes
    ) -> Exchange:
        dialect = self._tape.dialect
        form = "form" in request.content_type
        message = body if dialect.submits(request.method, request.path) and not form else None
        said = _json(raw) if "json" in answer.content_type else None
        handed_over = dialect.message_in(request.path, said, raw)
        return Exchange(
            method=request.method,
            path=request.path,
            status=answer.status,
            sha256=hashlib.sha256(body).hexdigest(),
            size=len(body),
            repeated="X-Repeated" in answer.headers,
            cut=False,
            sent=await _summary(message),
            order=_json(body) if request.content_type == "application/json" else None,
            # A document that was handed over is not kept a second time.
            answer=said if handed_over is None else None,
            parameters=dialect.parameters(request.headers),
            carried=await _summary(handed_over),
        )


@asynccontextmanager
async def recording(hub: str, tape: Tape, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Listen for the length of the block, pass everything on to the hub, and yield the line's address.

    What an interface of the hub knows to answer to heads that cannot be read, this line does not: it is for
    systems that do what they should.
    """
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout, auto_decompress=True) as session:
        app = web.Application(client_max_size=BODY_MOST)
        app.router.add_route("*", "/{rest:.*}", _Line(hub.rstrip("/"), tape, session).pass_on)
        runner = web.AppRunner(app, access_log=None, max_line_size=FIELD_MOST, max_field_size=FIELD_MOST)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port)
            await site.start()
            found = runner.addresses[0]
            yield f"http://{found[0]}:{found[1]}"
        finally:
            await runner.cleanup()


async def _summary(message: bytes | None) -> Summary | None:
    return None if message is None else await asyncio.to_thread(_read, message)


def _read(body: bytes) -> Summary | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "body"
        path.write_bytes(body)
        report = validate_file(path, folder=Path(folder))
    return report.summary if report.ok else None


def _data(body: bytes) -> io.BytesIO | None:
    return io.BytesIO(body) if body else None


def _json(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
