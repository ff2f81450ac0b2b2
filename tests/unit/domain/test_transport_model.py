"""A delivery under every order of workers, recipients, clerks and deadlines.

The model keeps what really happened outside the hub (which system got which token, whether the body left,
whether the recipient keeps a copy) beside the row that the hub sees, and checks after every step that the
row never says anything that did not happen.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hub.domain.leases import NO_TOKEN, TokenVerdict, next_token, token_to_act, token_to_confirm
from hub.domain.transport import (
    ENDED_STATES,
    FIRST_STATE_OF_DOCUMENT,
    LEASED_STATES,
    TRANSITIONS,
    DeliveryEvent,
    DeliveryState,
    advance,
    may_withdraw,
    resend_event,
)

S, E = DeliveryState, DeliveryEvent

# What ends a delivery at once happens seldom, else hardly any run would get past the first steps.
RARELY = st.sampled_from([False] * 7 + [True])


class DeliveryMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.begin()

    def begin(self) -> None:
        self.state = FIRST_STATE_OF_DOCUMENT
        self.token = NO_TOKEN
        self.given: list[int] = []
        self.body_left = False
        self.checked = False
        self.free_to_go = False
        self.evidence_given = False
        self.secret = False

    def move(self, event: DeliveryEvent) -> None:
        self.state = advance(self.state, event)

    def can(self, event: DeliveryEvent) -> bool:
        return (self.state, event) in TRANSITIONS

    @precondition(lambda self: not any(state is self.state for state, _ in TRANSITIONS))
    @rule()
    def take_the_next_delivery(self) -> None:
        self.begin()

    @precondition(lambda self: self.state is S.AWAITING_VERIFICATION)
    @rule(event=st.sampled_from([E.VERIFIED_DELIVER, E.VERIFIED_HOLD, E.VERIFIED_REFUSE]))
    def verify(self, event: DeliveryEvent) -> None:
        self.move(event)
        self.checked = True
        self.free_to_go = event is E.VERIFIED_DELIVER

    @precondition(lambda self: self.can(E.RELEASE))
    @rule()
    def release(self) -> None:
        self.move(E.RELEASE)
        self.free_to_go = True

    @precondition(lambda self: self.can(E.REFUSE))
    @rule(rarely=RARELY)
    def refuse(self, rarely: bool) -> None:
        if rarely:
            self.move(E.REFUSE)

    @precondition(lambda self: self.can(E.LEASE))
    @rule()
    def lease(self) -> None:
        self.move(E.LEASE)
        self.token = next_token(self.token)
        self.given.append(self.token)

    def some_token(self, data: st.DataObject) -> int:
        """The last one, or any that was ever given."""
        return data.draw(st.one_of(st.just(self.given[-1]), st.sampled_from(self.given)))

    @precondition(lambda self: self.given)
    @rule(data=st.data())
    def hand_over(self, data: st.DataObject) -> None:
        token = self.some_token(data)
        if token_to_act(token, current=self.token, state=self.state) is TokenVerdict.LOST:
            return
        self.body_left = True
        if self.can(E.HAND_OVER):
            self.move(E.HAND_OVER)

    @precondition(lambda self: self.state in LEASED_STATES)
    @rule(event=st.sampled_from([E.LEASE_EXPIRED, E.DELIVERY_FAILED]))
    def lose_the_lease(self, event: DeliveryEvent) -> None:
        self.move(event)

    @precondition(lambda self: self.body_left)
    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        token = self.some_token(data)
        assert token_to_confirm(token, given_to_system=self.given) is TokenVerdict.VALID
        honoured = {S.QUEUED, S.LEASED, S.HANDED_OVER, S.UNDELIVERABLE}
        assert self.can(E.CONFIRM) == (self.state in honoured)
        if self.can(E.CONFIRM):
            self.move(E.CONFIRM)

    @precondition(lambda self: self.given)
    @rule(data=st.data())
    def reject(self, data: st.DataObject) -> None:
        token = self.some_token(data)
        if token_to_act(token, current=self.token, state=self.state) is TokenVerdict.VALID:
            assert token == self.given[-1]
            self.move(E.REJECT)

    @precondition(lambda self: self.can(E.GIVE_UP))
    @rule()
    def pass_the_deadline(self) -> None:
        self.move(E.GIVE_UP)
        self.evidence_given = True

    @precondition(lambda self: self.can(E.WITHDRAW))
    @rule(rarely=RARELY)
    def recall(self, rarely: bool) -> None:
        if rarely and may_withdraw(self.state, body_may_have_left=self.body_left):
            self.move(E.WITHDRAW)

    @precondition(lambda self: self.can(E.RESEND))
    @rule()
    def resend(self) -> None:
        self.move(resend_event(self.state, hold_unreleased=not self.free_to_go))

    @precondition(lambda self: self.can(E.SECRECY_FOUND))
    @rule(rarely=RARELY)
    def find_a_secret(self, rarely: bool) -> None:
        if rarely:
            self.move(E.SECRECY_FOUND)
            self.secret = True

    @invariant()
    def nothing_leaves_unchecked_or_against_a_hold(self) -> None:
        if self.state in {S.QUEUED, S.LEASED, S.HANDED_OVER, S.CONFIRMED} or self.body_left:
            assert self.checked
            assert self.free_to_go

    @invariant()
    def a_withdrawal_is_true(self) -> None:
        assert not (self.state is S.WITHDRAWN and self.body_left)

    @invariant()
    def a_confirmation_is_true(self) -> None:
        assert not (self.state is S.CONFIRMED and not self.body_left)

    @invariant()
    def at_most_one_token_acts(self) -> None:
        acting = [
            token
            for token in range(self.token + 2)
            if token_to_act(token, current=self.token, state=self.state) is TokenVerdict.VALID
        ]
        assert len(acting) == (1 if self.state in LEASED_STATES else 0)

    @invariant()
    def a_secret_never_comes_back(self) -> None:
        if self.secret:
            assert self.state is S.REFUSED
            assert self.state in ENDED_STATES


DeliveryMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=60, deadline=None)
TestDelivery = DeliveryMachine.TestCase
