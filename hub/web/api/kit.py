"""What vendors use while they connect, and systems after a restore: /validate, /inbox/history, replay."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from aiohttp import web

from hub.domain.problems import Refusal
from hub.ports.records import Offer
from hub.web import body
from hub.web.api import views
from hub.web.api.documents import MESSAGE_TYPES
from hub.web.api.inbox import content_response
from hub.web.api.parameters import delivery_id, integer
from hub.web.keys import SERVICES, caller_of
from hub.web.models_kit import ConfirmedOut, HistoryOut, ValidationOut
from hub.web.responses import json_response, language_of, send_stream

VIETNAM: Final = ZoneInfo("Asia/Ho_Chi_Minh")
NAME_MAX: Final = 200
UNNAMED: Final = "message"
HISTORY_PAGE: Final = 500
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)


async def validate(request: web.Request) -> web.Response:
    """Say what is wrong with an edXML message, and keep nothing of it."""
    services = request.app[SERVICES]
    caller = await caller_of(request)
    if request.content_type not in MESSAGE_TYPES:
        raise Refusal("media_type_unsupported", params={"media_type": request.content_type})
    name = request.query.get("name", UNNAMED)
    if not 0 < len(name) <= NAME_MAX or not name.isprintable():
        raise Refusal("bad_request", params={"field": "name"})
    body.refuse_declared_size(request, services.max_body_bytes)
    chunks = body.stream(request, services.rules.transfer)
    report = await services.validator.validate(caller, chunks, name=name)
    return json_response(ValidationOut.model_validate(report.to_json(language_of(request))))


async def history(request: web.Request) -> web.Response:
    """List what the caller has confirmed since a moment."""
    services = request.app[SERVICES]
    caller = await caller_of(request)
    limit = integer(request, "limit", default=100, least=1, most=HISTORY_PAGE)
    page = await services.replay.history(caller, since=_since(request), after=_after(request), limit=limit)
    return json_response(
        HistoryOut(deliveries=[_confirmed(offer) for offer in page.offers], next=page.following)
    )


async def replay(request: web.Request) -> web.StreamResponse:
    """Hand a confirmed delivery over again; nothing but a record of that changes."""
    caller = await caller_of(request)
    handed = await request.app[SERVICES].replay.replay(caller, delivery_id(request))
    response = content_response(handed)
    await send_stream(request, response, handed.chunks)
    return response


def _confirmed(offer: Offer) -> ConfirmedOut:
    return ConfirmedOut(
        **dict(views.offered(offer)),
        confirmed_at=offer.delivery.ended_at or offer.delivery.created_at,
        content_kept=offer.document.body_kept,
    )


def _since(request: web.Request) -> datetime:
    """Return the moment asked for: a date (its beginning in Vietnam) or a time with its offset."""
    text = request.query.get("since", "")
    try:
        if "T" in text:
            moment = datetime.fromisoformat(text)
        else:
            moment = datetime.combine(date.fromisoformat(text), time(), VIETNAM)
    except ValueError:
        raise Refusal("bad_request", params={"field": "since"}) from None
    if moment.tzinfo is None or not EARLIEST <= moment <= LATEST:
        raise Refusal("bad_request", params={"field": "since"})
    return moment


def _after(request: web.Request) -> UUID | None:
    text = request.query.get("after")
    if text is None:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise Refusal("bad_request", params={"field": "after"}) from None
