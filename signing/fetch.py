"""Fetching what certificates point to: one request, within a time and a size, and a budget per document.

Each fetch has its own time limit, and all fetches for one document share a budget of seconds and of number,
so that a letter with a hundred certificates of dead hosts costs no more than one with two. Redirects are
followed a few times, each judged like the first address. Whatever goes wrong is `FetchFailed` with a reason:
*could not be checked* is a normal state. Synchronous on purpose: it runs in verifying processes.
"""

from __future__ import annotations

import functools
import http
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urljoin

from signing.addresses import AddressRefused, AddressRules, Resolve, Target, resolve

MIB: Final = 1024 * 1024
MAX_REDIRECTS: Final = 3
MAX_ADDRESSES: Final = 4
CHUNK: Final = 64 * 1024
Clock = Callable[[], float]
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class FetchFailed(Exception):
    """Nothing usable was fetched; `lasting` says that asking again soon is of no use to anyone."""

    def __init__(self, reason: str, *, lasting: bool = False) -> None:
        super().__init__(reason)
        self.lasting = lasting


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request; `body` makes it a POST of `content_type`."""

    url: str
    body: bytes | None = None
    content_type: str = ""
    accept: str = "*/*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status, redirection and body of one exchange."""

    status: int
    body: bytes
    location: str | None = None


@dataclass(slots=True, kw_only=True)
class Budget:
    """What one document may cost: seconds and fetches left."""

    seconds: float
    fetches: int
    clock: Clock = time.monotonic

    def take(self, most: float) -> float:
        """Seconds that the next fetch may take.

        Raises:
            FetchFailed: nothing is left.
        """
        if self.fetches <= 0 or self.seconds <= 0:
            raise FetchFailed("the document's share of time is used up")
        self.fetches -= 1
        return min(most, self.seconds)


Transport = Callable[[Call, Target, float, int], Answer]


def exchange(call: Call, target: Target, seconds: float, most: int) -> Answer:
    """One exchange with the first address that accepts a connection; cut off when its time is over."""
    ends = time.monotonic() + seconds
    connection = _prepared(target, ends)
    timer = threading.Timer(max(ends - time.monotonic(), 0), _cut, [connection.sock])
    timer.daemon = True
    try:
        timer.start()
        if isinstance(connection.sock, ssl.SSLSocket):
            connection.sock.do_handshake()
        headers = {"Accept": call.accept, "User-Agent": "lienthong-hub", "Connection": "close"}
        if call.body is not None:
            headers["Content-Type"] = call.content_type
        connection.request("GET" if call.body is None else "POST", target.path, call.body, headers)
        response = connection.getresponse()
        body = _read(response, most)
        if time.monotonic() >= ends:
            raise TimeoutError
        return Answer(status=response.status, body=body, location=response.headers.get("Location"))
    except (OSError, http.client.HTTPException):
        # An answer that was cut off looks like a broken one.
        if time.monotonic() >= ends:
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()
        connection.close()


def _prepared(target: Target, ends: float) -> http.client.HTTPConnection:
    """A connection to the first address that accepts one; of TLS nothing is said yet."""
    problem: OSError = TimeoutError()
    for address in target.addresses[:MAX_ADDRESSES]:
        left = ends - time.monotonic()
        if left <= 0:
            break
        try:
            plain = socket.create_connection((address, target.port), timeout=left)
        except OSError as error:
            problem = error
            continue
        if target.scheme != "https":
            connection = http.client.HTTPConnection(target.host, target.port, timeout=left)
            connection.sock = plain
            return connection
        secured = http.client.HTTPSConnection(target.host, target.port, timeout=left, context=_tls())
        secured.sock = _tls().wrap_socket(plain, server_hostname=target.host, do_handshake_on_connect=False)
        return secured
    raise problem


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _cut(connected: socket.socket) -> None:
    try:
        # Below TLS: its own shutdown is not for another thread.
        socket.socket.shutdown(connected, socket.SHUT_RDWR)
    except OSError:
        return


def _read(response: http.client.HTTPResponse, most: int) -> bytes:
    if response.length is not None and response.length > most:
        raise FetchFailed(f"larger than {most} bytes", lasting=True)
    parts, size = [], 0
    while chunk := response.read(CHUNK):
        size += len(chunk)
        if size > most:
            raise FetchFailed(f"larger than {most} bytes", lasting=True)
        parts.append(chunk)
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)
    return b"".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetcher:
    """Fetches under rules; the transport, the resolver and the clock are given, for tests."""

    rules: AddressRules = field(default_factory=AddressRules)
    seconds: float = 5
    transport: Transport = exchange
    resolver: Resolve = resolve
    clock: Clock = time.monotonic

    def fetch(self, call: Call, *, most: int, budget: Budget) -> bytes:
        """The body of a successful answer of at most `most` bytes.

        Raises:
            FetchFailed: no answer, not in time, too large, refused or not allowed.
        """
        seconds = budget.take(self.seconds)
        began = self.clock()
        try:
            return self._follow(call, most, began + seconds)
        except AddressRefused as error:
            raise FetchFailed(f"address refused: {error}", lasting=True) from error
        except TimeoutError as error:
            raise FetchFailed(f"no answer within {seconds:.0f} s") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise FetchFailed(f"{type(error).__name__} {error}"[:160]) from error
        finally:
            budget.seconds -= max(self.clock() - began, 0)

    def _follow(self, call: Call, most: int, ends: float) -> bytes:
        url, seen = call.url, set[str]()
        for _ in range(MAX_REDIRECTS + 1):
            if url in seen:
                raise FetchFailed("redirects go round in a circle", lasting=True)
            seen.add(url)
            target = self.rules.target(url, seconds=self._left(ends), resolver=self.resolver)
            answer = self.transport(call, target, self._left(ends), most)
            self._left(ends)
            if answer.status in _REDIRECTS and answer.location:
                url = urljoin(url, answer.location)
                continue
            if answer.status != http.HTTPStatus.OK:
                raise FetchFailed(f"HTTP {answer.status}")
            if not answer.body:
                raise FetchFailed("an empty answer")
            return answer.body
        raise FetchFailed("too many redirects", lasting=True)

    def _left(self, ends: float) -> float:
        left = ends - self.clock()
        if left <= 0:
            raise TimeoutError
        return left
