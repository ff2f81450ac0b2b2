"""Four senders and a recipient who never give up, and their books, to be held against those of the hub."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar

import aiohttp

from adapters.simulator.client import Fetched, HubClient, Problem
from hub.cli.demo.cast import Role
from hub.cli.doctor import examine
from hub.config import load_settings
from tests.integration.process.kit import RECIPIENT, SENDERS, Letters
from tests.support.process import Home, Hub, until

T = TypeVar("T")

MESSAGES: Final = 50
PAUSE_S: Final = 0.1
LEASE_S: Final = 2
# A limit for what never ends, not for what takes long: a machine may be busy with much else.
TRAFFIC_S: Final = 200
SETTINGS: Final = {
    # Whatever is interrupted must come back without waiting for its worker's lease to run out.
    "LIENTHONG_LEASES__WORKER_S": "3600",
    "LIENTHONG_LEASES__RECIPIENT_S": str(LEASE_S),
    "LIENTHONG_LEASES__RECIPIENT_MIN_S": "1",
}
UNREACHABLE: Final = (aiohttp.ClientError, OSError, TimeoutError)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class Books:
    """What both sides have written down."""

    receipts: dict[bytes, set[bytes]] = field(default_factory=dict)
    """By message: every receipt that its sender was given."""
    contents: dict[str, set[bytes]] = field(default_factory=dict)
    """By delivery id: every content that the recipient was handed under it."""
    confirmed: Counter[str] = field(default_factory=Counter)
    """By delivery id: how often the recipient was told `confirmed`."""
    refused: Counter[str] = field(default_factory=Counter)
    answers: int = 0


class Traffic:
    """Four senders and a recipient, who never give up."""

    def __init__(self, home: Home, hub: Hub, books: Books) -> None:
        self._home, self.hub, self._books = home, hub, books
        self._unconfirmed: list[Fetched] = []
        self.answered = asyncio.Condition()

    def _client(self, session: aiohttp.ClientSession, role: Role) -> HubClient:
        return HubClient(session, self.hub.url, self._home.keys[role.system])

    async def send_all(self, role: Role, messages: list[bytes]) -> None:
        async with aiohttp.ClientSession() as session:
            client = self._client(session, role)
            for message in messages:
                receipts = self._books.receipts.setdefault(message, set())
                while not receipts:
                    await self._send(client, message, receipts)
                # Senders repeat themselves also when they need not.
                await self._send(client, message, receipts)

    async def _send(self, client: HubClient, message: bytes, receipts: set[bytes]) -> None:
        try:
            sent = await client.send(message)
        except UNREACHABLE:
            await asyncio.sleep(PAUSE_S)
        except Problem as problem:
            await self._accept(problem)
        else:
            receipts.add(sent.raw)
            async with self.answered:
                self._books.answers += 1
                self.answered.notify_all()

    async def receive_until(self, wanted: int) -> None:
        async with aiohttp.ClientSession() as session:
            client = self._client(session, RECIPIENT)
            while len(self._books.confirmed) < wanted:
                try:
                    await self._confirm_all(client)
                    for offer in await client.inbox(wait=2):
                        fetched = await client.fetch(offer["delivery_id"])
                        assert hashlib.sha256(fetched.body).hexdigest() == fetched.sha256
                        self._books.contents.setdefault(fetched.delivery_id, set()).add(fetched.body)
                        self._unconfirmed.append(fetched)
                        await self._confirm_all(client)
                except UNREACHABLE:
                    await asyncio.sleep(PAUSE_S)
                except Problem as problem:
                    await self._accept(problem)

    async def _accept(self, problem: Problem) -> None:
        """Try again later, if the hub says that this helps."""
        self._books.refused[problem.code] += 1
        if problem.status != 503 and problem.code not in {"lease_held", "delivery_ended"}:
            raise problem
        await asyncio.sleep(PAUSE_S)

    async def _confirm_all(self, client: HubClient) -> None:
        while self._unconfirmed:
            fetched = self._unconfirmed[0]
            assert (await client.confirm(fetched))["state"] == "confirmed"
            self._books.confirmed[fetched.delivery_id] += 1
            self._unconfirmed.pop(0)

    async def after_answers(self, number: int) -> None:
        async with self.answered:
            await self.answered.wait_for(lambda: self._books.answers >= number)


def shares(letters: Letters) -> list[list[bytes]]:
    """The messages of each sender."""
    return [[letters.new(role) for _ in range(MESSAGES // 4 + (n < 2))] for n, role in enumerate(SENDERS)]


async def in_traffic(traffic: Traffic, letters: Letters, trouble: Coroutine[None, None, T]) -> T:
    """Let all send and receive until everything is confirmed, with trouble in between; return its result."""
    async with asyncio.timeout(TRAFFIC_S), asyncio.TaskGroup() as group:
        made = group.create_task(trouble, name="trouble")
        for role, messages in zip(SENDERS, shares(letters), strict=True):
            group.create_task(traffic.send_all(role, messages), name=role.key)
        group.create_task(traffic.receive_until(MESSAGES), name="recipient")
    return made.result()


@contextmanager
def told_if_it_fails(home: Home) -> Iterator[None]:
    """Show what the hubs have said when the block fails."""
    try:
        yield
    except BaseException:
        for output in sorted(home.path.parent.glob("program-*.log")):
            print(output.read_text(encoding="utf-8"))
        raise


async def the_books_agree(home: Home, books: Books) -> None:
    """The hub's rows say what its peers say, and nothing is left to do."""
    async with home.database() as connection:

        async def settled() -> bool | None:
            left = await connection.fetchval(
                "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM task)"
                " + (SELECT count(*) FROM event WHERE seq IS NULL)"
            )
            return left == 0 or None

        await until(settled, within_s=10, what="no outbox, no task, all events numbered")
        deliveries = await connection.fetch("SELECT id, state FROM delivery")
        confirmations = await connection.fetch(
            "SELECT delivery_id, count(*) FROM event WHERE kind = 'delivery_confirmed' GROUP BY 1"
        )
        documents = await connection.fetch("SELECT sha256, blob_id FROM document")
        numbers = await connection.fetchval("SELECT array_agg(seq ORDER BY seq) FROM event")
    assert {str(row["id"]) for row in deliveries} == set(books.confirmed)
    assert {row["state"] for row in deliveries} == {"confirmed"}
    assert {str(row["delivery_id"]): row["count"] for row in confirmations} == dict.fromkeys(
        books.confirmed, 1
    )
    assert {row["sha256"] for row in documents} == {hashlib.sha256(m).digest() for m in books.receipts}
    assert len(documents) == MESSAGES
    assert {str(row["blob_id"]) for row in documents} <= home.blobs
    assert numbers == list(range(1, len(numbers) + 1))
    findings = await examine(load_settings(home=home.path, environment={}))
    assert [f for f in findings if not f.ok] == []


async def the_books_balance(home: Home, books: Books, last: Hub) -> None:
    """Everything acknowledged arrived, confirmed once under one id, and nobody was told nonsense."""
    assert set(books.refused) <= {"database_unavailable", "lease_held"}
    assert last.program.events("loop_failed") == []
    assert len(books.receipts) == MESSAGES
    assert all(len(receipts) == 1 for receipts in books.receipts.values())
    assert all(len(contents) == 1 for contents in books.contents.values())
    assert {content for contents in books.contents.values() for content in contents} == set(books.receipts)
    assert len(books.contents) == len(books.confirmed) == MESSAGES
    await the_books_agree(home, books)
