"""/statuses: a business status or a recall, said in JSON."""

from __future__ import annotations

from aiohttp import web

from hub.domain.business import StatusCode
from hub.services.statuses import StatusOrder
from hub.web.api.documents import receipt_response
from hub.web.api.parameters import idempotency_key, json_body
from hub.web.keys import SERVICES, caller_of
from hub.web.models import StatusRequest


async def submit(request: web.Request) -> web.Response:
    """Write a status message in the caller's name and take it in."""
    caller = await caller_of(request)
    said = await json_body(request, StatusRequest)
    order = StatusOrder(
        about=said.about,
        at=said.at,
        status_code=StatusCode(said.status_code),
        description=said.description,
        staff=said.staff,
        department=said.department,
        from_code=said.from_code,
        to_code=said.to_code,
    )
    submitted = await request.app[SERVICES].statuses.submit(
        caller, order, idempotency_key=idempotency_key(request)
    )
    return receipt_response(submitted)
