"""What needs no key: the hub's public keys and its health; and the directory, for systems."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from hub.domain.directory import Agency
from hub.observability.metrics import CONTENT_TYPE
from hub.web.api.parameters import integer
from hub.web.keys import SERVICES, caller_of
from hub.web.models import AgencyOut, DirectoryPage, Health, KeySet
from hub.web.responses import json_response

DIRECTORY_PAGE: Final = 500


async def keys(request: web.Request) -> web.Response:
    """Return the hub's public keys (JWK set)."""
    return json_response(KeySet.model_validate(request.app[SERVICES].sealer.public_keys()))


async def directory(request: web.Request) -> web.Response:
    """Return agencies whose code or name contains `q`, in the order of their codes."""
    await caller_of(request)
    limit = integer(request, "limit", default=100, least=1, most=DIRECTORY_PAGE)
    offset = integer(request, "offset", default=0, least=0, most=10**6)
    wanted = request.query.get("q", "").strip().casefold()
    snapshot = await request.app[SERVICES].directory.current()
    found = [a for a in snapshot if not wanted or _matches(a, wanted)]
    page = sorted(found, key=lambda a: a.unit_id)[offset : offset + limit]
    return json_response(DirectoryPage(snapshot=snapshot.snapshot_id, agencies=[_agency(a) for a in page]))


def _matches(agency: Agency, wanted: str) -> bool:
    texts = (agency.unit_id, agency.name, *(c.code for c in agency.codes))
    return any(wanted in text.casefold() for text in texts)


def _agency(agency: Agency) -> AgencyOut:
    return AgencyOut(
        unit=agency.unit_id,
        name=agency.name,
        level=agency.level.value,
        parent=agency.parent,
        state=agency.state.value,
        codes=[c.code for c in agency.codes],
        connected=agency.system_id is not None,
    )


async def metrics(request: web.Request) -> web.Response:
    """Return the metrics of all processes behind this address in Prometheus' text form."""
    services = request.app[SERVICES]
    await services.health.look()
    return web.Response(body=await services.metrics.tell(), headers={"Content-Type": CONTENT_TYPE})


async def alive(_request: web.Request) -> web.Response:
    """Say that the process answers."""
    return json_response(Health(status="ok"))


async def ready(request: web.Request) -> web.Response:
    """Say whether this node takes in documents; 503 with the reason if not."""
    health = await request.app[SERVICES].health.look()
    refuse = health.refuse
    checks = {
        "database": "ok" if health.database else "unavailable",
        "disk": "low" if refuse == "disk_low" else "ok",
        "backlog": "full" if refuse == "backlog_full" else "ok",
    }
    if refuse is None:
        return json_response(Health(status="ok", checks=checks))
    return json_response(Health(status="unready", checks=checks), status=503)
