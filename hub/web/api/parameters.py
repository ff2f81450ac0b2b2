"""Parameters of calls, read strictly: a bad one is `bad_request` naming it."""

from __future__ import annotations

from typing import Final, TypeVar
from uuid import UUID

import orjson
from aiohttp import web
from pydantic import BaseModel, ValidationError

from hub.domain.problems import Refusal
from hub.web.body import stream
from hub.web.keys import SERVICES

IDEMPOTENCY_KEY_MAX: Final = 200
DIGITS_MAX: Final = 20
JSON_MAX: Final = 64 * 1024
NUL: Final = b"\\u0000"
M = TypeVar("M", bound=BaseModel)


def document_id(request: web.Request) -> UUID:
    """Return the document's id in the path; raises Refusal `document_unknown` if it is no id."""
    return _id(request, "document_id", "document_unknown")


def delivery_id(request: web.Request) -> UUID:
    """Return the delivery's id in the path; raises Refusal `delivery_unknown` if it is no id."""
    return _id(request, "delivery_id", "delivery_unknown")


def _id(request: web.Request, name: str, code: str) -> UUID:
    try:
        return UUID(request.match_info[name])
    except ValueError:
        raise Refusal(code) from None


def idempotency_key(request: web.Request) -> str | None:
    """Return the sender's own name for a submission; raises Refusal `bad_request` if it is too long."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if len(request.headers.getall("Idempotency-Key")) > 1:
        raise Refusal("bad_request", params={"field": "Idempotency-Key"})
    if not 0 < len(key) <= IDEMPOTENCY_KEY_MAX or not key.isprintable():
        raise Refusal("bad_request", params={"field": "Idempotency-Key"})
    return key


def integer(request: web.Request, name: str, *, default: int, least: int, most: int) -> int:
    """Return a whole number from the query, held within its limits; raises Refusal `bad_request`."""
    text = request.query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > DIGITS_MAX:
        raise Refusal("bad_request", params={"field": name})
    return min(max(int(text), least), most)


def refuse_nul(raw: bytes | bytearray) -> None:
    """Refuse a NUL in JSON: no text of ours can hold one. Raises Refusal `bad_request`."""
    if NUL in raw:
        raise Refusal("bad_request", params={"field": "\\u0000"})


async def json_body(request: web.Request, model: type[M], *, optional: bool = False) -> M:
    """Return the JSON body as a model; raises Refusal `bad_request` naming the first field that is wrong."""
    raw = bytearray()
    if (request.content_length or 0) > JSON_MAX:
        raise Refusal("bad_request", params={"field": "body"})
    async for chunk in stream(request, request.app[SERVICES].rules.transfer):
        raw += chunk
        if len(raw) > JSON_MAX:
            raise Refusal("bad_request", params={"field": "body"})
    if not raw and not optional:
        raise Refusal("bad_request", params={"field": "body"})
    refuse_nul(raw)
    try:
        parsed: object = orjson.loads(raw or b"{}")
    except orjson.JSONDecodeError:
        raise Refusal("bad_request", params={"field": "body"}) from None
    return checked(model, parsed)


def checked(model: type[M], parsed: object) -> M:
    """Return what a client sent as a model; raises Refusal `bad_request` naming the first wrong field."""
    try:
        return model.model_validate(parsed)
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise Refusal("bad_request", params={"field": field or "body"}) from None
