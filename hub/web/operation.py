"""One call of the API as data: the application and the OpenAPI document are made from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal

from aiohttp import web
from pydantic import BaseModel

JSON_ARRAY: Final = "application/json"
"""The media type of answers that have no model: an array of objects, described where it is made."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A parameter in the query of a call."""

    name: str
    type: Literal["integer", "string"]
    text: str
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One call: `answers` maps status codes to models (None: bytes of `media_type`).

    `form`: the body is the part `order` of a form with parts `file` (and `picture`) beside it.

    `variants` are other media types in which the answer may be asked for by Accept.
    """

    method: str
    path: str
    name: str
    summary_vi: str
    summary: str
    handler: Handler
    answers: dict[int, type[BaseModel] | None]
    body: type[BaseModel] | Literal["edxml", "file", "message"] | None = None
    body_required: bool = True
    form: bool = False
    queries: tuple[Query, ...] = ()
    problems: tuple[str, ...] = ()
    open_to_all: bool = False
    media_type: str = "application/xml"
    variants: tuple[str, ...] = ()
