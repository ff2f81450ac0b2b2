"""One LISTEN connection per node: wakes long-polls when another transaction says so.

Notifications may be lost (a broken connection): every waiter also looks again by itself after a while,
so a lost one costs a delay, never a document. After a reconnect everybody is woken once.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress
from typing import Final
from uuid import UUID

import asyncpg
import structlog

from hub.ports.broker import InboxObserver
from hub.storage.outbox import EVERYBODY

log = structlog.get_logger(__name__)

CHANNEL: Final = "hub_inbox"
RECONNECT_S: Final = 1.0
ALIVE_EVERY_S: Final = 15.0

_LOST: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


class _Wakeup:
    def __init__(self, listener: InboxListener, system_id: UUID) -> None:
        self._listener = listener
        self._system_id = system_id
        self._event = asyncio.Event()

    def ring(self) -> None:
        self._event.set()

    async def wait(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True

    def rung(self) -> bool:
        rung = self._event.is_set()
        self._event.clear()
        return rung

    def close(self) -> None:
        self._listener.forget(self._system_id, self)


class InboxListener:
    """Implements `Wakeups` on PostgreSQL's LISTEN/NOTIFY."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._waiting: defaultdict[UUID, set[_Wakeup]] = defaultdict(set)
        self._observer: InboxObserver | None = None

    def observe(self, observer: InboxObserver) -> None:
        """Tell `observer` what is heard from now on."""
        self._observer = observer

    def subscribe(self, system_id: UUID) -> _Wakeup:
        """Return a wake-up for one waiting long-poll."""
        wakeup = _Wakeup(self, system_id)
        self._waiting[system_id].add(wakeup)
        return wakeup

    def forget(self, system_id: UUID, wakeup: _Wakeup) -> None:
        """Drop a wake-up."""
        self._waiting[system_id].discard(wakeup)
        if not self._waiting[system_id]:
            del self._waiting[system_id]

    def wake_everybody(self) -> None:
        """Wake all who wait."""
        self.wake(EVERYBODY)

    def wake(self, payload: str) -> None:
        """Wake the waiters named in a notification."""
        if payload == EVERYBODY:
            ids = list(self._waiting)
            if self._observer is not None:
                self._observer.everybody()
        else:
            ids = [UUID(text) for text in payload.split(",") if text]
            if self._observer is not None:
                for system_id in ids:
                    self._observer.announced(system_id)
        for system_id in ids:
            for wakeup in self._waiting.get(system_id, ()):
                wakeup.ring()

    async def run(self) -> None:
        """Listen until cancelled, reconnecting for ever."""
        while True:
            try:
                await self._listen()
            except _LOST as error:
                log.warning("listener_lost", error=type(error).__name__)
            await asyncio.sleep(RECONNECT_S)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(self._dsn, timeout=5)
        ended = asyncio.Event()
        connection.add_termination_listener(lambda _connection: ended.set())
        try:
            await connection.add_listener(CHANNEL, self._on_notification)
            if self._observer is not None:
                self._observer.listening(True)
            self.wake_everybody()
            while not ended.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(ALIVE_EVERY_S):
                        await ended.wait()
                # Also for a network that swallows packets: then nobody says that it has ended.
                await connection.execute("SELECT 1", timeout=5)
        finally:
            if self._observer is not None:
                self._observer.listening(False)
            with suppress(*_LOST):
                await connection.close(timeout=2)

    def _on_notification(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self.wake(str(payload))
