"""/documents: sending, and following what was sent or received."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import orjson
from aiohttp import web

from hub.domain.problems import Refusal
from hub.ports.records import ReportRow
from hub.services.intake import Submitted
from hub.web import body
from hub.web.api import views
from hub.web.api.compose import submit_parts
from hub.web.api.parameters import document_id, idempotency_key, integer
from hub.web.keys import SERVICES, caller_of
from hub.web.models import (
    EarlierReportOut,
    EventPage,
    EvidenceList,
    EvidenceOut,
    SignatureReportOut,
    SignatureReports,
    Timeline,
)
from hub.web.responses import json_response, send_stream, stored_json

# The last three are those of the older dialects, which are read and never written.
MESSAGE_TYPES: Final = frozenset(
    {"application/xml", "text/xml", "application/octet-stream", "application/edxml+xml", ""}
    | {"multipart/related", "application/zip", "application/x-zip-compressed"}
)
FORM_TYPE: Final = "multipart/form-data"
EVENTS_PAGE: Final = 500


async def submit(request: web.Request) -> web.Response:
    """Take in an edXML document or status message, or a document as metadata and files."""
    services = request.app[SERVICES]
    caller = await caller_of(request)
    if request.content_type not in MESSAGE_TYPES and request.content_type != FORM_TYPE:
        raise Refusal("media_type_unsupported", params={"media_type": request.content_type})
    body.refuse_declared_size(request, services.max_body_bytes)
    if request.content_type == FORM_TYPE:
        return receipt_response(await submit_parts(request, caller))
    submitted = await services.intake.submit(
        caller, body.stream(request, services.rules.transfer), idempotency_key=idempotency_key(request)
    )
    return receipt_response(submitted)


def receipt_response(submitted: Submitted) -> web.Response:
    """Return a receipt: 201 for a new submission, 200 with X-Repeated for one that was known."""
    receipt_id = orjson.loads(submitted.receipt)["receipt"]["receipt_id"]
    headers = {"Location": f"/api/v1/documents/{receipt_id}"}
    if submitted.repeated:
        headers["X-Repeated"] = "true"
    return stored_json(submitted.receipt, status=200 if submitted.repeated else 201, headers=headers)


async def show(request: web.Request) -> web.Response:
    """Return a document and where its deliveries stand."""
    caller = await caller_of(request)
    found = await request.app[SERVICES].follow.document(caller, document_id(request))
    return json_response(views.followed(found))


async def receipt(request: web.Request) -> web.Response:
    """Return the receipt given for a document, byte for byte."""
    caller = await caller_of(request)
    return stored_json(await request.app[SERVICES].follow.receipt(caller, document_id(request)))


async def timeline(request: web.Request) -> web.Response:
    """Return what happened to a document."""
    caller = await caller_of(request)
    wanted: UUID = document_id(request)
    entries = await request.app[SERVICES].follow.timeline(caller, wanted)
    return json_response(Timeline(document_id=wanted, events=[views.timeline_entry(e) for e in entries]))


async def evidence(request: web.Request) -> web.Response:
    """Return the hub's signed statements about a document."""
    caller = await caller_of(request)
    wanted = document_id(request)
    rows = await request.app[SERVICES].follow.evidence(caller, wanted)
    statements = [
        EvidenceOut(evidence_id=r.id, kind=r.kind, delivery_id=r.delivery_id, jws=r.body.decode("ascii"))
        for r in rows
    ]
    return json_response(EvidenceList(document_id=wanted, evidence=statements))


async def signatures(request: web.Request) -> web.Response:
    """Return the signature reports of a document's attachments."""
    caller = await caller_of(request)
    wanted = document_id(request)
    found = await request.app[SERVICES].follow.reports(caller, wanted)
    reports = [
        SignatureReportOut(
            position=r.position,
            version=r.version,
            made_at=r.made_at,
            sha256=r.sha256.hex(),
            indication=r.indication,
            url=f"/api/v1/documents/{wanted}/signatures/{r.position}",
            earlier=[_earlier(wanted, e) for e in reversed(found.earlier) if e.position == r.position],
            report=orjson.loads(r.report_json),
        )
        for r in found.newest
    ]
    return json_response(
        SignatureReports(
            document_id=wanted,
            indication=found.document.indication,
            looked_at_again=found.looked_at_again,
            reports=reports,
        )
    )


def _earlier(document: UUID, row: ReportRow) -> EarlierReportOut:
    return EarlierReportOut(
        version=row.version,
        made_at=row.made_at,
        indication=row.indication,
        url=f"/api/v1/documents/{document}/signatures/{row.position}?version={row.version}",
    )


async def original(request: web.Request) -> web.StreamResponse:
    """Return the bytes of a document as its sender sent them."""
    caller = await caller_of(request)
    document, chunks = await request.app[SERVICES].follow.original(caller, document_id(request))
    response = web.StreamResponse(
        headers={"X-Original-SHA256": document.sha256.hex(), "Content-Type": "application/xml"}
    )
    response.content_length = document.size
    await send_stream(request, response, chunks)
    return response


async def events(request: web.Request) -> web.Response:
    """Return events about the caller's documents and deliveries, after a cursor."""
    caller = await caller_of(request)
    after = integer(request, "after", default=0, least=0, most=2**62)
    limit = integer(request, "limit", default=100, least=1, most=EVENTS_PAGE)
    page = await request.app[SERVICES].follow.events_after(caller, after, limit=limit)
    shown = [views.event(row) for row in page.events]
    return json_response(EventPage(events=shown, next=page.following, more=page.more))
