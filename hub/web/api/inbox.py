"""/inbox: what has come for the caller's agencies; lease, fetch, confirm, reject."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from hub.domain.ids import normalise_code
from hub.domain.problems import Refusal
from hub.ports.broker import Wakeup
from hub.ports.records import Offer
from hub.services.access import Caller
from hub.services.inbox import Content
from hub.web.api import views
from hub.web.api.parameters import delivery_id, integer, json_body
from hub.web.keys import SERVICES, STOPPING, caller_of
from hub.web.models import (
    DeliveryState,
    InboxPage,
    LeaseOut,
    LeaseRequest,
    RedirectOut,
    RedirectRequest,
    RejectRequest,
    RenewOut,
    RenewRequest,
    TokenRequest,
)
from hub.web.responses import json_response, send_stream, stored_json

# A wake-up may be lost with a broken connection: so often a waiting call looks by itself.
LOOK_AGAIN_S: Final = 5.0
# The answer to most polls: made once.
NOTHING: Final = InboxPage(deliveries=[]).model_dump_json().encode()


async def inbox(request: web.Request) -> web.Response:
    """List what the caller may lease now; with `wait`, hold the call until there is something."""
    caller = await caller_of(request)
    rules = request.app[SERVICES].rules
    limit = integer(request, "limit", default=rules.inbox_page, least=1, most=rules.inbox_page)
    wait = integer(request, "wait", default=0, least=0, most=rules.long_poll_s)
    rates = request.app[SERVICES].rates
    if not wait:
        rates.before_poll(caller.system_id)
    unit = request.query.get("unit")
    unit_id = None if unit is None else await _unit_of(request, unit)
    offers = await _offers(request, caller, unit_id, limit, wait)
    if not offers and not wait:
        rates.polled_in_vain(caller.system_id)
        return stored_json(NOTHING)
    return json_response(InboxPage(deliveries=[views.offered(o) for o in offers]))


async def _unit_of(request: web.Request, code: str) -> str:
    # By any of its codes; a code that nobody has must not look like an inbox in which there is nothing.
    agency = (await request.app[SERVICES].directory.current()).by_code(normalise_code(code))
    if agency is None:
        raise Refusal("bad_request", params={"field": "unit"})
    return agency.unit_id


async def _offers(
    request: web.Request, caller: Caller, unit_id: str | None, limit: int, wait: int
) -> tuple[Offer, ...]:
    services, stopping = request.app[SERVICES], request.app[STOPPING]
    if not wait:
        return await services.inbox.offers(caller, unit_id=unit_id, limit=limit)
    ends = asyncio.get_running_loop().time() + wait
    # Subscribed before the first look: what comes in between rings the bell.
    wakeup = services.wakeups.subscribe(caller.system_id)
    try:
        while True:
            offers = await services.inbox.offers(caller, unit_id=unit_id, limit=limit)
            left = ends - asyncio.get_running_loop().time()
            if offers or left <= 0 or stopping.is_set():
                return offers
            await _wait(wakeup, stopping, min(left, LOOK_AGAIN_S))
    finally:
        wakeup.close()


async def _wait(wakeup: Wakeup, stopping: asyncio.Event, seconds: float) -> None:
    """Wait until woken, until the node stops, or so many seconds."""
    async with asyncio.TaskGroup() as group:
        both = (group.create_task(wakeup.wait(seconds)), group.create_task(stopping.wait()))
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in both:
            task.cancel()


async def lease(request: web.Request) -> web.Response:
    """Take a delivery for a while."""
    caller = await caller_of(request)
    wanted = await json_body(request, LeaseRequest, optional=True)
    taken = await request.app[SERVICES].inbox.lease(caller, delivery_id(request), wanted.seconds)
    return json_response(
        LeaseOut(
            delivery_id=taken.delivery_id,
            document_id=taken.offer_document.id,
            lease_token=taken.token,
            lease_until=taken.until,
            content_url=f"/api/v1/inbox/{taken.delivery_id}/content?lease_token={taken.token}",
        )
    )


async def content(request: web.Request) -> web.StreamResponse:
    """Hand the message over to the holder of the lease, as a stream; recorded when the last byte is out."""
    caller = await caller_of(request)
    wanted = delivery_id(request)
    token = integer(request, "lease_token", default=0, least=0, most=2**62)
    if token == 0:
        raise Refusal("bad_request", params={"field": "lease_token"})
    service = request.app[SERVICES].inbox
    handed = await service.content(caller, wanted, token)
    response = content_response(handed)
    await send_stream(request, response, handed.chunks)
    await service.handed_over(caller, wanted, token)
    return response


def content_response(handed: Content) -> web.StreamResponse:
    """Return the head of an answer that hands a message over."""
    response = web.StreamResponse(
        headers={
            "Content-Type": "application/xml; charset=utf-8",
            "Content-Disposition": f'attachment; filename="{handed.document_id}.edxml"',
            "X-Delivery-Id": str(handed.delivery_id),
            "X-Document-Id": str(handed.document_id),
            "X-Content-SHA256": handed.sha256.hex(),
            "X-Original-SHA256": handed.original_sha256.hex(),
            "X-Rendition": "strict" if handed.is_rendition else "original",
        }
    )
    response.content_length = handed.size
    return response


async def renew(request: web.Request) -> web.Response:
    """Prolong a lease."""
    caller = await caller_of(request)
    wanted = await json_body(request, RenewRequest)
    until = await request.app[SERVICES].inbox.renew(
        caller, delivery_id(request), wanted.lease_token, wanted.seconds
    )
    return json_response(
        RenewOut(delivery_id=delivery_id(request), lease_token=wanted.lease_token, lease_until=until)
    )


async def confirm(request: web.Request) -> web.Response:
    """Say that the recipient has the document."""
    caller = await caller_of(request)
    said = await json_body(request, TokenRequest)
    at = await request.app[SERVICES].inbox.confirm(caller, delivery_id(request), said.lease_token)
    return json_response(DeliveryState(delivery_id=delivery_id(request), state="confirmed", at=at))


async def reject(request: web.Request) -> web.Response:
    """Give a delivery back for good, with a reason for its sender."""
    caller = await caller_of(request)
    said = await json_body(request, RejectRequest)
    at = await request.app[SERVICES].inbox.reject(caller, delivery_id(request), said.lease_token, said.reason)
    return json_response(DeliveryState(delivery_id=delivery_id(request), state="rejected", at=at))


async def redirect(request: web.Request) -> web.Response:
    """Send a delivery of the caller's on to another unit, with a reason for its sender."""
    caller = await caller_of(request)
    said = await json_body(request, RedirectRequest)
    made = await request.app[SERVICES].decisions.redirect(
        delivery_id(request),
        to=said.to,
        by=caller.system.name,
        reason=said.reason,
        system_id=caller.system_id,
    )
    return json_response(
        RedirectOut(delivery_id=delivery_id(request), redirected_to=made.id, unit=made.unit_id)
    )
