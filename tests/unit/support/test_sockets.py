from __future__ import annotations

import asyncio
import socket

import pytest

from tests.support.sockets import SocketInUnitTest


def test_a_unit_test_cannot_connect() -> None:
    with socket.socket() as sock, pytest.raises(SocketInUnitTest):
        sock.connect(("127.0.0.1", 9))


def test_a_unit_test_cannot_listen() -> None:
    with socket.socket(socket.AF_UNIX) as sock, pytest.raises(SocketInUnitTest):
        sock.bind("/tmp/never")


async def test_a_unit_test_cannot_look_a_name_up() -> None:
    with pytest.raises(SocketInUnitTest):
        await asyncio.get_running_loop().getaddrinfo("localhost", 80)


async def test_an_event_loop_works_without() -> None:
    assert await asyncio.to_thread(lambda: 42) == 42
