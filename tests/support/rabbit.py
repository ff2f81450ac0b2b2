"""RabbitMQ for tests: one private node per run, started by the first test that asks.

The node has its own folder, cookie and epmd, and listens on the loopback interface alone; no node of the
operating system is touched. A start takes some seven seconds, so tests share the node and are kept apart by
the prefix of their names. Tests that stop or empty it leave it running. A node never outlives its test run:
the kernel kills it with the process that started it.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractConnection

from hub.broker.topology import Plan, make_plan

SERVER: Final = "/usr/lib/rabbitmq/bin/rabbitmq-server"
CONTROL: Final = "/usr/lib/rabbitmq/bin/rabbitmqctl"
EPMD: Final = "epmd"
USER: Final = "lienthong"
START_S: Final = 60.0
END_S: Final = 20.0
POLL_S: Final = 0.05
GREETING: Final = b"AMQP\x00\x00\x09\x01"
NODE: Final = "lienthong-test@localhost"
# Dies with the process that starts it.
WITH_US: Final = ("setpriv", "--pdeathsig", "KILL", "--")

CONFIGURATION: Final = """\
listeners.tcp.local = 127.0.0.1:{port}
default_user = {user}
default_pass = {password}
loopback_users = none
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 512MB
log.console = false
log.file.level = warning
"""


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class RabbitNode:
    """A node of its own; `launch` may follow `stop` and `kill`."""

    folder: Path
    port: int = field(default_factory=free_port)
    password: str = field(default_factory=lambda: secrets.token_hex(16))
    _epmd_port: int = field(default_factory=free_port)
    _distribution_port: int = field(default_factory=free_port)
    _epmd: subprocess.Popen[bytes] | None = None
    _server: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address, with the account."""
        return f"amqp://{USER}:{self.password}@127.0.0.1:{self.port}/"

    def launch(self) -> None:
        """Start the node, without waiting. In the main thread: what dies with us dies with our thread."""
        self._write_configuration()
        if self._epmd is None:
            self._epmd = self._run([EPMD, "-address", "127.0.0.1", "-port", str(self._epmd_port)])
        self._server = self._run([SERVER])

    def wait(self) -> None:
        """Wait until it speaks AMQP."""
        assert self._server is not None
        deadline = time.monotonic() + START_S
        while not self._speaks():
            assert self._server.poll() is None, f"RabbitMQ has ended:\n{self._told()}"
            assert time.monotonic() < deadline, f"RabbitMQ does not answer:\n{self._told()}"
            time.sleep(POLL_S)

    def stop(self) -> None:
        """Let the node shut down."""
        assert self._server is not None
        self._server.terminate()
        self._server.wait(END_S)
        self._server = None

    def kill(self) -> None:
        """End the node as a power cut does.

        What it has on disk stays, but for queues declared in the last minutes: RabbitMQ 3.10 writes down
        late which they are, and then knows their names without being able to serve them.
        """
        _end(self._server)
        self._server = None

    def wipe(self) -> None:
        """Forget everything that a killed node has kept."""
        shutil.rmtree(self.folder / "mnesia")

    def control(self, *words: str) -> str:
        """Tell the node something as its administrator; takes some two seconds."""
        done = subprocess.run(
            [CONTROL, "--quiet", *words],
            env=self._environment(),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert done.returncode == 0, done.stdout.decode(errors="replace")
        return done.stdout.decode()

    def discard(self) -> None:
        """End the node and its epmd."""
        self.kill()
        _end(self._epmd)
        self._epmd = None

    def _run(self, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / "output.log").open("ab") as output:
            return subprocess.Popen(
                [*WITH_US, *command],
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self.folder),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_ALLOW_INPUT": "1",  # the node in place of the shell, so that a signal reaches it
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_NODENAME": NODE,
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-noinput -kernel inet_dist_use_interface {127,0,0,1}",
        }

    def _write_configuration(self) -> None:
        cookie = self.folder / ".erlang.cookie"
        if not cookie.exists():
            cookie.write_text(secrets.token_hex(20))
            cookie.chmod(0o400)
        text = CONFIGURATION.format(port=self.port, user=USER, password=self.password)
        (self.folder / "rabbitmq.conf").write_text(text)
        (self.folder / "enabled_plugins").write_text("[].\n")

    def _speaks(self) -> bool:
        # A version that does not exist is answered with the one that does, once the listener is up.
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as line:
                line.settimeout(1)
                line.sendall(GREETING)
                return bool(line.recv(8))
        except OSError:
            return False

    def _told(self) -> str:
        logs = [self.folder / "output.log", *self.folder.glob("log/*.log")]
        return "\n".join(path.read_text(errors="replace")[-4000:] for path in logs if path.exists())


def _end(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None:
        process.kill()
        process.wait(END_S)


@pytest.fixture(scope="session")
def rabbit_node() -> Iterator[RabbitNode]:
    """The node of this test run."""
    folder = Path(tempfile.mkdtemp(prefix=f"lt-rabbit-{os.getpid()}-"))
    node = RabbitNode(folder)
    try:
        node.launch()
        node.wait()
        yield node
    finally:
        node.discard()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rabbit:
    """The node, with names of this test's own; `channel` is the test's own line to it."""

    node: RabbitNode
    plan: Plan
    connection: AbstractConnection

    @property
    def url(self) -> str:
        """The address, with the account."""
        return self.node.url

    @property
    def prefix(self) -> str:
        """What the names of this test begin with."""
        return self.plan.prefix

    async def channel(self) -> AbstractChannel:
        """Open a channel."""
        return await self.connection.channel()

    async def waiting(self, queue: str) -> int:
        """Return how many messages lie in a queue."""
        async with self.connection.channel() as channel:
            found = await channel.declare_queue(queue, passive=True)
            return found.declaration_result.message_count or 0

    async def wipe(self) -> None:
        """Take everything away that the hub has made: exchanges, queues and what lies in them."""
        async with self.connection.channel() as channel:
            for queue in self.plan.queues:
                await channel.queue_delete(queue.name)
            for exchange in self.plan.exchanges:
                await channel.exchange_delete(exchange.name)


@pytest.fixture
async def rabbit(rabbit_node: RabbitNode) -> AsyncIterator[Rabbit]:
    """The node with names of this test's own, which are gone after it."""
    connection = await aio_pika.connect(rabbit_node.url, timeout=START_S)
    made = Rabbit(node=rabbit_node, plan=make_plan(f"test-{secrets.token_hex(4)}"), connection=connection)
    try:
        yield made
    finally:
        if not connection.connected.is_set():  # the test has stopped the node
            connection = await aio_pika.connect(rabbit_node.url, timeout=START_S)
        await Rabbit(node=rabbit_node, plan=made.plan, connection=connection).wipe()
        await connection.close()
        await asyncio.sleep(0)
