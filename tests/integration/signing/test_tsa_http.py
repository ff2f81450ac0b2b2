"""A timestamp authority over HTTP that is slow, endless or refuses."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from signing.tsa import TimestampClient, TimestampUnavailable

DIGEST = b"\1" * 32


@contextmanager
def _server(answer: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """Answers one connection as told; the event says that the test is over."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connected, _ = listening.accept()
            with connected:
                connected.recv(65536)
                try:
                    answer(connected, over)
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/tsa"
        over.set()
        thread.join()


def _silent(_connected: socket.socket, over: threading.Event) -> None:
    over.wait()


def _dripping_head(connected: socket.socket, over: threading.Event) -> None:
    connected.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while not over.wait(0.02):
        connected.sendall(b"x")


def _dripping_body(connected: socket.socket, over: threading.Event) -> None:
    connected.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
    while not over.wait(0.02):
        connected.sendall(b"x")


def _endless(connected: socket.socket, over: threading.Event) -> None:
    connected.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not over.is_set():
        connected.sendall(b"x" * 65536)


def _failing(connected: socket.socket, _over: threading.Event) -> None:
    connected.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (_silent, "Timeout|RemoteDisconnected"),
        (_dripping_head, "Timeout"),
        (_dripping_body, "Timeout|IncompleteRead"),
        (_endless, "too large"),
        (_failing, "HTTP 503"),
    ],
)
def test_an_authority_that_does_not_answer_well_is_given_up(
    answer: Callable[[socket.socket, threading.Event], None], reason: str
) -> None:
    with _server(answer) as url, pytest.raises(TimestampUnavailable, match=reason):
        TimestampClient(authorities=(url,), seconds=0.5).token(DIGEST)


def test_an_authority_that_is_not_there_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}/"
    with pytest.raises(TimestampUnavailable, match="ConnectionRefused"):
        TimestampClient(authorities=(url,)).token(DIGEST)
