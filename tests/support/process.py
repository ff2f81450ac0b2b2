"""Hubs as other people run them: `lienthong serve` as a process of its own, in a home of its own.

A home is copied from one that was prepared once per run (cluster made, schema migrated, illustrative
directory, systems with keys, trust in a development PKI), so that a test pays for a copy and not for initdb.
Waiting is polling with a deadline, never a fixed sleep. Whatever a test leaves running in its home is ended
with the home; what a killed run left is cleared by the next one.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import aiohttp
import asyncpg
import orjson

from hub.embedded import process as postgres_process
from hub.embedded.postgres import running_dsn
from tests.support.shared import REPOSITORY

T = TypeVar("T")

PREFIX: Final = "lt-proc-"
ROOM_BYTES: Final = 4 * 1024**3
POLL_S: Final = 0.02
START_S: Final = 45.0
END_S: Final = 20.0
COMMAND_S: Final = 60.0
DEMO_S: Final = 240.0


async def until(look: Callable[[], Awaitable[T | None]], *, within_s: float, what: str) -> T:
    """Call `look` until it returns something; AssertionError when that takes too long."""
    ends = time.monotonic() + within_s
    while True:
        found = await look()
        if found is not None:
            return found
        assert time.monotonic() < ends, f"after {within_s} s still not: {what}"
        await asyncio.sleep(POLL_S)


def environment(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a program of the product under test: no settings but those given."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LIENTHONG_")}
    return {**clean, "LIENTHONG_HOME": str(home), "LIENTHONG_LOG_FORMAT": "json", **(more or {})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A program that has ended."""

    code: int
    out: str
    err: str


def lienthong(
    *arguments: str, home: Path, env: Mapping[str, str] | None = None, within_s: float = COMMAND_S
) -> Finished:
    """Run a command to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "hub", *arguments],
        cwd=REPOSITORY,
        env=environment(home, env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )
    return Finished(code=done.returncode, out=done.stdout, err=done.stderr)


class Program:
    """A running command of the product, its output in files."""

    def __init__(self, *arguments: str, home: Path, env: Mapping[str, str] | None = None) -> None:
        number = len(list(home.parent.glob("program-*.log")))
        self.output = home.parent / f"program-{number:03}.log"
        with self.output.open("wb") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "hub", *arguments],
                cwd=REPOSITORY,
                env={**environment(home, env), "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id; also that of its process group."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    @property
    def text(self) -> str:
        """What it has written so far."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the log lines of one event."""
        lines = (line for line in self.text.splitlines() if line.startswith("{"))
        return [entry for entry in map(orjson.loads, lines) if entry.get("event") == name]

    def send(self, number: signal.Signals) -> None:
        """Signal the process alone, as `kill` does."""
        self._process.send_signal(number)

    def send_to_group(self, number: signal.Signals) -> None:
        """Signal the whole process group, as Ctrl-C on a terminal does."""
        os.killpg(self.pid, number)

    async def ended(self, within_s: float = END_S) -> int:
        """Wait for the end and return the exit code."""

        async def look() -> int | None:
            return self.returncode

        return await until(look, within_s=within_s, what=f"the end of the process\n{self.text[-2000:]}")

    async def says(self, pattern: str, within_s: float = START_S) -> re.Match[str]:
        """Wait until the output matches."""

        async def look() -> re.Match[str] | None:
            found = re.search(pattern, self.text)
            assert found or self.returncode is None, f"it ended with {self.returncode}:\n{self.text[-4000:]}"
            return found

        return await until(look, within_s=within_s, what=f"{pattern!r} in\n{self.text[-4000:]}")

    def children(self) -> tuple[int, ...]:
        """Return the processes of Python that it has started and that still run: not its database."""
        listed = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return tuple(pid for pid in map(int, listed.read_text().split()) if _is_python(pid))

    def discard(self) -> None:
        """Kill it if it still runs, and take its exit code."""
        self._process.kill()
        self._process.wait(END_S)


def _is_python(pid: int) -> bool:
    try:
        return b"python" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """A node that answers at `url`."""

    program: Program
    url: str

    async def killed(self) -> int:
        """Kill it as a power cut would, and wait until it is gone."""
        self.program.send(signal.SIGKILL)
        return await self.program.ended()

    async def stopped(self) -> int:
        """Ask it to stop and return its exit code."""
        self.program.send(signal.SIGTERM)
        return await self.program.ended()


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A hub's folder with all that it keeps; `keys` are API keys by the name of the system."""

    path: Path
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def blobs(self) -> set[str]:
        """The names of the stored blobs."""
        return {p.name for p in self.path.glob("blobs/objects/*/*")}

    @property
    def spools(self) -> list[Path]:
        """What lies in temporary folders of intake and verification."""
        return list(self.path.glob("blobs/tmp/*"))

    @asynccontextmanager
    async def serve(
        self, *, failpoint: str | None = None, port: int = 0, env: Mapping[str, str] | None = None
    ) -> AsyncIterator[Hub]:
        """Start a node and wait until it is ready; it is killed at the end if it still runs."""
        more = dict(env or {}) | ({} if failpoint is None else {"LIENTHONG_FAILPOINT": failpoint})
        program = Program("serve", "--port", str(port), home=self.path, env=more)
        try:
            yield await _answering(program)
        finally:
            program.discard()

    @contextmanager
    def served(self, *, env: Mapping[str, str] | None = None) -> Iterator[Hub]:
        """Start a node that outlives one event loop: for fixtures of a module."""
        program = Program("serve", "--port", "0", home=self.path, env=env)
        try:
            with asyncio.Runner() as runner:
                hub = runner.run(_answering(program))
            yield hub
        finally:
            program.discard()

    @asynccontextmanager
    async def database(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """Connect to the database of this home, whose server must run."""
        dsn = await running_dsn(self.path)
        assert dsn is not None, "no server runs in this home"
        connection = await asyncpg.connect(dsn, timeout=10)
        try:
            yield connection
        finally:
            await connection.close()

    async def move_clock(self, seconds: float) -> None:
        """Move the hub's clock on, in place of waiting."""
        async with self.database() as connection:
            await connection.execute(
                "UPDATE hub_clock SET clock_offset = clock_offset + make_interval(secs => $1)", float(seconds)
            )

    @property
    def postmaster(self) -> int | None:
        """The pid of the server that runs in this home."""
        cluster = self.path / "postgres" / "data"
        pid = postgres_process.postmaster_pid(cluster)
        return pid if pid is not None and postgres_process.works_in(pid, cluster) else None

    @property
    def database_processes(self) -> tuple[int, ...]:
        """Every process of the server of this home."""
        return postgres_process.processes_in(self.path / "postgres" / "data")


async def _answering(program: Program) -> Hub:
    await program.says(r'"event":"listening"')
    url = str(program.events("listening")[0]["url"])
    async with aiohttp.ClientSession() as session:

        async def look() -> bool | None:
            assert program.returncode is None, program.text[-4000:]
            try:
                async with session.get(f"{url}/readyz") as response:
                    return response.status == 200 or None
            except aiohttp.ClientError:
                return None

        await until(look, within_s=START_S, what="ready")
    return Hub(program=program, url=url)


# ---------------------------------------------------------------------- homes


def base_folder() -> Path:
    """Return where homes lie: in memory where there is room, for a killed process loses nothing there."""
    memory = Path("/dev/shm")
    if memory.is_dir() and shutil.disk_usage(memory).free > ROOM_BYTES:
        return memory
    return Path(tempfile.gettempdir())


def clear_what_killed_runs_left() -> None:
    """Remove the homes of test runs that are gone, with the servers in them."""
    for left in base_folder().glob(f"{PREFIX}*"):
        owner = left.name.removeprefix(PREFIX).split("-")[0]
        if owner.isdigit() and not postgres_process.exists(int(owner)) and left.stat().st_uid == os.geteuid():
            _remove(left)


@contextmanager
def new_folder() -> Iterator[Path]:
    """Make a private folder with a short name (sockets have short paths) and remove it with its servers."""
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=base_folder()))
    folder.chmod(0o711)  # the server's account passes through
    try:
        yield folder
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    for cluster in folder.glob("*/postgres/data"):
        postmaster = postgres_process.postmaster_pid(cluster)
        if postmaster is not None and postgres_process.works_in(postmaster, cluster):
            _end(postmaster, signal.SIGQUIT)  # at once, but it takes its shared memory with it
        for pid in postgres_process.processes_in(cluster):
            _end(pid, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def _end(pid: int, number: signal.Signals) -> None:
    with postgres_process.held(pid) as pidfd:
        if pidfd is not None:
            postgres_process.send(pidfd, number)
            deadline = time.monotonic() + END_S
            while not postgres_process.is_over(pidfd) and time.monotonic() < deadline:
                time.sleep(POLL_S)


def copy_of(template: Home, folder: Path) -> Home:
    """Copy a home whose server is stopped, owners and modes with it."""
    path = folder / "h"
    subprocess.run(["cp", "-a", "--reflink=auto", str(template.path), str(path)], check=True)
    return Home(path=path, keys=dict(template.keys))


# ---------------------------------------------------------------------- memory


def memory(pid: int, name: str) -> int:
    """Return VmRSS, VmHWM … of a process, in bytes."""
    found = re.search(rf"^{name}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None, f"the kernel does not say {name}"
    return int(found[1]) * 1024


def reset_high_water_mark(pid: int) -> None:
    """Make VmHWM start again from what the process has now [proc(5), clear_refs]."""
    with closing((Path(f"/proc/{pid}") / "clear_refs").open("w")) as file:
        file.write("5")
