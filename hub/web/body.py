"""The body of an upload as a stream that cannot stall or outgrow its limits.

A client that asks first (`Expect: 100-continue`) is told to go on when the first byte is wanted, and not
before: a call without a valid key, over the limit or to a full node costs it no upload. [RFC 9110 §10.1.1]
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import HttpVersion11, web

from hub.domain.problems import HubError, Refusal
from hub.services.rules import TransferRules
from hub.web.keys import STOPPING

CHUNK: Final = 256 * 1024
STOP_GRACE_S: Final = 5.0
"""How long a body may still come in once the node has been told to stop."""
STOP_RETRY_AFTER_S: Final = 5
LOOK_S: Final = 1.0
"""So often a read that waits looks whether the node stops."""

_INVITED: Final = web.RequestKey("invited", bool)


def refuse_declared_size(request: web.BaseRequest, max_bytes: int) -> None:
    """Refuse by Content-Length, before a byte of the body is read. Raises Refusal `body_too_large`."""
    declared = request.content_length
    if declared is not None and declared > max_bytes:
        raise Refusal("body_too_large", params={"limit": max_bytes})
    if declared == 0:
        raise Refusal("body_empty")


async def hold_back(_request: web.Request) -> None:
    """Answer an Expect header with nothing for now, in place of the library's 100 Continue."""


def is_held_back(request: web.BaseRequest) -> bool:
    """Say whether the client still waits for a word before it sends its body."""
    expects = request.headers.get("Expect", "").lower() == "100-continue"
    return expects and request.version >= HttpVersion11 and not request.get(_INVITED, False)


async def invite(request: web.Request) -> None:
    """Let a client that asked first send its body; call it before the first read of any body."""
    if is_held_back(request):
        request[_INVITED] = True
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun


async def stream(request: web.Request, rules: TransferRules) -> AsyncIterator[bytes]:
    """Yield the body in chunks as they come.

    Raises:
        Refusal: `body_too_slow` under 10 KB/s over 30 s or past 10 minutes, `body_cut` if the
            connection ended before the body did.
        HubError: `hub_stopping` if the node is told to stop and the body does not end soon.
    """
    await invite(request)
    pace = _Pace(rules, request.app[STOPPING])
    while True:
        try:
            async with asyncio.timeout_at(pace.look()):
                chunk = await request.content.read(CHUNK)
        except TimeoutError:
            continue
        except (web.RequestPayloadError, ConnectionError) as error:
            raise Refusal("body_cut") from error
        if not chunk:
            return
        pace.count(len(chunk))
        yield chunk


@asynccontextmanager
async def paced(request: web.Request, rules: TransferRules) -> AsyncIterator[None]:
    """Hold a body that something else reads within the block to the same pace.

    Raises: as `stream`, in place of whatever the block was doing.
    """
    pace, content = _Pace(rules, request.app[STOPPING]), request.content
    loop = asyncio.get_running_loop()
    refused: HubError | None = None
    counted = 0
    handle: asyncio.TimerHandle | None = None

    def look() -> None:
        nonlocal refused, counted, handle
        if content.is_eof():
            return  # what still takes time is the hub's own work
        came, counted = content.total_bytes - counted, content.total_bytes
        pace.count(came)
        try:
            handle = loop.call_at(pace.look(), look)
        except HubError as error:
            refused = error
            ends.reschedule(loop.time())

    try:
        async with asyncio.timeout(None) as ends:
            look()
            yield
    except TimeoutError:
        if refused is None:
            raise
        raise refused from None
    finally:
        if handle is not None:
            handle.cancel()


class _Pace:
    """Whether a body may go on: how fast it comes, how long it has taken, whether the node stops."""

    def __init__(self, rules: TransferRules, stopping: asyncio.Event) -> None:
        self._rules, self._stopping = rules, stopping
        self._clock = asyncio.get_running_loop().time
        self._ends = self._clock() + rules.request_s
        self._window_ends = self._clock() + rules.window_s
        self._in_window = 0
        self._cut_at: float | None = None

    def count(self, size: int) -> None:
        """Note what came."""
        self._in_window += size

    def look(self) -> float:
        """Return when to look again at the latest; raises Refusal or HubError if the body must end here."""
        now = self._clock()
        if self._stopping.is_set():
            self._cut_at = now + STOP_GRACE_S if self._cut_at is None else self._cut_at
            if now >= self._cut_at:
                raise HubError("hub_stopping", retry_after=STOP_RETRY_AFTER_S)
        if now >= self._ends:
            raise Refusal("body_too_slow")
        if now >= self._window_ends:
            if self._in_window < self._rules.min_rate * self._rules.window_s:
                raise Refusal("body_too_slow")
            self._window_ends, self._in_window = now + self._rules.window_s, 0
        return min(self._ends, self._window_ends, now + LOOK_S)
