"""Putting files away: into `done` or `refused`, never over another, never without saying why."""

from __future__ import annotations

import secrets
from uuid import UUID

import structlog

from adapters.folder.files import FileInfo, Files, once, printable
from adapters.folder.layout import PROBLEM, UnitFolders
from adapters.folder.problems import FileProblem

log = structlog.get_logger(__name__)


async def put_away(files: Files, folder: str, name: str, target: str) -> str:
    """Move a file to a folder under its name, or one like it if that is taken; return the name it got."""
    wanted = printable(name)
    while not await files.move(folder, name, target, wanted):
        wanted = _another(printable(name))
    return wanted


async def refuse(
    files: Files,
    folders: UnitFolders,
    *,
    folder: str,
    info: FileInfo,
    problem: FileProblem,
    system_id: UUID,
) -> None:
    """Move a file to `refused` with its problem file, and raise the alarm.

    The problem is written first: if the process dies between the two, the file is judged again and refused
    again.
    """
    wanted = printable(info.name)
    if await files.look(folders.refused, wanted) is not None:
        wanted = _another(wanted)
    await files.write(folders.refused, wanted + PROBLEM, once(problem.json(wanted)))
    if not await files.move(folder, info.name, folders.refused, wanted):
        return  # somebody has put one of this name there meanwhile: the next look finds another
    log.error(
        "folder_file_refused",
        system_id=str(system_id),
        unit=folders.unit,
        file=wanted,
        size=info.size,
        code=problem.code,
    )


def _another(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    tail = f"~{secrets.token_hex(4)}"
    return f"{stem[:150]}{tail}{dot}{suffix[:20]}" if stem else name[:150] + tail
