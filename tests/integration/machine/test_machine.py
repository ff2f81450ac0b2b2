"""Senders, recipients, clerks, the clock, crashes and repeats, in any order that Hypothesis can think of.

What is drawn never depends on the state of the world, so that a run can be played again: a rule that finds
nothing to act on does nothing. After every step the rows are held against the table of moves; at the end of
each run time passes until nothing is open, and every receipt, delivery, event and statement is judged
(`World.judge`).

LIENTHONG_TEST_MACHINE_RUNS sets the number of runs (500 for the figure in the documentation, fewer on CI).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from hub.domain.directory import UnitState
from hub.domain.transport import DeliveryState
from hub.ports.exits import Delivered, Failed, Outcome, Rejected
from hub.ports.verification import VerificationCrashed
from tests.integration.machine.world import PUSHED, RECIPIENTS, UNITS, Sent, World
from tests.support.hub import DOUBTFUL, FAILED, PASSED, UNSIGNED, A, B, C
from tests.support.messages import PDF, letter, replacement, revocation, status, update
from tests.support.postgres import TestServer

FAILED_STATES = {DeliveryState.REJECTED, DeliveryState.UNDELIVERABLE}
STAGES = ("lease", "fetch", "hand over", "confirm", "reject")
RUNS = int(os.environ.get("LIENTHONG_TEST_MACHINE_RUNS", "25"))
STEPS = 50
SHRINK = bool(os.environ.get("LIENTHONG_TEST_MACHINE_SHRINK"))

# Runs that never come here would prove nothing.
MUST_BE_SEEN = {
    *(
        "delivery_confirmed",
        "delivery_rejected",
        "delivery_held",
        "delivery_released",
        "delivery_undeliverable",
    ),
    *("delivery_withdrawn", "delivery_resent", "lease_expired", "status_parked", "status_quarantined"),
    "status_applied",
    *("delivery_redirected", "delivery_added", "delivery_attempt_failed", "peer_paused", "peer_resumed"),
}
SOON_SEEN = {"delivery_confirmed", "delivery_rejected", "lease_expired", "delivery_attempt_failed"}
ANSWERS: dict[str, Outcome | BaseException] = {
    "taken": Delivered(confirmed=True),
    "taken, confirms later": Delivered(confirmed=False),
    "busy": Failed(code="http_503"),
    "cannot read this one": Failed(code="http_422", peer_fault=False),
    "refuses": Rejected(code="refused_by_peer", text="không phải của chúng tôi"),
    "breaks": RuntimeError("the adapter has a fault"),
}

faults = st.sampled_from(["", "", "", "before", "after", "1", "2", "3", "4"])
units = st.sampled_from(UNITS)
recipients = st.sampled_from(RECIPIENTS)
picks = st.integers(0, 10_000)
acts = st.tuples(units, picks, st.sampled_from(STAGES), faults, st.booleans())


class Exchange(RuleBasedStateMachine):
    """One run."""

    world: ClassVar[World]

    @initialize()
    def begin(self) -> None:
        self.world.begin()
        for sender, to in ((A, [B, C]), (B, [A]), (C, [A, B])):
            self._send(sender, self._letter_of(sender, to), "")
        self.world.run(self.world.hub.settle())

    # ------------------------------------------------------------------------ senders

    @rule(
        sender=units,
        to=st.sets(recipients, min_size=1),
        priority=st.integers(0, 4),
        fault=faults,
        settled=st.sampled_from([True, True, False]),
    )
    def send_a_letter(self, sender: str, to: set[str], priority: int, fault: str, settled: bool) -> None:
        self._send(sender, self._letter_of(sender, sorted(to), priority=priority), fault)
        if settled:
            self.world.run(self.world.hub.settle())

    @rule(pick=picks, fault=faults)
    def send_something_again(self, pick: int, fault: str) -> None:
        if sent := self._pick(self.world.memory.sent, pick):
            self.world.break_next(fault) if fault else None
            self.world.run(self.world.submit(sent))

    @rule(pick=picks, kind=st.sampled_from(["update", "revoke", "replace"]), to=st.sets(units, min_size=1))
    def change_a_letter(self, pick: int, kind: str, to: set[str]) -> None:
        if sent := self._letter(pick):
            number = self._number()
            if kind == "update":
                body = update(sent.sender, sorted(to), number=sent.number, text=f"lần {number}")
            elif kind == "revoke":
                body = revocation(sent.sender, sorted(to), of=sent.number, number=number)
            else:
                body = replacement(sent.sender, sorted(to), of=sent.number, number=number)
            self._send(sent.sender, body, "", number=0)

    @rule(pick=picks, to=units, fault=faults)
    def ask_a_letter_back(self, pick: int, to: str, fault: str) -> None:
        if sent := self._letter(pick):
            body = status(
                sent.sender, "13", about=(sent.sender, sent.number), to=to, text=f"nhầm {self._number()}"
            )
            self._send(sent.sender, body, fault, number=0)

    # ------------------------------------------------------------------------ recipients

    @rule(
        pick=picks,
        who=units,
        code=st.sampled_from(["01", "02", "03", "04", "05", "06", "15", "16"]),
        fault=faults,
    )
    def say_a_status(self, pick: int, who: str, code: str, fault: str) -> None:
        if sent := self._letter(pick):
            about = (sent.sender, sent.number)
            self._send(who, status(who, code, about=about, text=f"{code} {self._number()}"), fault, number=0)

    @rule(who=units, owner=units, number=st.integers(900, 903))
    def say_a_status_about_what_nobody_has_seen(self, who: str, owner: str, number: int) -> None:
        if len(self.world.memory.sent) % 4:
            return  # seldom: most statuses should be about something
        self._send(who, status(who, "03", about=(owner, number), text=str(self._number())), "", number=0)

    @rule(acts=st.lists(acts, min_size=1, max_size=6))
    def work_on_the_inboxes(self, acts: list[tuple[str, int, str, str, bool]]) -> None:
        for who, pick, stage, fault, again in acts:
            self._act(who, pick, stage, fault, again)

    def _act(self, who: str, pick: int, stage: str, fault: str, again: bool) -> None:
        """Lease, fetch, confirm or reject, as far as `stage`; the last call may be cut, or made twice."""
        world = self.world
        inbox = world.hub.services.inbox
        offers = world.run(inbox.offers(world.caller(who), unit_id=None, limit=20))
        offer = self._pick(list(offers), pick)
        if offer is None:
            world.run(world.hub.settle())
            return
        delivery_id, last = offer.delivery.id, STAGES.index(stage)
        if fault and stage == "lease":
            world.break_next(fault)
        token = world.run(world.lease(who, delivery_id))
        if token is None or last < STAGES.index("fetch"):
            return
        world.run(world.fetch(who, delivery_id, token, record=stage != "fetch"))
        if stage not in ("confirm", "reject"):
            return
        for _ in range(1 + again):
            if fault:
                world.break_next(fault)
            if stage == "confirm":
                world.run(world.confirm(delivery_id, token))
            else:
                call = inbox.reject(world.caller(who), delivery_id, token, "không đọc được")
                world.run(world.attempt(call))

    @rule(pick=picks, record=st.booleans(), fault=faults)
    def fetch(self, pick: int, record: bool, fault: str) -> None:
        if held := self._held(pick):
            delivery_id, who, token = held
            self.world.break_next(fault) if fault else None
            self.world.run(self.world.fetch(who, delivery_id, token, record=record))

    @rule(pick=picks, which=picks, fault=faults)
    def confirm(self, pick: int, which: int, fault: str) -> None:
        if held := self._held(pick):
            tokens = self.world.memory.tokens[held[0]]
            self.world.break_next(fault) if fault else None
            self.world.run(self.world.confirm(held[0], tokens[which % len(tokens)]))

    @rule(pick=picks, fault=faults)
    def reject(self, pick: int, fault: str) -> None:
        if held := self._held(pick):
            delivery_id, who, token = held
            world = self.world
            world.break_next(fault) if fault else None
            call = world.hub.services.inbox.reject(world.caller(who), delivery_id, token, "không đọc được")
            world.run(world.attempt(call))

    @rule(pick=picks)
    def renew(self, pick: int) -> None:
        if held := self._held(pick):
            delivery_id, who, token = held
            world = self.world
            world.run(
                world.attempt(world.hub.services.inbox.renew(world.caller(who), delivery_id, token, 60))
            )

    @rule(thief=units, pick=picks)
    def touch_what_is_not_yours(self, thief: str, pick: int) -> None:
        if held := self._held(pick):
            delivery_id, who, token = held
            if thief != who:
                world = self.world
                call = world.hub.services.inbox.confirm(world.caller(thief), delivery_id, token)
                assert world.run(world.attempt(call)) == (None, "delivery_unknown")

    # ------------------------------------------------------------------------ people

    @rule(pick=picks, action=st.sampled_from(["release", "refuse"]))
    def decide_on_what_is_held(self, pick: int, action: str) -> None:
        world = self.world
        if offer := self._pick(list(world.run(world.hub.decisions.waiting())), pick):
            call: Any = getattr(world.hub.decisions, action)
            world.run(world.attempt(call(offer.delivery.id, by="Văn thư", reason="đã xem xét")))

    @rule(pick=picks)
    def send_on_what_has_failed(self, pick: int) -> None:
        failed = sorted(d for d, state in self.world.memory.states.items() if state in FAILED_STATES)
        if delivery_id := self._pick(failed, pick):
            call = self.world.hub.decisions.resend(delivery_id, by="Quản trị", reason="đã sửa đường truyền")
            self.world.run(self.world.attempt(call))

    @rule(pick=picks, to=recipients, fault=faults)
    def send_on_to_another_unit(self, pick: int, to: str, fault: str) -> None:
        if delivery_id := self._pick(sorted(self.world.memory.states), pick):
            world = self.world
            world.break_next(fault) if fault else None
            call = world.hub.decisions.redirect(delivery_id, to=to, by="Quản trị", reason="nhầm nơi nhận")
            world.run(world.attempt(call))

    @rule(state=st.sampled_from([UnitState.LOCKED, UnitState.ACTIVE]))
    def lock_and_unlock(self, state: UnitState) -> None:
        self.world.run(self.world.hub.registry.set_unit_state(C, state))

    # ------------------------------------------------------------------------ systems that are pushed to

    @rule(to=st.sampled_from(PUSHED), sender=units, count=st.integers(1, 6), up=st.booleans())
    def send_what_is_pushed(self, to: str, sender: str, count: int, up: bool) -> None:
        world = self.world
        world.peer.up = up
        for _ in range(count):
            self._send(sender, self._letter_of(sender, to), "")
        world.run(world.hub.settle())
        world.run(world.push())

    @rule(answers=st.lists(st.sampled_from(sorted(ANSWERS)), max_size=4), up=st.booleans(), fault=faults)
    def push(self, answers: list[str], up: bool, fault: str) -> None:
        world = self.world
        world.peer.up = up
        world.peer.answers[:] = [ANSWERS[each] for each in answers]
        world.break_next(fault) if fault else None
        world.run(world.push())

    # ------------------------------------------------------------------------ the hub

    @rule(verdict=st.sampled_from([PASSED, PASSED, FAILED, DOUBTFUL, UNSIGNED]), crash=st.booleans())
    def change_what_verification_finds(self, verdict: Any, crash: bool) -> None:
        def die(_name: str) -> None:
            raise VerificationCrashed("the worker died")

        self.world.verifier.verdict = verdict
        self.world.verifier.before = die if crash else lambda _name: None

    @rule()
    def let_the_hub_work(self) -> None:
        self.world.run(self.world.hub.settle())

    @rule(fault=st.sampled_from(["before", "after", "1", "2", "3"]))
    def let_a_worker_fail(self, fault: str) -> None:
        world = self.world

        async def work() -> None:
            tasks = await world.hub.column("SELECT id FROM task WHERE kind = 'verify' ORDER BY id LIMIT 1")
            world.break_next(fault)
            for task_id in tasks:
                await world.attempt(world.hub.motions.verification.work(task_id))

        world.run(work())
        world.mend()

    @rule(minutes=st.sampled_from([1, 6, 70, 500, 1500, 4400]))
    def let_time_pass(self, minutes: int) -> None:
        self.world.run(self.world.hub.later(minutes=minutes))

    @rule()
    def sweep(self) -> None:
        self.world.run(self.world.hub.sweep())

    @rule(fault=st.sampled_from(["before", "after", "1", "2", "3"]))
    def let_a_sweep_fail(self, fault: str) -> None:
        self.world.break_next(fault)
        self.world.run(self.world.attempt(self.world.hub.sweep()))

    # ------------------------------------------------------------------------ what always holds

    @invariant()
    def nothing_vanishes_and_nothing_moves_but_along_the_table(self) -> None:
        self.world.run(self.world.look())

    def teardown(self) -> None:
        world = self.world
        world.mend()
        world.run(world.hub.registry.set_unit_state(C, UnitState.ACTIVE))
        world.run(world.drain())
        world.run(world.judge())

    # ------------------------------------------------------------------------ helpers

    def _number(self) -> int:
        self.world.memory.numbers += 1
        return self.world.memory.numbers

    def _send(self, sender: str, body: bytes, fault: str, number: int | None = None) -> None:
        memory = self.world.memory
        sent = Sent(sender, memory.numbers if number is None else number, body)
        if fault:
            self.world.break_next(fault)
        why = self.world.run(self.world.submit(sent))
        if why is not None and why != "unavailable":
            sent.refused = why
        memory.sent.append(sent)

    def _letter_of(self, sender: str, to: str | list[str], **fields: Any) -> bytes:
        """A letter with a file of its own, also among all runs: verdicts are remembered by the file."""
        self.world.files += 1
        files = [("cong-van.pdf", PDF + str(self.world.files).encode())]
        return letter(sender, to, number=self._number(), files=files, **fields)

    def _letter(self, pick: int) -> Sent | None:
        letters = [sent for sent in self.world.memory.sent if sent.number]
        return letters[pick % len(letters)] if letters else None

    def _held(self, pick: int) -> tuple[UUID, str, int] | None:
        memory = self.world.memory
        delivery_id = self._pick(sorted(memory.tokens), pick)
        if delivery_id is None:
            return None
        return delivery_id, memory.holder[delivery_id], memory.tokens[delivery_id][-1]

    @staticmethod
    def _pick(choices: list[Any], pick: int) -> Any:
        return choices[pick % len(choices)] if choices else None


@pytest.fixture
def world(postgres_server: TestServer, database_template: str) -> Iterator[World]:
    """The world of all runs, on a database of its own."""
    with asyncio.Runner() as runner:
        database = postgres_server.database(database_template)
        dsn = runner.run(database.__aenter__())
        made = World(dsn)
        try:
            yield made
        finally:
            made.close()
            runner.run(database.__aexit__(None, None, None))


@pytest.mark.timeout(3000)
def test_no_order_of_events_loses_repeats_or_misplaces_a_delivery(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    Exchange.world = world
    run_state_machine_as_test(
        Exchange,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=STEPS,
            deadline=None,
            # A run lasts half a second: shrinking hundreds of steps is for the desk.
            phases=(Phase.generate, Phase.shrink) if SHRINK else (Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
    seen = world.seen
    with capsys.disabled():
        told = ", ".join(f"{kind} {count}" for kind, count in sorted(seen.items()))
        print(f"\nstate machine: {RUNS} runs of {STEPS} steps; events: {told}")
    # A short run cannot come everywhere.
    missing = (MUST_BE_SEEN if RUNS >= 100 else SOON_SEEN) - seen.keys()
    assert not missing, f"the machine never got as far as {missing}"
