from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.business import (
    FINAL_STATES,
    MOVES,
    RECIPIENT_CODES,
    REQUEST_STATES,
    SENDER_CODES,
    BusinessState,
    BusinessView,
    Effect,
    StatusCode,
    apply_change,
    apply_status,
    mermaid,
    reason_required,
)

CODES = ("01", "02", "03", "04", "05", "06", "13", "15", "16")

# Rows are states, columns CODES. A = applied, r = repeated, g = regression, . = illegal.
EFFECTS = {
    #                     01 02 03 04 05 06 13 15 16
    "sent":              "A  A  A  A  A  A  A  .  .",
    "arrived":           "r  A  A  A  A  A  A  .  .",
    "accepted":          "g  .  r  A  A  A  A  .  .",
    "assigned":          "g  .  g  r  A  A  A  .  .",
    "processing":        "g  .  g  g  r  A  A  .  .",
    "finished":          "g  .  g  g  g  r  A  .  .",
    "refused":           "g  r  .  .  .  .  .  .  .",
    "recalled":          "g  .  .  .  .  .  .  r  .",
    "replaced":          "g  .  .  .  .  .  .  r  .",
    # Open requests are judged over a document that had been accepted.
    "recall_requested":  "g  .  r  A  A  A  r  A  A",
    "update_requested":  "g  .  r  A  A  A  A  A  A",
    "replace_requested": "g  .  r  A  A  A  A  A  A",
}  # fmt: skip
EFFECT_OF = {"A": Effect.APPLIED, "r": Effect.REPEATED, "g": Effect.REGRESSION, ".": Effect.ILLEGAL}
STATE_AFTER = {"01": "arrived", "02": "refused", "03": "accepted", "04": "assigned", "05": "processing"}
STATE_AFTER |= {"06": "finished", "13": "recall_requested"}


def view_in(state: str, before: str = "accepted") -> BusinessView:
    requested = BusinessState(state) in REQUEST_STATES
    return BusinessView(
        state=BusinessState(state), before_recall=BusinessState(before) if requested else None
    )


@pytest.mark.parametrize("state", list(BusinessState))
def test_every_code_has_its_effect_in_every_state(state: BusinessState) -> None:
    effects = [apply_status(view_in(state.value), StatusCode(code)).effect for code in CODES]
    assert effects == [EFFECT_OF[symbol] for symbol in EFFECTS[state.value].split()]


def test_the_table_is_complete() -> None:
    assert set(MOVES) == set(product(BusinessState, StatusCode))


@pytest.mark.parametrize("state", ["sent", "arrived", "accepted", "assigned", "processing", "finished"])
def test_an_applied_code_leads_to_its_own_state(state: str) -> None:
    applied = [code for code, symbol in zip(CODES, EFFECTS[state].split(), strict=True) if symbol == "A"]
    after = [apply_status(view_in(state), StatusCode(code)).view.state for code in applied]
    assert after == [STATE_AFTER[code] for code in applied]


@given(st.sampled_from(BusinessState), st.sampled_from(BusinessState), st.sampled_from(StatusCode))
def test_what_is_not_applied_changes_nothing(
    state: BusinessState, before: BusinessState, code: StatusCode
) -> None:
    view = view_in(state.value, before.value)
    outcome = apply_status(view, code)
    if outcome.effect is not Effect.APPLIED:
        assert outcome.view == view


def test_a_recall_remembers_where_the_document_stood() -> None:
    asked = apply_status(view_in("processing"), StatusCode.RECALL_REQUESTED).view
    assert asked == BusinessView(state=BusinessState.RECALL_REQUESTED, before_recall=BusinessState.PROCESSING)


def test_a_declined_recall_puts_the_document_back() -> None:
    back = apply_status(view_in("recall_requested", "finished"), StatusCode.CHANGE_DECLINED).view
    assert back == BusinessView(state=BusinessState.FINISHED)


def test_an_agreed_recall_ends_the_document() -> None:
    after = apply_status(view_in("recall_requested"), StatusCode.CHANGE_AGREED).view
    assert after == BusinessView(state=BusinessState.RECALLED)


def test_an_agreed_update_lets_the_work_go_on() -> None:
    after = apply_status(view_in("update_requested", "processing"), StatusCode.CHANGE_AGREED).view
    assert after == BusinessView(state=BusinessState.PROCESSING)


def test_an_agreed_replacement_closes_the_old_document() -> None:
    after = apply_status(view_in("replace_requested"), StatusCode.CHANGE_AGREED).view
    assert after == BusinessView(state=BusinessState.REPLACED)


def test_an_arrival_that_crossed_the_recall_counts_underneath() -> None:
    outcome = apply_status(view_in("recall_requested", "sent"), StatusCode.ARRIVED)
    assert outcome.effect is Effect.APPLIED
    assert outcome.view == view_in("recall_requested", "arrived")


def test_a_refusal_that_crossed_the_recall_settles_both() -> None:
    outcome = apply_status(view_in("recall_requested", "arrived"), StatusCode.REFUSED)
    assert outcome.effect is Effect.APPLIED
    assert outcome.view == BusinessView(state=BusinessState.REFUSED)


def test_a_recall_of_a_document_under_update_keeps_the_first_state() -> None:
    outcome = apply_status(view_in("update_requested", "assigned"), StatusCode.RECALL_REQUESTED)
    assert outcome.view == view_in("recall_requested", "assigned")


def test_a_finished_document_can_still_be_recalled() -> None:
    assert apply_status(view_in("finished"), StatusCode.RECALL_REQUESTED).effect is Effect.APPLIED


@pytest.mark.parametrize(
    ("doc_type", "state"), [(1, "recall_requested"), (2, "update_requested"), (3, "replace_requested")]
)
@pytest.mark.parametrize("before", ["sent", "arrived", "accepted", "assigned", "processing", "finished"])
def test_a_changing_document_asks_in_every_live_state(doc_type: int, state: str, before: str) -> None:
    outcome = apply_change(view_in(before), doc_type)
    assert outcome.effect is Effect.APPLIED
    assert outcome.view == view_in(state, before)


@pytest.mark.parametrize("doc_type", [1, 2, 3])
@pytest.mark.parametrize("state", sorted(FINAL_STATES))
def test_a_closed_document_cannot_be_changed(doc_type: int, state: str) -> None:
    assert apply_change(view_in(state), doc_type).effect is Effect.ILLEGAL


@pytest.mark.parametrize("doc_type", [0, 4, -1])
def test_a_document_that_is_no_change_changes_nothing(doc_type: int) -> None:
    outcome = apply_change(view_in("accepted"), doc_type)
    assert (outcome.effect, outcome.view) == (Effect.ILLEGAL, view_in("accepted"))


@pytest.mark.parametrize(
    ("doc_type", "state"), [(1, "recall_requested"), (2, "update_requested"), (3, "replace_requested")]
)
def test_asking_the_same_again_is_a_repeat(doc_type: int, state: str) -> None:
    outcome = apply_change(view_in(state), doc_type)
    assert (outcome.effect, outcome.view) == (Effect.REPEATED, view_in(state))


def test_a_later_request_takes_the_place_of_an_open_one() -> None:
    assert apply_change(view_in("update_requested", "assigned"), 1).view == view_in(
        "recall_requested", "assigned"
    )


@given(
    st.lists(
        st.one_of(st.sampled_from(StatusCode), st.sampled_from([0, 1, 2, 3])),
        max_size=30,
    )
)
def test_no_order_of_messages_leads_to_a_view_that_makes_no_sense(messages: list[StatusCode | int]) -> None:
    view = BusinessView()
    for message in messages:
        closed = view.state in FINAL_STATES
        outcome = (
            apply_status(view, message) if isinstance(message, StatusCode) else apply_change(view, message)
        )
        assert not (closed and outcome.effect is Effect.APPLIED)
        view = outcome.view
        assert (view.before_recall is not None) == (view.state in REQUEST_STATES)
        assert view.before_recall is None or view.before_recall not in REQUEST_STATES | FINAL_STATES


def test_only_the_sender_recalls_and_only_recipients_report() -> None:
    assert {StatusCode.RECALL_REQUESTED} == SENDER_CODES
    assert set(StatusCode) == SENDER_CODES | RECIPIENT_CODES
    assert not SENDER_CODES & RECIPIENT_CODES


def test_refusals_and_recalls_must_say_why() -> None:
    assert {code.value for code in StatusCode if reason_required(code)} == {"02", "13", "16"}


def test_the_diagram_shows_every_move_between_states() -> None:
    diagram = mermaid()
    for (state, code), move in MOVES.items():
        if move.effect is Effect.APPLIED and isinstance(move.to, BusinessState):
            line = next(line for line in diagram.splitlines() if f" {state} --> {move.to}: " in line)
            assert code in line.split(": ")[1].split(", ")
