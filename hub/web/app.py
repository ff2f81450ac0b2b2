"""The aiohttp application: routes, middleware, the OpenAPI document, the start page."""

from __future__ import annotations

import asyncio
from importlib import resources
from typing import Final

import orjson
from aiohttp import web

from hub import __version__
from hub.domain.problems import Refusal
from hub.web import body, openapi
from hub.web.keys import SERVICES, STOPPING, UNDER_WAY, Services, UnderWay
from hub.web.middleware import add_headers, trace
from hub.web.operation import Handler, Operation
from hub.web.routes import OPERATIONS

SHOWN_NAME: Final = 64
_STATIC: Final = {"index.html": "text/html", "lienthong.css": "text/css", "lienthong.svg": "image/svg+xml"}


def create_app(services: Services) -> web.Application:
    """Return the application over the given use cases."""
    app = web.Application(middlewares=[trace])
    app[SERVICES] = services
    app[STOPPING] = asyncio.Event()
    app[UNDER_WAY] = UnderWay()
    app.on_response_prepare.append(add_headers)
    app.on_shutdown.append(_stop)
    for operation in OPERATIONS:
        app.router.add_route(
            operation.method, operation.path, _strict(operation), expect_handler=body.hold_back
        )
    document = orjson.dumps(openapi.build(version=__version__))

    async def show_openapi(_request: web.Request) -> web.Response:
        return web.Response(body=document, content_type="application/json")

    app.router.add_get("/api/openapi.json", show_openapi)
    app.router.add_get("/", _static("index.html"))
    for name in ("lienthong.css", "lienthong.svg"):
        app.router.add_get(f"/static/{name}", _static(name))
    return app


def _strict(operation: Operation) -> Handler:
    """The handler behind a look at the query: a misspelt parameter must not silently do nothing."""
    known = frozenset(query.name for query in operation.queries)
    # Probes and scrapers add what they like to addresses that tell no secrets.
    if operation.open_to_all:
        return operation.handler

    async def handle(request: web.Request) -> web.StreamResponse:
        for name in request.query:
            if name not in known:
                shown = name if name.isprintable() and len(name) <= SHOWN_NAME else "?"
                raise Refusal("bad_request", params={"field": shown})
        return await operation.handler(request)

    return handle


async def _stop(app: web.Application) -> None:
    # Long-polls and uploads look at this: the first answer at once, the others have a little time to end.
    app[STOPPING].set()
    app[SERVICES].wakeups.wake_everybody()


def _static(name: str) -> Handler:
    content = resources.files("hub.web").joinpath("static", name).read_bytes()

    async def show(_request: web.Request) -> web.Response:
        return web.Response(body=content, content_type=_STATIC[name], charset="utf-8")

    return show
