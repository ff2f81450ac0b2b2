"""/signatures/verify: a file comes, its report goes, nothing stays.

The file is the body, or the part `file` of a form with what it signs beside it in parts `content`; a JSON
body names a document instead. The answer is JSON as `lienthong verify --json` prints it; by Accept the
printable PDF or ETSI XML, which are about one file alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import orjson
from aiohttp import BodyPartReader, web

from hub.domain.problems import Refusal
from hub.services.access import Caller
from hub.web import body
from hub.web.api.parameters import document_id, integer, json_body
from hub.web.keys import SERVICES, Services, caller_of
from hub.web.models import VerifyOrder
from hub.web.multipart import FORM, read_form, save, unwanted
from hub.web.responses import stored_json
from schemas.names import safe_name
from signing.report import FileReport
from signing.report_etsi import to_etsi
from signing.report_json import to_json

PDF: Final = "application/pdf"
XML: Final = "application/xml"
JSON: Final = "application/json"
FILE, CONTENT = "file", "content"
NAME_MAX: Final = 255
CONTENTS_MOST: Final = 20
POSITION_DIGITS: Final = 4
VERSION_MOST: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """What was brought to be verified."""

    path: Path
    name: str
    content: tuple[Path, ...] = ()


async def verify(request: web.Request) -> web.Response:
    """Verify what the call brings or names."""
    services = request.app[SERVICES]
    caller = await caller_of(request)
    wanted = _wanted(request)
    if request.content_type == JSON:
        order = await json_body(request, VerifyOrder)
        with services.signatures.place(caller):
            reports = await services.signatures.of_document(caller, order.document_id)
        return await _of_several(services, reports, wanted)
    body.refuse_declared_size(request, services.max_body_bytes)
    spool = await services.blobs.new_spool()
    try:
        with services.signatures.place(caller):
            given = await _receive(request, services, spool)
            report = await services.signatures.verify(given.path, name=given.name, content=given.content)
            return await _answer(services, report, wanted, source=given.path, spool=spool)
    finally:
        await services.blobs.drop_spool(spool)


async def stored(request: web.Request) -> web.Response:
    """Return the stored report of one attachment in the form asked for."""
    services = request.app[SERVICES]
    caller = await caller_of(request)
    wanted, document, position = _wanted(request), document_id(request), _position(request)
    found = await services.signatures.stored(caller, document, position, version=_version(request))
    if wanted == JSON:
        return stored_json(b"[" + found.report_json + b"]")
    if found.whole is None:
        raise Refusal("document_unknown")
    if wanted == XML:
        return await _etsi(services, found.whole)
    return await _printed_attachment(services, caller, request, found.whole)


async def _printed_attachment(
    services: Services, caller: Caller, request: web.Request, report: FileReport
) -> web.Response:
    spool = await services.blobs.new_spool()
    try:
        with services.signatures.place(caller):
            path = await services.signatures.attachment_printed(
                caller, document_id(request), _position(request), report, spool
            )
        return _pdf(await asyncio.to_thread(path.read_bytes))
    finally:
        await services.blobs.drop_spool(spool)


async def _of_several(services: Services, reports: tuple[FileReport, ...], wanted: str) -> web.Response:
    if wanted == JSON:
        return _json(reports)
    if len(reports) != 1:
        raise Refusal("bad_request", params={"field": "Accept"})
    if wanted == XML:
        return await _etsi(services, reports[0])
    spool = await services.blobs.new_spool()
    try:
        return await _answer(services, reports[0], wanted, source=None, spool=spool)
    finally:
        await services.blobs.drop_spool(spool)


async def _answer(
    services: Services, report: FileReport, wanted: str, *, source: Path | None, spool: Path
) -> web.Response:
    if wanted == JSON:
        return _json((report,))
    if wanted == XML:
        return await _etsi(services, report)
    path = await services.signatures.printed(report, source=source, spool=spool)
    return _pdf(await asyncio.to_thread(path.read_bytes))


def _json(reports: tuple[FileReport, ...]) -> web.Response:
    return stored_json(orjson.dumps([_sendable(to_json(report)) for report in reports]))


def _sendable(value: object) -> object:
    """Without halves of surrogates, which names in a signed file may have and JSON text may not."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {str(_sendable(name)): _sendable(each) for name, each in value.items()}
    return [_sendable(each) for each in value] if isinstance(value, list) else value


async def _etsi(services: Services, report: FileReport) -> web.Response:
    made = await asyncio.to_thread(to_etsi, report, at=await services.signatures.now())
    return web.Response(body=made, content_type=XML, charset="utf-8")


def _pdf(made: bytes) -> web.Response:
    return web.Response(
        body=made,
        content_type=PDF,
        headers={"Content-Disposition": 'attachment; filename="ket-qua-kiem-tra-chu-ky.pdf"'},
    )


def _wanted(request: web.Request) -> str:
    """The form of the answer: the first of ours that Accept names, JSON without one."""
    for entry in request.headers.get("Accept", "").split(","):
        kind = entry.partition(";")[0].strip().lower()
        if kind in {JSON, PDF, XML}:
            return kind
    return JSON


def _version(request: web.Request) -> int | None:
    if "version" not in request.query:
        return None
    return integer(request, "version", default=1, least=1, most=VERSION_MOST)


def _position(request: web.Request) -> int:
    text = request.match_info["position"]
    if not text.isascii() or not text.isdigit() or len(text) > POSITION_DIGITS:
        raise Refusal("document_unknown")
    return int(text)


async def _receive(request: web.Request, services: Services, spool: Path) -> _Given:
    if request.content_type != FORM:
        return await _raw(request, services, spool)
    return await read_form(request, services.rules.transfer, partial(_parts, services, spool))


async def _raw(request: web.Request, services: Services, spool: Path) -> _Given:
    path, left = spool / FILE, services.max_body_bytes
    with path.open("xb") as file:
        async for chunk in body.stream(request, services.rules.transfer):
            left -= len(chunk)
            if left < 0:
                raise Refusal("body_too_large", params={"limit": services.max_body_bytes})
            await asyncio.to_thread(file.write, chunk)
    if left == services.max_body_bytes:
        raise Refusal("body_empty")
    return _Given(path=path, name=_named(request.query.get("name", "")))


def _named(name: str) -> str:
    return safe_name(name[:NAME_MAX], fallback=FILE)


async def _parts(services: Services, spool: Path, parts: AsyncIterator[BodyPartReader]) -> _Given:
    given: _Given | None = None
    content: list[Path] = []
    left = services.max_body_bytes
    async for part in parts:
        if part.name == FILE and given is None:
            given = _Given(path=spool / FILE, name=_named(part.filename or ""))
            path = given.path
        elif part.name == CONTENT and len(content) < CONTENTS_MOST:
            # References name what they sign by its file name: each lies in a folder of its own.
            folder = spool / f"{CONTENT}-{len(content)}"
            folder.mkdir()
            path = folder / _named(part.filename or "")
            content.append(path)
        else:
            raise unwanted(part)
        left -= await save(part, path, left)
    if given is None:
        raise Refusal("parts_invalid", params={"part": FILE})
    return _Given(path=given.path, name=given.name, content=tuple(content))
