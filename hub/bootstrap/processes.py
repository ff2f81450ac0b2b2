"""Several processes behind one address: a parent that keeps children running.

The parent opens the database (the embedded one too) and the listening socket, and starts the children: each
is a whole node with a name of its own. All accept from the one socket: a connection that nobody has accepted
yet outlives the child that dies. A child that ends by itself is started again, after a pause that doubles
while it keeps dying, and takes back the leases of its earlier life. Between parent and child stands a socket
pair: the child says on it that it serves; its end tells the child that the parent is gone.

A hang-up (SIGHUP) renews certificates in all children where TLS is served, and ends all where it is not.
`/metrics` of any child tells about all of them (`hub.observability.siblings`).

If the parent dies, the children stop as if told to. If a child dies, its calls are cut, what it had leased is
taken back by its next life, and what it had answered for is committed. [design section 3]
"""

from __future__ import annotations

import asyncio
import math
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import structlog

from hub.bootstrap.blobs import open_blobs
from hub.bootstrap.database import open_database, prepare_home
from hub.bootstrap.entrance import tls_of
from hub.bootstrap.node import Hub
from hub.config import Settings
from hub.observability.siblings import Place, Siblings
from hub.web.keys import SERVICES
from hub.web.server import PortTaken

log = structlog.get_logger(__name__)

CHILD_MODULE: Final = "hub.cli.child"
READY: Final = b"r"
# Of the embedded server's connections, shared by the children beside what commands need.
EMBEDDED_CONNECTIONS: Final = 80
LISTEN_BACKLOG: Final = 512
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
STEADY_AFTER_S: Final = 60.0
STOP_S: Final = 25.0


class ProcessFailed(Exception):
    """A process ended before any had served: `status` is its exit code, and it has said why."""

    def __init__(self, status: int) -> None:
        super().__init__(f"a process ended with {status} before it served")
        self.status = status


async def serve_processes(
    settings: Settings, stop: asyncio.Event, *, config: Path | None, on_ready: Callable[[str], None]
) -> None:
    """Serve with `settings.processes` children until `stop` is set, then let them finish and return.

    Args:
        config: the settings file, if one was named.
        on_ready: called with the address once all children serve.

    Raises:
        PortTaken: the address cannot be used.
        ProcessFailed: the first children cannot start.
        SchemaOutdated, EmbeddedPostgresError and what else `open_database` raises.
    """
    async with AsyncExitStack() as stack:
        prepare_home(settings)
        dsn = await stack.enter_async_context(open_database(settings, upgrade=False))
        if settings.database_url is None and not settings.blobs_shared:
            # The embedded database's lock says that nobody else works in this home.
            blobs = open_blobs(settings)
            await blobs.clear_spools(timedelta(0))
            blobs.close()
        listening = stack.enter_context(_listen(settings.http_host, settings.http_port))
        url = settings.public_url or _url_of(listening, settings)
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="lienthong-")))
        children = Children(
            folder=folder,
            count=settings.processes,
            listening=listening,
            environment=_environment(settings, dsn, config),
            on_ready=lambda: on_ready(url),
        )
        hang_up = stop.set if tls_of(settings) is None else children.hang_up
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hang_up)
        await children.run(stop)


@asynccontextmanager
async def beside_others(hub: Hub, place: Place) -> AsyncIterator[None]:
    """Let a child tell its metrics to the others, and those of all to whoever asks it."""
    metrics = hub.app[SERVICES].metrics
    siblings = Siblings(metrics, place)
    metrics.all_processes = siblings.gather
    async with siblings.told():
        yield


class Children:
    """Keeps so many children running."""

    def __init__(
        self,
        *,
        folder: Path,
        count: int,
        listening: socket.socket,
        environment: Callable[[int], Mapping[str, str]],
        on_ready: Callable[[], None],
    ) -> None:
        self._folder = folder
        self._count = count
        self._serving: dict[int, asyncio.subprocess.Process] = {}
        self._listening = listening
        self._environment = environment
        self._on_ready = on_ready
        self._ready: set[int] = set()
        self._told = False

    def hang_up(self) -> None:
        """Pass a hang-up on to the children that serve; one that is starting reads what there is anyway."""
        for process in self._serving.values():
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGHUP)

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set and all have ended."""
        async with asyncio.TaskGroup() as group:
            for place in range(1, self._count + 1):
                group.create_task(self._keep(place, stop), name=f"process-{place}")

    async def _keep(self, place: int, stop: asyncio.Event) -> None:
        pause = FIRST_PAUSE_S
        while not stop.is_set():
            started = time.monotonic()
            status = await self._live(place, stop)
            if stop.is_set():
                return
            if not self._ready:
                raise ProcessFailed(status)
            if time.monotonic() - started > STEADY_AFTER_S:
                pause = FIRST_PAUSE_S
            log.error("process_ended", place=place, status=status, again_in_s=pause)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await stop.wait()
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _live(self, place: int, stop: asyncio.Event) -> int:
        # One life of a child; returns its exit code.
        ours, theirs = socket.socketpair()
        with ours:
            ours.setblocking(False)
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", CHILD_MODULE),
                    *(str(self._listening.fileno()), str(theirs.fileno())),
                    *(str(self._folder), str(place), str(self._count)),
                    pass_fds=(self._listening.fileno(), theirs.fileno()),
                    env=dict(self._environment(place)),
                )
            log.info("process_started", place=place, pid=process.pid)
            try:
                async with asyncio.TaskGroup() as group:
                    ended = group.create_task(process.wait())
                    others = (
                        group.create_task(stop.wait()),
                        group.create_task(self._hear(ours, place, process)),
                    )
                    await asyncio.wait((ended, others[0]), return_when=asyncio.FIRST_COMPLETED)
                    for task in (ended, *others):
                        task.cancel()
            finally:
                await _end(process)
                self._serving.pop(place, None)
        return process.returncode or 0

    async def _hear(self, control: socket.socket, place: int, process: asyncio.subprocess.Process) -> None:
        with suppress(OSError):
            if await asyncio.get_running_loop().sock_recv(control, 1) == READY:
                log.info("process_ready", place=place)
                self._serving[place] = process
                self._ready.add(place)
                if len(self._ready) == self._count and not self._told:
                    self._told = True
                    self._on_ready()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        log.error("process_killed", pid=process.pid)  # noqa: TRY400 (what happened is said)
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(LISTEN_BACKLOG)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise PortTaken(host, port) from error
    listening.setblocking(False)
    return listening


def _url_of(listening: socket.socket, settings: Settings) -> str:
    host, port = settings.http_host, listening.getsockname()[1]
    scheme = "http" if tls_of(settings) is None else "https"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _environment(settings: Settings, dsn: str, config: Path | None) -> Callable[[int], Mapping[str, str]]:
    count = settings.processes
    shared = dict(os.environ) | {
        "LIENTHONG_HOME": str(settings.home),
        "LIENTHONG_DATABASE_URL": dsn,
        "LIENTHONG_VERIFY_WORKERS": str(math.ceil(settings.verify_workers / count)),
        "LIENTHONG_HTTP_HOST": settings.http_host,
    }
    if config is not None:
        shared["LIENTHONG_CONFIG"] = str(config)
    if settings.database_url is None:
        most = max(2, EMBEDDED_CONNECTIONS // count)
        shared["LIENTHONG_POOL_SIZE"] = str(min(settings.pool_size, most))
    name = settings.node_name or f"{socket.gethostname()}:{settings.home}"

    def of(place: int) -> Mapping[str, str]:
        return shared | {"LIENTHONG_NODE_NAME": f"{name}#{place}"}

    return of
