"""/statuses and /documents/{id}/recall: a business status or a recall, said in JSON."""

from __future__ import annotations

from aiohttp import web

from hub.domain.business import StatusCode
from hub.services.recall import RecallOrder
from hub.services.statuses import StatusOrder
from hub.web.api.documents import receipt_response
from hub.web.api.parameters import document_id, idempotency_key, json_body
from hub.web.keys import SERVICES, caller_of
from hub.web.models import RecallAnswer, RecallOut, RecallRequest, StatusRequest
from hub.web.responses import json_response


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


async def recall(request: web.Request) -> web.Response:
    """Withdraw a document where it has not left the hub, and ask for it back where it has."""
    caller = await caller_of(request)
    wanted = document_id(request)
    said = await json_body(request, RecallRequest)
    order = RecallOrder(document_id=wanted, units=tuple(said.units), reason=said.reason, at=said.at)
    outcomes = await request.app[SERVICES].recalls.recall(caller, order)
    recipients = [
        RecallOut.model_validate(
            {
                "unit": o.unit_id,
                "delivery_id": o.delivery_id,
                "result": o.result,
                "receipt_id": o.receipt_id,
                "code": o.code,
            }
        )
        for o in outcomes
    ]
    return json_response(RecallAnswer(document_id=wanted, recipients=recipients))
