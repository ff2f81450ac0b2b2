"""A document-management system that knows nothing but folders, as the counterpart of the folder adapters."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from adapters.folder.watch import ADAPTERS
from hub.ports.exits import ExitKind
from hub.storage.unit_of_work import PgUnitOfWork
from tests.support.exit_contract import Received
from tests.support.hub import A, B, HubUnderTest, Peer
from tests.support.messages import letter
from tests.support.sftp_server import SftpServer

QUICK = {"settle_s": "0", "poll_s": "1", "call_s": "5", "timeout_s": "20"}


async def watch(hub: HubUnderTest) -> None:
    """Let the hub look into all folders until there is nothing left to do."""
    await hub.pool.execute("UPDATE folder_watch SET due_at = hub_now()")
    async with PgUnitOfWork(hub.pool).read() as query:
        systems = await query.folders.due(ADAPTERS, 100)
    for system_id in systems:
        while await hub.folders.round(system_id):
            pass
    while await hub.motions.numbering.number():
        pass


async def error_of(hub: HubUnderTest) -> str | None:
    """What the last round failed with, if it did."""
    found: str | None = await hub.pool.fetchval("SELECT last_error FROM folder_watch WHERE failures > 0")
    return found


@dataclass
class FolderDms:
    """Takes documents out of `in` folders and confirms them by receipt files; keeps what it has seen."""

    root: Path
    seen: list[Received] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    late: int = 0
    """How many documents it reads next without an answer."""

    def incoming(self) -> list[Path]:
        """Documents that lie there whole, in order."""
        notes = sorted(self.root.glob("*/in/*.json"))
        return [note.with_suffix(".edxml") for note in notes if note.with_suffix(".edxml").exists()]

    def take(self) -> None:
        """Read what is new and answer it."""
        for document in self.incoming():
            note = orjson.loads(document.with_suffix(".json").read_bytes())
            if self.reasons:
                document.with_suffix(".rejected").write_text(self.reasons.pop(0))
                continue
            if document.with_suffix(".confirmed").exists():
                continue
            facts = {name: str(value) for name, value in note.items()}
            self.seen.append(
                Received(delivery_id=note["delivery_id"], body=document.read_bytes(), facts=facts)
            )
            if self.late:
                self.late -= 1
            else:
                document.with_suffix(".confirmed").touch()


class FolderCounterpart:
    """Implements `Counterpart` over folders; subclasses say how they are reached."""

    adapter = "folder"
    confirms = False
    unanswered = "handed_over"

    def __init__(self, root: Path) -> None:
        self.dms = FolderDms(root)
        self._hub: HubUnderTest | None = None
        self._refusing: list[str] = []

    def kind(self) -> ExitKind:
        """Return the kind of exit that leads here."""
        raise NotImplementedError

    def settings(self) -> dict[str, str]:
        """Return the adapter's settings."""
        raise NotImplementedError

    def secrets(self) -> dict[str, bytes]:
        """Return the secrets that it accepts now."""
        return {}

    async def attach(self, hub: HubUnderTest, _system: Peer) -> None:
        """Let the hub prepare the folders."""
        self._hub = hub
        await watch(hub)

    async def received(self) -> list[Received]:
        """Take what is there and let the hub find the answers."""
        assert self._hub is not None
        await asyncio.to_thread(self.dms.take)
        await watch(self._hub)
        return self.dms.seen

    async def refuse_next(self, reason: str) -> None:
        """Write `.rejected` beside the next document."""
        self.dms.reasons.append(reason)

    async def stall_next(self) -> None:
        """Read the next document and write no answer."""
        self.dms.late += 1


PATIENCE_S = 600


@dataclass
class Desk:
    """The DMS of unit A behind folders, and the hub that looks into them."""

    hub: HubUnderTest
    root: Path
    peer: Peer
    server: SftpServer | None = None
    now: float = 1_000.0

    @property
    def dms(self) -> FolderDms:
        return FolderDms(self.root)

    def inside(self, folder: str) -> Path:
        return self.root / A / folder

    def put(self, name: str, content: bytes) -> Path:
        """Write a file as one should: under another name first."""
        part = self.inside("out") / f"{name}.part"
        part.write_bytes(content)
        return part.rename(self.inside("out") / name)

    def names(self, folder: str) -> list[str]:
        return sorted(path.name for path in self.inside(folder).iterdir())

    def problem(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads((self.inside("refused") / f"{name}.problem.json").read_bytes())
        return found

    async def look(self) -> None:
        """Let the hub look into the folders until nothing is left to do."""
        await watch(self.hub)

    async def look_much_later(self) -> None:
        self.now += PATIENCE_S
        await watch(self.hub)


async def desk_of(hub: HubUnderTest, root: Path, peer: Peer, server: SftpServer | None = None) -> Desk:
    desk = Desk(hub=hub, root=root, peer=peer, server=server)
    taking: Any = hub.folders._pickup
    taking._clock = lambda: desk.now
    await desk.look()
    return desk


async def delivered(desk: Desk, b: Peer, number: int = 1) -> tuple[str, str]:
    """A letter of B that lies in A's folder: its document and its delivery."""
    sent = await b.accepted(letter(B, A, number=number))
    await desk.hub.settle()
    await desk.hub.push()
    (delivery_id,) = await desk.hub.column("SELECT id FROM delivery WHERE document_id = $1", sent.document_id)
    return sent.document_id, str(delivery_id)


async def state_of(desk: Desk, delivery_id: str) -> str:
    (state,) = await desk.hub.column("SELECT state FROM delivery WHERE id = $1", delivery_id)
    return str(state)


async def set_up(desk: Desk, **settings: str) -> None:
    await desk.hub.pushing.adapters.configure("DMS A", settings=settings)
