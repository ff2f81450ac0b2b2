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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson
from aiohttp import web

from schemas.validate import Summary, validate_file

BODY_MOST: Final = 220 * 1024 * 1024
TIMEOUT_S: Final = 660.0
_HOP: Final = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "host", "expect"}
    | {"content-length", "content-encoding", "accept-encoding"}
)
DOCUMENTS: Final = "/api/v1/documents"
CREATED: Final = 201


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One call and its answer: `sent` is what an edXML body said, `answer` the JSON that came back."""

    method: str
    path: str
    status: int
    sha256: str
    size: int
    repeated: bool
    cut: bool
    sent: Summary | None
    order: Any
    answer: Any

    @property
    def accepted(self) -> bool:
        """Whether a message was accepted, now or before."""
        return self.method == "POST" and self.path == DOCUMENTS and self.status in (200, 201)

    @property
    def code(self) -> str:
        """The problem's code; empty if it was none."""
        return (
            str(self.answer.get("code", "")) if isinstance(self.answer, dict) and self.status >= 400 else ""
        )


@dataclass(slots=True)
class Tape:
    """What was recorded, in order."""

    cut_for: str
    exchanges: list[Exchange] = field(default_factory=list)
    cut_done: bool = False

    def to_cut(self, status: int, sent: Summary | None) -> bool:
        """Say whether this answer is the one to throw away."""
        if self.cut_done or status != CREATED or sent is None or self.cut_for not in sent.to:
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
            self._hub + request.raw_path,
            headers=headers,
            data=_data(body),
            allow_redirects=False,
        ) as answer:
            raw = await answer.read()
            sent = await _summary(request, body)
            cut = self._tape.to_cut(answer.status, sent)
            self._tape.exchanges.append(
                Exchange(
                    method=request.method,
                    path=request.path,
                    status=answer.status,
                    sha256=hashlib.sha256(body).hexdigest(),
                    size=len(body),
                    repeated="X-Repeated" in answer.headers,
                    cut=cut,
                    sent=sent,
                    order=_json(body) if request.content_type == "application/json" else None,
                    answer=_json(raw) if "json" in answer.content_type else None,
                )
            )
            if cut and request.transport is not None:
                request.transport.abort()
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
            return web.Response(status=answer.status, body=raw, headers=kept)


@asynccontextmanager
async def recording(hub: str, tape: Tape, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Listen for the length of the block, pass everything on to the hub, and yield the line's address."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout, auto_decompress=True) as session:
        app = web.Application(client_max_size=BODY_MOST)
        app.router.add_route("*", "/{rest:.*}", _Line(hub.rstrip("/"), tape, session).pass_on)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port)
            await site.start()
            found = runner.addresses[0]
            yield f"http://{found[0]}:{found[1]}"
        finally:
            await runner.cleanup()


async def _summary(request: web.Request, body: bytes) -> Summary | None:
    if request.method != "POST" or request.path != DOCUMENTS or "form" in request.content_type:
        return None
    return await asyncio.to_thread(_read, body)


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
