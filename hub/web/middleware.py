"""Around every call: a trace id, errors as problem documents, security headers, one log line.

Whatever a handler raises becomes one of the catalogue's problems; nothing of a body, a path on disk or
a library's message reaches the client.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from aiohttp import web

from hub.domain.problems import HubError, Refusal
from hub.observability.logging import is_told
from hub.ports.blobs import BlobDamaged, BlobMissing, BlobStoreError
from hub.ports.unit_of_work import CommitUnknown, DatabaseUnavailable
from hub.web.body import is_held_back
from hub.web.keys import SERVICES, STOPPING, UNDER_WAY
from hub.web.responses import language_of, problem_response

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

TRACE_HEADER: Final = "X-Trace-Id"
TRACE_BYTES: Final = 12
SERVER: Final = "lienthong"
TRACE_ID: Final = web.RequestKey("trace_id", str)
TRY_AGAIN_S: Final = 5

SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'",
}


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Give every answer its trace id and the security headers, streams too: called before a head is sent."""
    response.headers[TRACE_HEADER] = request.get(TRACE_ID, "")
    # Which library answers, and of which version, helps nobody but those who look for holes.
    response.headers["Server"] = SERVER
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)


@web.middleware
async def trace(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the call an id, turn errors into problems, log one line."""
    trace_id = request[TRACE_ID] = secrets.token_hex(TRACE_BYTES)
    started = time.perf_counter()
    under_way = request.app[UNDER_WAY].one()
    with under_way, structlog.contextvars.bound_contextvars(trace_id=trace_id):
        response = await _answer(request, handler, trace_id)
        if not response.prepared and request.app[STOPPING].is_set():
            response.force_close()  # the next call goes to another node, or to the next life of this one
        _observe(request, response, time.perf_counter() - started)
    return response


def _observe(request: web.Request, response: web.StreamResponse, seconds: float) -> None:
    route = _route_of(request)
    metrics = request.app[SERVICES].metrics
    metrics.count_request(request.method, route, response.status)
    # A call that waits for an inbox takes as long as it was asked to.
    if "wait" not in request.query:
        metrics.time_request(route, seconds)
    if is_told(logging.DEBUG):
        ms = round(seconds * 1000, 1)
        log.debug("call", method=request.method, route=route, status=response.status, ms=ms)


async def _answer(request: web.Request, handler: Handler, trace_id: str) -> web.StreamResponse:
    kept: dict[str, str] = {}
    try:
        return await handler(request)
    except web.HTTPException as error:
        problem = _from_http(error)
        if isinstance(error, web.HTTPMethodNotAllowed):
            kept["Allow"] = ", ".join(sorted(error.allowed_methods))
        if problem is None:
            raise
    except HubError as error:
        problem = error
    except Exception as error:  # noqa: BLE001 - the boundary: everything becomes a problem
        problem = _from_failure(request, error)
    response = problem_response(problem, language=language_of(request), trace_id=trace_id)
    response.headers.update(kept)
    if is_held_back(request):
        # Whether its body still comes is the client's choice: what follows on this connection is unclear.
        response.force_close()
    return response


def _from_http(error: web.HTTPException) -> HubError | None:
    match error.status:
        case 404:
            return Refusal("not_found")
        case 405:
            return Refusal("method_not_allowed")
        case 413:
            return Refusal("body_too_large")
        case status if status >= web.HTTPBadRequest.status_code:
            return Refusal("bad_request")
        case _:
            return None


def _from_failure(request: web.Request, error: Exception) -> HubError:
    if isinstance(error, DatabaseUnavailable | CommitUnknown):
        log.error("database_unavailable", error=type(error).__name__)
        return HubError("database_unavailable", retry_after=TRY_AGAIN_S)
    if isinstance(error, web.RequestPayloadError | ConnectionError):
        return Refusal("body_cut")
    if isinstance(error, BlobMissing | BlobDamaged):
        log.error(error.code, blob_id=str(error.blob_id))
        return HubError(error.code)
    if isinstance(error, BlobStoreError | OSError):
        log.error("storage_unavailable", error=type(error).__name__)
        return HubError("storage_unavailable", retry_after=TRY_AGAIN_S)
    log.error("call_failed", route=_route_of(request), exc_info=error)
    return HubError("internal_error")


def _route_of(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical
