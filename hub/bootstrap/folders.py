"""The adapters `folder` and `sftp`: their kinds, and the loop that watches the folders."""

from __future__ import annotations

import asyncio
import time

from adapters.folder.answers import Answers
from adapters.folder.kind import FolderKind
from adapters.folder.pickup import Pickup
from adapters.folder.watch import FolderWatcher
from adapters.sftp.kind import SftpKind
from hub.config import Settings
from hub.ports.exits import ExitKind
from hub.services.exits import Exits
from hub.services.inbox import InboxService
from hub.services.intake import IntakeService
from hub.services.kit import Kit


def folder_kinds(settings: Settings) -> tuple[ExitKind, ...]:
    base = settings.folders.base or settings.home / "folders"
    return (FolderKind(base), SftpKind())


def make_folder_watcher(
    kit: Kit, *, intake: IntakeService, inbox: InboxService, exits: Exits, owner: str
) -> FolderWatcher:
    """Put the watching of folders together; it shares the open exits with pushing."""

    def count(result: str) -> None:
        kit.metrics.folder_files.labels(result).inc()

    return FolderWatcher(
        uow=kit.uow,
        exits=exits,
        pickup=Pickup(intake.submit, pause=asyncio.sleep, clock=time.monotonic, count=count),
        answers=Answers(inbox, kit.uow, pause=asyncio.sleep),
        owner=owner,
    )
