"""A line to RabbitMQ: made when it is needed, made again after it was lost.

No task runs in the background. Whoever needs the broker asks for the connection and gets the one that is
open, or waits while one is made and the topology declared on it; a broker that was emptied in between is
therefore furnished before anything is said to it. Every failure of the client library leaves here as
`BrokerUnavailable`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog
from aio_pika import Connection
from aio_pika.abc import AbstractConnection
from aio_pika.connection import make_url
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from hub.broker.declaring import declare
from hub.broker.topology import Furniture
from hub.ports.broker import BrokerUnavailable

log = structlog.get_logger(__name__)

CONNECT_TIMEOUT_S: Final = 5.0
CLOSE_TIMEOUT_S: Final = 2.0
# A peer that has vanished without a word is noticed after three times this.
HEARTBEAT_S: Final = 10

# KeyError and ValueError are how the client library meets an address that it cannot read.
FAILURES: Final = (*CONNECTION_EXCEPTIONS, TimeoutError, KeyError, ValueError)


@asynccontextmanager
async def failures_of(what: str) -> AsyncIterator[None]:
    """Turn every failure of the client library into BrokerUnavailable."""
    try:
        yield
    except FAILURES as error:
        raise BrokerUnavailable(f"{what}: {describe(error)}") from error
    except asyncio.CancelledError as error:
        # The library cancels what waits on a line that breaks. Who was cancelled himself stays cancelled.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise BrokerUnavailable(f"{what}: the connection was lost") from error


def describe(error: BaseException) -> str:
    """Return what an error says, or its kind if it says nothing."""
    return str(error) or type(error).__name__


class Link:
    """One connection, shared by all who ask."""

    def __init__(self, url: str, *, name: str, plan: Furniture) -> None:
        self._url = url
        self._name = name
        self._plan = plan
        self._connection: AbstractConnection | None = None
        self._lock = asyncio.Lock()

    async def connection(self) -> AbstractConnection:
        """Return the open connection, making it if there is none.

        Raises:
            BrokerUnavailable: it cannot be made now.
            TopologyConflict: the broker has other queues under our names.
        """
        async with self._lock:
            if self._connection is not None and self._connection.connected.is_set():
                return self._connection
            await self.drop()
            async with failures_of("connecting"):
                self._connection = await self._open()
            log.info("broker_connected", link=self._name)
            return self._connection

    async def _open(self) -> AbstractConnection:
        connection = await connect(self._url, name=self._name)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S), connection.channel() as channel:
                await declare(channel, self._plan)
        except BaseException:
            await close(connection)
            raise
        return connection

    async def drop(self) -> None:
        """Close the connection; the next who asks gets a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await close(connection)


async def connect(url: str, *, name: str) -> AbstractConnection:
    """Make one connection that knows no recovery of its own."""
    if "heartbeat=" not in url:
        url += f"{'&' if '?' in url else '?'}heartbeat={HEARTBEAT_S}"
    connection = Connection(make_url(url), client_properties={"connection_name": name})
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await connection.connect()
    except BaseException:
        # One that was never open must be closed, too: the library would try when it is thrown away, at any
        # time, and complain on standard error where no loop runs any more.
        await close(connection)
        raise
    return connection


async def close(connection: AbstractConnection) -> None:
    """Close a connection, dead or alive; never raises and never takes long."""
    with suppress(*FAILURES):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await connection.close()
