"""The world that the state machine drives: a hub on real PostgreSQL with its own clock, and three systems.

Everything goes through the services, as from a client that does not trust its answers: a call may be cut
before or after COMMIT, or at any statement, and is then made again. What each client was told is kept, so
that it can be held against what the hub says later.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID

import orjson

from hub.domain.problems import HubError
from hub.domain.transport import ENDED_STATES, OPEN_STATES, TRANSITIONS, DeliveryState
from hub.ports.unit_of_work import CommitUnknown, DatabaseUnavailable
from hub.services.access import Caller
from tests.support.exit_fake import FakePeer
from tests.support.hub import ALONE, B_SECOND, PASSED, A, B, C, FakeVerifier, FaultyPool, HubUnderTest, hub_on
from tests.support.push import pushed

T = TypeVar("T")
UNITS: Final = (A, B, C)
# Systems that the hub hands over to; they never fetch.
PUSHED: Final = (ALONE, B_SECOND)
RECIPIENTS: Final = (*UNITS, *PUSHED)
WIPED: Final = (
    *(
        "document",
        "document_text",
        "delivery",
        "delivery_text",
        "event",
        "task",
        "outbox",
        "signature_report",
    ),
    *("intake_key", "idempotency_key", "document_key", "evidence", "refusal", "peer"),
)
DRAIN_ROUNDS: Final = 400

# From each state, what one move of the table makes of it; nothing at all is no move.
_NEXT: Final[dict[DeliveryState, frozenset[DeliveryState]]] = {
    state: frozenset(target for (source, _), target in TRANSITIONS.items() if source is state)
    for state in DeliveryState
}


def reachable(source: DeliveryState) -> frozenset[DeliveryState]:
    """Every state that moves of the table lead to, the state itself among them."""
    found = {source}
    edge = {source}
    while edge:
        edge = {target for state in edge for target in _NEXT[state]} - found
        found |= edge
    return frozenset(found)


REACHABLE: Final = {state: reachable(state) for state in DeliveryState}


@dataclass
class Sent:
    """A message that a client has sent; `receipt` is None while the client does not know it was accepted."""

    sender: str
    number: int
    body: bytes
    receipt: bytes | None = None
    refused: str | None = None


@dataclass
class Memory:
    """What the clients were told: receipts, lease tokens by delivery, deliveries that they have confirmed."""

    sent: list[Sent] = field(default_factory=list)
    tokens: dict[UUID, list[int]] = field(default_factory=dict)
    holder: dict[UUID, str] = field(default_factory=dict)
    confirmed: set[UUID] = field(default_factory=set)
    states: dict[UUID, DeliveryState] = field(default_factory=dict)
    numbers: int = 0


class World:
    """One hub for all runs: a run begins with empty tables."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self.memory = Memory()
        self.seen: Counter[str] = Counter()
        self.files = 0
        self.verifier = FakeVerifier()
        self.peer = FakePeer()
        self._pools: list[FaultyPool] = []
        self._armed = False
        self.hub: HubUnderTest = self.run(self._open())

    def run(self, work: Awaitable[T]) -> T:
        """Do something in the world's event loop."""

        async def wait() -> T:
            return await work

        return self._runner.run(wait())

    def close(self) -> None:
        """Take the hub down."""
        self.run(self._stack.aclose())
        self._runner.close()

    async def _open(self) -> HubUnderTest:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))

        def watch(pool: Any) -> FaultyPool:
            self._pools.append(FaultyPool(pool))
            return self._pools[-1]

        hub = await self._stack.enter_async_context(
            hub_on(self._dsn, folder, verifier=self.verifier, watch=watch, exits=[self.peer.kind()])
        )
        for unit in UNITS:
            await hub.system(unit, unit)
        for unit in PUSHED:
            await pushed(hub, unit, unit)
        return hub

    def begin(self) -> None:
        """Forget everything: a new run starts."""
        self.memory = Memory()
        self.verifier.verdict = PASSED
        self.verifier.before = lambda _name: None
        self.peer.up = True
        self.peer.answers.clear()
        self.peer.taken.clear()
        self.peer.parcels.clear()
        self.run(self._wipe())

    async def _wipe(self) -> None:
        self.mend()
        async with self.hub.pool.acquire() as connection, connection.transaction():
            await connection.execute("ALTER TABLE event DISABLE TRIGGER USER")
            await connection.execute(f"TRUNCATE {', '.join(WIPED)}")
            await connection.execute("ALTER TABLE event ENABLE TRIGGER USER")
            await connection.execute("UPDATE log_head SET seq = 0")
            await connection.execute("UPDATE hub_clock SET clock_offset = interval '0'")

    def caller(self, unit: str) -> Caller:
        """The system that speaks for a unit."""
        return self.hub.systems[unit].caller

    def break_next(self, fault: str) -> None:
        """Let the next transaction fail: at COMMIT before or after the server did it, or at a statement."""
        self._armed = True
        for pool in self._pools:
            if fault in ("before", "after"):
                pool.fail_commit = fault
            else:
                pool.fail_at = int(fault)

    def mend(self) -> bool:
        """End every fault that was not met; say whether one was met."""
        met = self._armed and any(not pool.fail_commit and not pool.fail_at for pool in self._pools)
        self._armed = False
        for pool in self._pools:
            pool.fail_commit = pool.fail_at = None
            pool.statements.clear()
            pool.transactions.clear()
        return met

    async def attempt(self, work: Awaitable[T]) -> tuple[T | None, str | None]:
        """Do what a client does: (answer, None), or (None, why not). `unavailable` leaves it in the dark."""
        try:
            return await work, None
        except HubError as refusal:
            return None, refusal.code
        except (DatabaseUnavailable, CommitUnknown):
            return None, "unavailable"
        finally:
            if self.mend():
                await self._quiet()

    async def _quiet(self) -> None:
        """Wait until the server has noticed every line that was cut: its rows stay locked until then."""
        busy = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND (xact_start IS NOT NULL OR state = 'active')"
        )
        while await self.hub.pool.fetchval(busy):
            pass

    async def submit(self, sent: Sent) -> str | None:
        """Send a message; a receipt must be the one that was given before."""

        async def body() -> AsyncIterator[bytes]:
            yield sent.body

        answer, why = await self.attempt(self.hub.services.intake.submit(self.caller(sent.sender), body()))
        if answer is not None:
            assert sent.receipt in (None, answer.receipt), "a resend got another receipt"
            assert sent.refused is None or not answer.repeated
            sent.receipt = answer.receipt
        elif sent.receipt is not None:
            assert why == "unavailable", f"what was accepted is now refused: {why}"
        return why

    async def lease(self, unit: str, delivery_id: UUID) -> int | None:
        """Lease a delivery and remember the token."""
        lease, _ = await self.attempt(self.hub.services.inbox.lease(self.caller(unit), delivery_id, None))
        if lease is None:
            return None
        known = self.memory.tokens.setdefault(delivery_id, [])
        assert lease.token > max(known, default=0), "a lease token was given twice"
        known.append(lease.token)
        self.memory.holder[delivery_id] = unit
        return lease.token

    async def confirm(self, delivery_id: UUID, token: int) -> str | None:
        """Confirm with any token; once confirmed always confirmed."""
        unit = self.memory.holder[delivery_id]
        at, why = await self.attempt(self.hub.services.inbox.confirm(self.caller(unit), delivery_id, token))
        if at is not None:
            self.memory.confirmed.add(delivery_id)
        elif delivery_id in self.memory.confirmed:
            assert why == "unavailable", f"a confirmed delivery is not confirmed any more: {why}"
        return why

    async def fetch(self, unit: str, delivery_id: UUID, token: int, *, record: bool) -> bool:
        """Fetch the content to its end; `record` False is a hub that dies before it notes the hand-over."""
        inbox = self.hub.services.inbox
        content, _ = await self.attempt(inbox.content(self.caller(unit), delivery_id, token))
        if content is None:
            return False
        size = sum([len(chunk) async for chunk in content.chunks])
        assert size == content.size
        if record:
            await self.attempt(inbox.handed_over(self.caller(unit), delivery_id, token))
        return True

    async def push(self) -> None:
        """Hand over what is due to systems that are pushed to."""
        await self.attempt(self.hub.push())

    async def rows(self) -> dict[UUID, DeliveryState]:
        """Every delivery with its state."""
        found = await self.hub.pool.fetch("SELECT id, state FROM delivery")
        return {row["id"]: DeliveryState(row["state"]) for row in found}

    async def look(self) -> None:
        """Hold the rows against the last look: no delivery vanishes, none moves but along the table."""
        now = await self.rows()
        before = self.memory.states
        assert before.keys() <= now.keys(), "a delivery vanished"
        for delivery_id, state in before.items():
            assert now[delivery_id] in REACHABLE[state], f"{state} became {now[delivery_id]}"
        for delivery_id in self.memory.confirmed:
            assert now[delivery_id] is DeliveryState.CONFIRMED, "a confirmation was lost"
        self.memory.states = now

    async def drain(self) -> None:
        """Let time pass and everybody do their work until nothing is open any more."""
        self.verifier.verdict = PASSED
        self.verifier.before = lambda _name: None
        self.peer.up = True
        self.peer.answers.clear()
        for sent in self.memory.sent:
            if sent.receipt is None and sent.refused is None:
                await self.submit(sent)
        for _ in range(DRAIN_ROUNDS):
            await self.hub.sweep()
            await self.hub.settle()  # what the sweep has ended leaves hints too
            await self.look()
            open_rows = [d for d, state in self.memory.states.items() if state in OPEN_STATES]
            if not open_rows:
                return
            await self._release_held()
            for unit in UNITS:
                await self._take_all(unit)
            await self.push()
            await self.hub.later(minutes=20)
        raise AssertionError(f"{len(open_rows)} deliveries never ended")

    async def _release_held(self) -> None:
        for offer in await self.hub.decisions.waiting():
            release = self.hub.decisions.release(offer.delivery.id, by="Văn thư", reason="đã kiểm tra")
            await self.attempt(release)

    async def _take_all(self, unit: str) -> None:
        offers = await self.hub.services.inbox.offers(self.caller(unit), unit_id=None, limit=100)
        for offer in offers:
            token = await self.lease(unit, offer.delivery.id)
            if token is not None and await self.fetch(unit, offer.delivery.id, token, record=True):
                await self.confirm(offer.delivery.id, token)

    async def judge(self) -> None:
        """At the end: nothing lost, nothing twice, every step on record and legal, every failure proved."""
        pool = self.hub.pool
        await self._judge_receipts()
        await self._judge_log()
        # A unit may lose a delivery to another one and get it back: only one of them can be its.
        twice = await pool.fetch(
            "SELECT document_id, unit_id FROM delivery WHERE state NOT IN ('redirected', 'withdrawn') "
            "GROUP BY 1, 2 HAVING count(*) > 1"
        )
        assert not twice, "one document is delivered twice to one unit"
        await self._judge_redirects()
        await self._judge_peer()
        unproved = await pool.fetchval(
            "SELECT count(*) FROM delivery d "
            "WHERE state IN ('undeliverable', 'withdrawn', 'redirected') AND NOT EXISTS "
            "(SELECT FROM evidence e WHERE e.delivery_id = d.id) AND kind = 'document'"
        )
        assert unproved == 0, "deliveries ended without evidence"
        assert await pool.fetchval("SELECT count(*) FROM task") == 0
        assert await pool.fetchval("SELECT count(*) FROM outbox") == 0
        states = await self.rows()
        assert set(states.values()) <= ENDED_STATES

    async def _judge_redirects(self) -> None:
        """Whoever lost a delivery to another unit, that unit has one in its place, of the same document."""
        lost = await self.hub.pool.fetchval(
            "SELECT count(*) FROM delivery o WHERE o.state = 'redirected' AND NOT EXISTS ("
            "SELECT FROM delivery n WHERE n.redirected_from = o.id AND n.document_id = o.document_id "
            "AND n.unit_id <> o.unit_id)"
        )
        assert lost == 0, "a delivery was redirected to nobody"

    async def _judge_peer(self) -> None:
        """What a pushed system has confirmed it was given, whole, under the delivery's own id."""
        bodies = {sent.body for sent in self.memory.sent}
        taken = {UUID(each.delivery_id) for each in self.peer.taken}
        assert all(each.body in bodies for each in self.peer.taken), "a pushed system got other bytes"
        confirmed = await self.hub.column(
            "SELECT id FROM delivery WHERE state = 'confirmed' AND unit_id = ANY($1)", list(PUSHED)
        )
        assert set(confirmed) <= taken, "a delivery is confirmed that its system never got"

    async def _judge_receipts(self) -> None:
        """Every receipt has its message, and every unit routed in it its delivery."""
        accepted: set[UUID] = set()
        for sent in self.memory.sent:
            if sent.receipt is None:
                continue
            receipt = orjson.loads(sent.receipt)["receipt"]
            document_id = UUID(receipt["receipt_id"])
            accepted.add(document_id)
            routed = {r["unit"] for r in receipt["recipients"] if r["result"] in ("routed", "forwarded")}
            found = await self.hub.column("SELECT unit_id FROM delivery WHERE document_id = $1", document_id)
            assert routed <= set(found), "a receipt names a recipient without a delivery"
        stored = set(await self.hub.column("SELECT id FROM document"))
        assert stored == accepted, "there are messages that nobody has a receipt for, or the reverse"

    async def _judge_log(self) -> None:
        """Replay the log: each delivery's events follow the table, end where its row stands, confirm once."""
        rows = await self.hub.pool.fetch(
            "SELECT delivery_id, kind, body FROM event WHERE delivery_id IS NOT NULL ORDER BY at, id"
        )
        at: dict[UUID, DeliveryState] = {}
        confirmations: dict[UUID, int] = {}
        for row in rows:
            self.seen[row["kind"]] += 1
            state = DeliveryState(orjson.loads(row["body"])["data"]["state"])
            before = at.get(row["delivery_id"])
            if before is not None and state is not before:
                assert state in _NEXT[before], f"the log jumps from {before} to {state} at {row['kind']}"
            at[row["delivery_id"]] = state
            if row["kind"] in ("delivery_confirmed", "delivery_confirmed_late"):
                confirmations[row["delivery_id"]] = confirmations.get(row["delivery_id"], 0) + 1
        assert all(count == 1 for count in confirmations.values()), "a delivery was confirmed twice"
        for delivery_id, state in (await self.rows()).items():
            assert at.get(delivery_id, state) is state, "a row stands elsewhere than its log"
            assert (confirmations.get(delivery_id, 0) == 1) == (state is DeliveryState.CONFIRMED)
        numbers = await self.hub.column("SELECT seq FROM event ORDER BY seq")
        assert numbers == list(range(1, len(numbers) + 1)), "the numbers of the log have a gap"
