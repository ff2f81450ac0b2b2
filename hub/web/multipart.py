"""Calls that bring files as `multipart/form-data`: read in order, held to the pace and limits of each upload.

What the library's reader cannot follow is `parts_invalid`, a body that ends early `body_cut`, one that stalls
`body_too_slow`: the same words as for a body in one piece. Names of parts and files come from the client's
bytes: what is no text in UTF-8 is refused here, before it reaches a digest, a file system or the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

import orjson
from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import ValidationError

from hub.domain.problems import Refusal
from hub.services.rules import TransferRules
from hub.web.api.parameters import refuse_nul
from hub.web.body import invite, paced

FORM: Final = "multipart/form-data"
CHUNK: Final = 256 * 1024
NAME_SHOWN: Final = 40
T = TypeVar("T")


async def read_form(
    request: web.Request,
    rules: TransferRules,
    take: Callable[[AsyncIterator[BodyPartReader]], Awaitable[T]],
) -> T:
    """Let `take` read the parts one after the other and return what it makes of them.

    Raises:
        Refusal: `parts_invalid`, `body_cut`, `body_too_slow`, and what `take` raises.
        HubError: `hub_stopping`.
    """
    try:
        async with paced(request, rules):
            await invite(request)
            return await take(_parts(request))
    except (ConnectionError, web.RequestPayloadError) as error:
        raise Refusal("body_cut") from error
    except ValidationError:
        raise
    except (HttpProcessingError, ValueError) as error:
        # The multipart reader's word for framing that it cannot follow.
        raise Refusal("parts_invalid") from error


async def _parts(request: web.Request) -> AsyncIterator[BodyPartReader]:
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader):
            raise Refusal("parts_invalid", params={"part": "multipart"})
        for told in (part.name, part.filename, part.headers.get("Content-Type")):
            _refuse_no_text(told)
        yield part


def _refuse_no_text(told: str | None) -> None:
    # The library decodes headers with surrogates in place of bytes that are no UTF-8.
    try:
        (told or "").encode("utf-8")
    except UnicodeEncodeError:
        raise Refusal("parts_invalid", params={"part": "filename"}) from None


def unwanted(part: BodyPartReader) -> Refusal:
    """Return the refusal of a part that has no place here."""
    return Refusal("parts_invalid", params={"part": (part.name or "")[:NAME_SHOWN]})


async def save(part: BodyPartReader, path: Path, left: int) -> int:
    """Write a part to a new file and return its size; raises Refusal `body_too_large` beyond `left` bytes."""
    size = 0
    with path.open("xb") as file:
        while chunk := await part.read_chunk(CHUNK):
            size += len(chunk)
            if size > left:
                raise Refusal("body_too_large", params={"limit": left})
            await asyncio.to_thread(file.write, chunk)
    return size


async def json_of(part: BodyPartReader, *, name: str, most: int) -> object:
    """Return a part that is JSON; raises Refusal `parts_invalid` beyond `most` bytes or if it is none."""
    raw = bytearray()
    while chunk := await part.read_chunk(CHUNK):
        raw += chunk
        if len(raw) > most:
            raise Refusal("parts_invalid", params={"part": name})
    refuse_nul(raw)
    try:
        found: object = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Refusal("parts_invalid", params={"part": name}) from None
    return found
