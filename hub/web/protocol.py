"""The HTTP server's connections: heads are judged before the library parses them, errors told in our words.

`web.RequestHandler` answers what it cannot read in plain text and closes at once, so that a client that is
still sending never sees the answer. Here a connection between two requests gathers the next head first
(`hub.web.heads`). A bad one is answered by the part of the application whose path it names, else as a
problem document; then the connection is half closed and what still comes is read for a while, so that the
answer arrives. What passes the guard and is refused by the library's parser gets the same words.
[RFC 9112 §9.6]
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, Protocol

import structlog
from aiohttp import StreamReader, web

from hub.domain.limits import REQUEST_HEAD_TIME_MAX
from hub.domain.problems import Refusal
from hub.web.heads import BadHead, HeadFault, HeadGuard, HeadsKept, path_in

log = structlog.get_logger(__name__)

_CODES: Final = {
    HeadFault.TOO_LARGE.value: "head_too_large",
    HeadFault.TOO_SLOW.value: "head_too_slow",
    HeadFault.TOO_MANY.value: "intake_busy",
}
PROBLEM_TYPE: Final = "application/problem+json"
_FIRST_LINE: Final = 16_384


class HeadAnswer(Protocol):
    """What is said to a call whose head cannot be read."""

    @property
    def status(self) -> int: ...
    @property
    def body(self) -> bytes: ...
    @property
    def content_type(self) -> str: ...
    @property
    def headers(self) -> tuple[tuple[str, str], ...]: ...


HeadAnswerer = Callable[[str | None, int], HeadAnswer | None]
"""Gives the answer for a path and an HTTP status; None: the path is not its own."""

HEAD_ANSWERERS: Final = web.AppKey("head_answerers", list[HeadAnswerer])


class _Problem:
    """A problem document in place of the library's text."""

    __slots__ = ("body", "status")

    content_type = PROBLEM_TYPE
    headers: tuple[tuple[str, str], ...] = ()

    def __init__(self, status: int) -> None:
        error = Refusal(_CODES.get(status, "bad_request"))
        self.status = error.problem.status
        self.body = json.dumps(
            {
                "type": f"urn:lienthong:problem:{error.code}",
                "title": error.text("vi"),
                "status": self.status,
                "detail": error.action("vi"),
                "code": error.code,
            },
            ensure_ascii=False,
        ).encode()


class Connection(web.RequestHandler):
    """One connection, which has `REQUEST_HEAD_TIME_MAX` for its first head and for each that it begins."""

    __slots__ = (
        *("_answerers", "_drain_s", "_guard", "_head_timer", "_kept"),
        *("_owed", "_path", "_payload", "_pipelined", "_refused"),
    )

    def __init__(
        self, manager: web.Server, *, answerers: list[HeadAnswerer], kept: HeadsKept, **options: Any
    ) -> None:
        super().__init__(manager, **options)
        self._answerers = answerers
        self._kept = kept
        self._drain_s = float(options.get("lingering_time", 0.0))
        self._guard = HeadGuard()
        self._head_timer: asyncio.TimerHandle | None = None
        self._path: str | None = None
        self._payload: StreamReader | None = None
        self._owed = 0
        self._pipelined = False
        self._refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Wait for nothing more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Gather a head, or pass on what belongs to the request under way."""
        if self._refused:
            return
        if not data or not self._between_requests():
            self._pass_on(data, len(data))
            return
        found = self._guard.feed(data)
        if isinstance(found, BadHead):
            self._refuse(found)
        elif found is None:
            self._wait_for_head()
            if not self._kept.keep(self, self._guard.size):
                self._refuse(self._guard.given_up(HeadFault.TOO_MANY))
        else:
            self._stop_waiting()
            self._path = path_in(found[:_FIRST_LINE])
            self._owed = 0
            self._pass_on(found, len(found) - found.find(b"\r\n\r\n") - 4)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Say in our words what the library could not parse, or that something went wrong."""
        del message
        log.info("request_unreadable", status=status, error=type(exc).__name__ if exc else None)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        told = self._told(self._path, status)
        headers = {"Content-Type": told.content_type, **dict(told.headers)}
        response = web.Response(status=told.status, body=told.body, headers=headers)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **options: Any) -> None:
        """Tell what went wrong, but not of a body that its sender spoiled: the call has its answer."""
        error = options.get("exc_info")
        if isinstance(error, web.RequestPayloadError):
            log.info("body_unreadable", error=str(error.__cause__ or error))
            return
        super().log_exception(*args, **options)

    def _wait_for_head(self) -> None:
        if self._head_timer is None:
            seconds = REQUEST_HEAD_TIME_MAX.total_seconds()
            self._head_timer = asyncio.get_running_loop().call_later(seconds, self._waited)

    def _stop_waiting(self) -> None:
        self._kept.let_go(self)
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _waited(self) -> None:
        self._head_timer = None
        if self._guard.begun:
            self._refuse(self._guard.given_up(HeadFault.TOO_SLOW))
        elif self.transport is not None:
            self.transport.close()  # it has said nothing: there is nothing to answer

    def _between_requests(self) -> bool:
        # The parser has fed the body of the last request into its stream as far as it came. A client that
        # does not wait for answers is left to the library: where its next head begins is for the parser.
        return not self._pipelined and (self._payload is None or self._payload.is_eof())

    def _pass_on(self, data: bytes, of_body: int) -> None:
        before = len(self._messages)
        super().data_received(data)
        new = len(self._messages) - before
        if new > 0:
            message, self._payload = self._messages[-1]
            self._owed = _declared(message)
        self._owed -= of_body
        if new > 1 or (self._owed < 0 and self._payload is not None and self._payload.is_eof()):
            self._pipelined = True

    def _told(self, path: str | None, status: int) -> HeadAnswer:
        for answer in self._answerers:
            told = answer(path, status)
            if told is not None:
                return told
        return _Problem(status)

    def _refuse(self, bad: BadHead) -> None:
        self._refused = True
        self._stop_waiting()
        transport = self.transport
        if transport is None:
            return
        log.info("head_refused", fault=bad.fault.name)
        told = self._told(bad.path, bad.fault.value)
        transport.write(_response(told))
        if transport.can_write_eof():
            transport.write_eof()
        asyncio.get_running_loop().call_later(self._drain_s, transport.close)

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """The other side has said all; True keeps the connection for the answer to a call that is whole.

        The library would close it, and whoever ends its side after the question never sees an answer. TLS
        has no such half. [RFC 9112 §9.6]
        """
        if self.transport is None:
            return None
        if self._refused:
            self.transport.close()
        elif self._is_answering_the_last() and self.transport.get_extra_info("sslcontext") is None:
            self.close()  # after that answer
            return True
        return None

    def _is_answering_the_last(self) -> bool:
        waits = self._waiter is not None and not self._waiter.done()
        whole = self._payload is not None and self._payload.is_eof() and not self._guard.begun
        return whole and not waits and not self._pipelined and len(self._messages) <= 1


class _Server(web.Server):
    """Makes connections of our kind."""

    def __init__(self, made: web.Server, answerers: list[HeadAnswerer]) -> None:
        super().__init__(
            made.request_handler,
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
            loop=made._loop,  # noqa: SLF001 (the library has no other way to say them again)
            **made._kwargs,  # noqa: SLF001
        )
        self._answerers = answerers
        self._kept = HeadsKept()

    def __call__(self) -> web.RequestHandler:
        return Connection(self, loop=self._loop, answerers=self._answerers, kept=self._kept, **self._kwargs)


class Runner(web.AppRunner):
    """An application runner whose server judges heads first."""

    async def _make_server(self) -> web.Server:
        return _Server(await super()._make_server(), self.app.get(HEAD_ANSWERERS, []))


def _declared(message: object) -> int:
    """Return how long a body is to be; one of unknown length owes more than will come.

    So does what could not be read at all: the connection ends with its answer, whatever follows.
    """
    headers: Mapping[str, str] | None = getattr(message, "headers", None)
    if headers is None or "Transfer-Encoding" in headers:
        return sys.maxsize
    declared = headers.get("Content-Length", "0")
    return int(declared) if declared.isdecimal() else 0


def _response(told: HeadAnswer) -> bytes:
    reason = HTTPStatus(told.status).phrase
    head = [f"HTTP/1.1 {told.status} {reason}", f"Content-Length: {len(told.body)}", "Connection: close"]
    if told.body:
        head.append(f"Content-Type: {told.content_type}")
    head += [f"{name}: {value}" for name, value in told.headers]
    return "\r\n".join([*head, "", ""]).encode("ascii") + told.body
