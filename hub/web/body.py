"""The body of an upload as a stream that cannot stall or outgrow its limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from hub.domain.problems import Refusal
from hub.services.rules import TransferRules

CHUNK: Final = 256 * 1024


def refuse_declared_size(request: web.BaseRequest, max_bytes: int) -> None:
    """Refuse by Content-Length, before a byte of the body is read. Raises Refusal `body_too_large`."""
    declared = request.content_length
    if declared is not None and declared > max_bytes:
        raise Refusal("body_too_large", params={"limit": max_bytes})
    if declared == 0:
        raise Refusal("body_empty")


async def stream(request: web.Request, rules: TransferRules) -> AsyncIterator[bytes]:
    """Yield the body in chunks as they come.

    Raises:
        Refusal: `body_too_slow` under 10 KB/s over 30 s or past 10 minutes, `body_cut` if the
            connection ended before the body did.
    """
    loop = asyncio.get_running_loop()
    ends = loop.time() + rules.request_s
    window_ends = loop.time() + rules.window_s
    in_window = 0
    floor = int(rules.min_rate * rules.window_s)
    while True:
        try:
            async with asyncio.timeout_at(min(ends, window_ends)):
                chunk = await request.content.read(CHUNK)
        except TimeoutError:
            if loop.time() >= ends or in_window < floor:
                raise Refusal("body_too_slow") from None
            window_ends, in_window = loop.time() + rules.window_s, 0
            continue
        except (web.RequestPayloadError, ConnectionError) as error:
            raise Refusal("body_cut") from error
        if not chunk:
            return
        in_window += len(chunk)
        if loop.time() >= window_ends:
            if in_window < floor:
                raise Refusal("body_too_slow")
            window_ends, in_window = loop.time() + rules.window_s, 0
        yield chunk
