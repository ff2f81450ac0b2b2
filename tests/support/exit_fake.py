"""A peer in memory behind an exit of its own: what the push service does is tested without any network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.ports.exits import Delivered, Failed, Outcome, Parcel, Rejected, SettingProblem
from hub.ports.records import SystemRecord
from tests.support.exit_contract import Received

SECRET = "password"


@dataclass
class FakePeer:
    """The counterpart; `answers` are given one after the other, then `Delivered` for ever."""

    adapter: str = "fake"
    confirms: bool = True
    unanswered: str = "queued"
    groups: bool = False
    password: bytes = b"first"
    up: bool = True
    unusable: str | None = None
    answers: list[Outcome | BaseException] = field(default_factory=list)
    parcels: list[Parcel] = field(default_factory=list)
    taken: list[Received] = field(default_factory=list)
    stalled: bool = False
    during: Callable[[Parcel], Any] | None = None
    opened: int = 0
    closed: int = 0

    def settings(self) -> dict[str, str]:
        """Its settings."""
        return {"limit_s": "0.05"}

    def secrets(self) -> dict[str, bytes]:
        """Its secrets."""
        return {SECRET: self.password}

    async def attach(self, hub: Any, system: Any) -> None:
        """Nothing to know about the hub."""

    async def received(self) -> list[Received]:
        """What has arrived."""
        return self.taken

    async def stop(self) -> None:
        """Be away."""
        self.up = False

    async def start(self) -> None:
        """Be there again."""
        self.up = True

    async def refuse_next(self, reason: str) -> None:
        """Refuse the next document for good."""
        self.answers.append(Rejected(code="refused_by_peer", text=reason))

    async def stall_next(self) -> None:
        """Take the next document and never answer."""
        self.stalled = True

    async def change_secret(self) -> None:
        """Accept another password from now on."""
        self.password = b"second"

    def kind(self) -> FakeKind:
        """The kind of exit that leads here."""
        return FakeKind(self, self.adapter)


@dataclass
class FakeKind:
    """Implements `ExitKind`."""

    peer: FakePeer
    name: str
    secret_names: tuple[str, ...] = (SECRET,)

    def check(self, settings: Mapping[str, str]) -> tuple[SettingProblem, ...]:
        """One setting, a number."""
        unknown = [name for name in settings if name != "limit_s"]
        return tuple(SettingProblem(name=name, vi="không có", en="unknown") for name in unknown)

    def open(
        self, system: SystemRecord, settings: Mapping[str, str], secrets: Mapping[str, tuple[bytes, ...]]
    ) -> FakeExit:
        """Open."""
        if self.peer.unusable is not None:
            raise ValueError(self.peer.unusable)
        self.peer.opened += 1
        return FakeExit(self.peer, float(settings.get("limit_s", "1")), secrets.get(SECRET, ()))


class FakeExit:
    """Implements `Exit`."""

    def __init__(self, peer: FakePeer, limit_s: float, passwords: tuple[bytes, ...]) -> None:
        self.groups_recipients = peer.groups
        self._peer = peer
        self._limit_s = limit_s
        self._passwords = passwords

    async def deliver(self, parcel: Parcel) -> Outcome:
        """Do what the test has said."""
        peer = self._peer
        failure = await self.probe()
        if failure is not None:
            return failure
        body = b"".join([chunk async for chunk in parcel.content.open()])
        peer.parcels.append(parcel)
        if peer.during is not None:
            await peer.during(parcel)
        answer = peer.answers.pop(0) if peer.answers else Delivered(confirmed=peer.confirms)
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, Delivered):
            peer.taken += [Received(delivery_id=str(each), body=body) for each in parcel.delivery_ids]
        if peer.stalled:
            peer.stalled = False
            try:
                async with asyncio.timeout(self._limit_s):
                    await asyncio.Event().wait()
            except TimeoutError:
                return Failed(code="no_answer")
        return answer

    async def probe(self) -> Failed | None:
        """Say whether the peer is there and knows us."""
        if not self._peer.up:
            return Failed(code="connection_refused")
        if self._peer.password not in self._passwords:
            return Failed(code="unauthenticated")
        return None

    async def close(self) -> None:
        """Count."""
        self._peer.closed += 1
