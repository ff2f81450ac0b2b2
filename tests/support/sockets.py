"""Unit tests have no network: a socket that connects or binds in one is an error.

An audit hook sees every such call of the interpreter, whoever makes it; it cannot be removed, so it looks at
a switch. Socket pairs, which event loops are made of, neither connect nor bind.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

_FORBIDDEN = frozenset(
    {"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}
)
_blocked = False


class SocketInUnitTest(RuntimeError):
    """A unit test reached for the network."""


def _hook(event: str, _: tuple[object, ...]) -> None:
    if _blocked and event in _FORBIDDEN:
        raise SocketInUnitTest(f"{event} in a unit test: belongs under tests/integration")


sys.addaudithook(_hook)


@pytest.fixture(autouse=True)
def _no_sockets_in_unit_tests(request: pytest.FixtureRequest) -> Iterator[None]:
    global _blocked  # noqa: PLW0603 (the hook outlives everything)
    _blocked = "tests/unit/" in request.node.nodeid
    yield
    _blocked = False
