"""Processes of the embedded PostgreSQL: started under its account, recognised, signalled, waited for.

A process is held by a pidfd, so a number given to somebody else meanwhile is never signalled, and waiting
costs nothing; that works for our own children and for a postmaster that outlived the hub which started it.

The server gets its cluster as an open *descriptor* and the path `/proc/self/fd/N`: no folder above has to be
searchable for its account, so a home under a 0700 folder works and nothing above is ever chmod-ed. (Its own
working directory would not do: PostgreSQL 15 leaves it while looking for its programs.)
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hub.embedded.account import Account

# Nothing of the hub's environment: it holds passwords, and LC_*/PG* variables change what the server does.
ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def spawn(
    command: Callable[[str], Sequence[str]],
    *,
    cluster: Path,
    account: Account,
    log: int,
    keep: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start `command(path of cluster)` under the account, in its own session: Ctrl-C is for the hub alone."""
    folder = os.open(cluster, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return subprocess.Popen(  # noqa: S603 (our own command)
            command(f"/proc/self/fd/{folder}"),
            cwd="/",
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(folder, *keep),
            start_new_session=True,
            umask=0o077,
            **account.identity,
        )
    finally:
        os.close(folder)


@contextmanager
def held(pid: int) -> Iterator[int | None]:
    """Hold a process by a pidfd; None when it is gone."""
    try:
        pidfd = os.pidfd_open(pid) if pid > 0 else None
    except ProcessLookupError:
        pidfd = None
    if pidfd is None:
        yield None
        return
    try:
        yield pidfd
    finally:
        os.close(pidfd)


def is_over(pidfd: int) -> bool:
    """Say whether the process has ended (a zombie has)."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


async def ended(pidfd: int, within_s: float | None) -> bool:
    """Wait for the end of a process; False if it still runs after that time (None: for ever)."""
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()

    def note() -> None:
        if not over.done():
            over.set_result(None)

    loop.add_reader(pidfd, note)
    try:
        async with asyncio.timeout(within_s):
            await over
    except TimeoutError:
        return is_over(pidfd)
    finally:
        loop.remove_reader(pidfd)
    return True


def send(pidfd: int, number: signal.Signals) -> None:
    """Signal a process; nothing happens if it is gone."""
    try:
        signal.pidfd_send_signal(pidfd, number)
    except ProcessLookupError:
        pass  # what the signal was for has happened


def postmaster_pid(cluster: Path) -> int | None:
    """Return the pid in the cluster's postmaster.pid, whatever process has it now."""
    try:
        first = (cluster / "postmaster.pid").read_bytes().split(b"\n", 1)[0]
        return abs(int(first))  # negative: a standalone backend
    except (FileNotFoundError, ValueError):
        return None


def exists(pid: int) -> bool:
    """Say whether some process has this number."""
    return Path(f"/proc/{pid}").exists()


def works_in(pid: int, cluster: Path) -> bool:
    """Say whether the process is a PostgreSQL that has the cluster as its working directory, as all have."""
    process = Path(f"/proc/{pid}")
    try:
        return (process / "comm").read_text() == "postgres\n" and (process / "cwd").samefile(cluster)
    except OSError:  # gone, a zombie, or somebody else's
        return False


def processes_in(cluster: Path) -> tuple[int, ...]:
    """Return the PostgreSQL processes in the cluster: a postmaster, or back ends that outlived theirs."""
    numbers = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return tuple(pid for pid in numbers if works_in(pid, cluster))
