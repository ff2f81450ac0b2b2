from __future__ import annotations

import pytest

from hub.domain.transport import (
    DEADLINE_STATES,
    ENDED_STATES,
    FIRST_STATE_OF_DOCUMENT,
    FIRST_STATE_OF_STATUS,
    LEASED_STATES,
    OPEN_STATES,
    REPEATS,
    TRANSITIONS,
    DeliveryEvent,
    DeliveryState,
    IllegalTransition,
    advance,
    is_repeat,
    may_withdraw,
    mermaid,
    resend_event,
)

# The design's section on transport states, written down once more and by hand: rows are states, the cells
# what each event makes of them; everything that is not here must be illegal.
EXPECTED = {
    "awaiting_verification": {
        "verified_deliver": "queued",
        "verified_hold": "held",
        "verified_refuse": "refused",
        "withdraw": "withdrawn",
        "secrecy_found": "refused",
    },
    "held": {
        "release": "queued",
        "refuse": "refused",
        "give_up": "undeliverable",
        "withdraw": "withdrawn",
        "secrecy_found": "refused",
        "redirect": "redirected",
    },
    "queued": {
        "lease": "leased",
        "confirm": "confirmed",
        "give_up": "undeliverable",
        "withdraw": "withdrawn",
        "secrecy_found": "refused",
        "quarantine": "held",
        "redirect": "redirected",
    },
    "leased": {
        "hand_over": "handed_over",
        "lease_expired": "queued",
        "delivery_failed": "queued",
        "confirm": "confirmed",
        "reject": "rejected",
        "give_up": "undeliverable",
        "secrecy_found": "refused",
    },
    "handed_over": {
        "lease_expired": "queued",
        "delivery_failed": "queued",
        "confirm": "confirmed",
        "reject": "rejected",
        "give_up": "undeliverable",
        "secrecy_found": "refused",
    },
    "confirmed": {},
    "rejected": {"resend": "queued", "secrecy_found": "refused", "redirect": "redirected"},
    "undeliverable": {
        "confirm": "confirmed",
        "resend": "queued",
        "resend_held": "held",
        "secrecy_found": "refused",
        "redirect": "redirected",
    },
    "refused": {},
    "withdrawn": {},
    "redirected": {"confirm": "confirmed"},
}


def moves_from(state: DeliveryState) -> dict[str, str]:
    """What each event makes of a state, by asking for every event."""
    moves = {}
    for event in DeliveryEvent:
        try:
            moves[event.value] = advance(state, event).value
        except IllegalTransition:
            continue
    return moves


@pytest.mark.parametrize("state", list(DeliveryState))
def test_every_event_is_decided_in_every_state(state: DeliveryState) -> None:
    assert moves_from(state) == EXPECTED[state.value]


def test_open_and_ended_states_divide_all_states() -> None:
    assert frozenset(DeliveryState) == OPEN_STATES | ENDED_STATES
    assert not OPEN_STATES & ENDED_STATES


def test_every_state_can_be_reached() -> None:
    reached = {FIRST_STATE_OF_DOCUMENT, FIRST_STATE_OF_STATUS}
    while True:
        further = {target for (state, _), target in TRANSITIONS.items() if state in reached} - reached
        if not further:
            break
        reached |= further
    assert reached == set(DeliveryState)


def test_from_every_open_state_confirmation_or_an_honest_end_can_be_reached() -> None:
    ends = {state: {state} for state in ENDED_STATES}
    for _ in DeliveryState:
        for (state, _event), target in TRANSITIONS.items():
            ends.setdefault(state, set()).update(ends.get(target, ()))
    for state in OPEN_STATES:
        assert DeliveryState.CONFIRMED in ends[state]
        assert DeliveryState.REFUSED in ends[state]


def test_a_repeat_is_never_also_a_move() -> None:
    assert not REPEATS & set(TRANSITIONS)


def test_confirming_a_confirmed_delivery_is_a_repeat() -> None:
    assert is_repeat(DeliveryState.CONFIRMED, DeliveryEvent.CONFIRM)
    assert not is_repeat(DeliveryState.QUEUED, DeliveryEvent.CONFIRM)


def test_an_illegal_move_of_an_ended_delivery_says_that_it_has_ended() -> None:
    with pytest.raises(IllegalTransition) as caught:
        advance(DeliveryState.CONFIRMED, DeliveryEvent.REJECT)
    assert caught.value.code == "delivery_ended"
    assert "confirmed" in caught.value.text("en")


def test_an_illegal_move_of_a_held_delivery_says_that_it_is_not_open() -> None:
    with pytest.raises(IllegalTransition) as caught:
        advance(DeliveryState.HELD, DeliveryEvent.LEASE)
    assert caught.value.code == "delivery_not_open"
    assert (caught.value.state, caught.value.event) == (DeliveryState.HELD, DeliveryEvent.LEASE)


def test_the_deadline_runs_wherever_a_checked_document_waits() -> None:
    assert frozenset({"held", "queued", "leased", "handed_over"}) == DEADLINE_STATES


def test_a_delivery_still_awaiting_verification_cannot_end_and_so_cannot_be_resent_unchecked() -> None:
    with pytest.raises(IllegalTransition):
        advance(DeliveryState.AWAITING_VERIFICATION, DeliveryEvent.GIVE_UP)


def test_a_body_that_may_have_left_is_not_withdrawn() -> None:
    assert may_withdraw(DeliveryState.QUEUED, body_may_have_left=False)
    assert not may_withdraw(DeliveryState.QUEUED, body_may_have_left=True)


@pytest.mark.parametrize("state", sorted(LEASED_STATES | ENDED_STATES))
def test_nothing_is_withdrawn_once_it_is_under_way_or_over(state: DeliveryState) -> None:
    assert not may_withdraw(state, body_may_have_left=False)


def test_a_hold_that_nobody_released_stands_after_a_resend() -> None:
    event = resend_event(DeliveryState.UNDELIVERABLE, hold_unreleased=True)
    assert advance(DeliveryState.UNDELIVERABLE, event) is DeliveryState.HELD


@pytest.mark.parametrize("state", [DeliveryState.UNDELIVERABLE, DeliveryState.REJECTED])
def test_a_resend_of_what_was_free_to_go_queues_it(state: DeliveryState) -> None:
    event = resend_event(state, hold_unreleased=False)
    assert advance(state, event) is DeliveryState.QUEUED


def test_the_diagram_shows_every_move() -> None:
    diagram = mermaid()
    arrows = [line.strip() for line in diagram.splitlines() if "-->" in line]
    for (state, event), target in TRANSITIONS.items():
        assert any(
            line.startswith(f"{state} --> {target}: ") and event in line.split(": ")[1].split(", ")
            for line in arrows
        )
