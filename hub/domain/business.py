"""Business states of a document at one recipient: what its clerks did with it, and recalls.

Statuses travel as messages with a two-digit code [QCVN 102]; the hub carries them, draws this state from
them and never writes one in an agency's name. The machine is derived from the codes' meaning and from
QĐ 28/2018 Đ.8–10 and NĐ 30/2020 Đ.18; products are lax, so it tolerates what harms nobody:

* forward jumps (03 → 06) are applied, repeats are repeats, late ones (01 after 03) are regressions: logged,
  not applied;
* while a recall or change is asked for, statuses that crossed it in the post move the state underneath, to
  which the document returns if the recipient declines (16);
* a refusal (02) is legal only before acceptance; it also settles a recall that crossed it.

A revoking document (type 1) is a recall; an updating (2) or replacing (3) one asks in the same way and is
answered by 15 or 16. After an agreed update the work goes on, with the new version; after an agreed
replacement the old document is closed. Everything else is illegal: recorded, never applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class BusinessState(StrEnum):
    SENT = "sent"
    ARRIVED = "arrived"
    REFUSED = "refused"
    ACCEPTED = "accepted"
    ASSIGNED = "assigned"
    PROCESSING = "processing"
    FINISHED = "finished"
    RECALL_REQUESTED = "recall_requested"
    UPDATE_REQUESTED = "update_requested"
    REPLACE_REQUESTED = "replace_requested"
    RECALLED = "recalled"
    REPLACED = "replaced"


class StatusCode(StrEnum):
    ARRIVED = "01"
    REFUSED = "02"
    ACCEPTED = "03"
    ASSIGNED = "04"
    PROCESSING = "05"
    FINISHED = "06"
    RECALL_REQUESTED = "13"
    CHANGE_AGREED = "15"
    CHANGE_DECLINED = "16"


class Effect(StrEnum):
    APPLIED = "applied"
    REPEATED = "repeated"
    REGRESSION = "regression"
    ILLEGAL = "illegal"


class Target(StrEnum):
    """Where a move leads when that is no fixed state."""

    SAME = "same"
    BEFORE = "before"
    """Back to the state before the request."""
    UNDERNEATH = "underneath"
    """The request stands; the code is applied to the state before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    effect: Effect
    to: BusinessState | Target = Target.SAME


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessView:
    """The state at one recipient; ``before_recall`` is set exactly while a request is open."""

    state: BusinessState = BusinessState.SENT
    before_recall: BusinessState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusOutcome:
    view: BusinessView
    effect: Effect


_S, _C = BusinessState, StatusCode

SENDER_CODES: frozenset[StatusCode] = frozenset({_C.RECALL_REQUESTED})
RECIPIENT_CODES: frozenset[StatusCode] = frozenset(_C) - SENDER_CODES
REASON_CODES: frozenset[StatusCode] = frozenset({_C.REFUSED, _C.RECALL_REQUESTED, _C.CHANGE_DECLINED})

REQUEST_STATES: frozenset[BusinessState] = frozenset(
    {_S.RECALL_REQUESTED, _S.UPDATE_REQUESTED, _S.REPLACE_REQUESTED}
)
FINAL_STATES: frozenset[BusinessState] = frozenset({_S.REFUSED, _S.RECALLED, _S.REPLACED})

_PROGRESS: tuple[tuple[BusinessState, StatusCode | None], ...] = (
    (_S.SENT, None),
    (_S.ARRIVED, _C.ARRIVED),
    (_S.ACCEPTED, _C.ACCEPTED),
    (_S.ASSIGNED, _C.ASSIGNED),
    (_S.PROCESSING, _C.PROCESSING),
    (_S.FINISHED, _C.FINISHED),
)
"""The way of a document's handling, each step with the code that reports it."""

_REQUEST_OF_TYPE: Mapping[int, BusinessState] = MappingProxyType(
    {1: _S.RECALL_REQUESTED, 2: _S.UPDATE_REQUESTED, 3: _S.REPLACE_REQUESTED}
)

_APPLIED_UNDERNEATH = Move(effect=Effect.APPLIED, to=Target.UNDERNEATH)
_ILLEGAL = Move(effect=Effect.ILLEGAL)
_REPEATED = Move(effect=Effect.REPEATED)


def _moves_on_the_way() -> dict[tuple[BusinessState, StatusCode], Move]:
    """Progress forward, repeats and regressions; refusal before acceptance; recall at any time."""
    table: dict[tuple[BusinessState, StatusCode], Move] = {}
    for here, (state, _) in enumerate(_PROGRESS):
        for there, (target, code) in enumerate(_PROGRESS):
            if code is None:
                continue
            if there > here:
                table[state, code] = Move(effect=Effect.APPLIED, to=target)
            else:
                table[state, code] = _REPEATED if there == here else Move(effect=Effect.REGRESSION)
        table[state, _C.RECALL_REQUESTED] = Move(effect=Effect.APPLIED, to=_S.RECALL_REQUESTED)
    for state in (_S.SENT, _S.ARRIVED):
        table[state, _C.REFUSED] = Move(effect=Effect.APPLIED, to=_S.REFUSED)
    return table


def _moves_of_requests() -> dict[tuple[BusinessState, StatusCode], Move]:
    """An open request: answered by 15 or 16, refused by 02, and crossed by the other statuses."""
    agreed: dict[BusinessState, BusinessState | Target] = {
        _S.RECALL_REQUESTED: _S.RECALLED,
        _S.UPDATE_REQUESTED: Target.BEFORE,
        _S.REPLACE_REQUESTED: _S.REPLACED,
    }
    table: dict[tuple[BusinessState, StatusCode], Move] = {}
    for state, after in agreed.items():
        table |= {(state, code): _APPLIED_UNDERNEATH for _, code in _PROGRESS if code is not None}
        table[state, _C.REFUSED] = _APPLIED_UNDERNEATH
        table[state, _C.RECALL_REQUESTED] = Move(effect=Effect.APPLIED, to=_S.RECALL_REQUESTED)
        table[state, _C.CHANGE_AGREED] = Move(effect=Effect.APPLIED, to=after)
        table[state, _C.CHANGE_DECLINED] = Move(effect=Effect.APPLIED, to=Target.BEFORE)
    table[_S.RECALL_REQUESTED, _C.RECALL_REQUESTED] = _REPEATED
    return table


def _moves_after_the_end() -> dict[tuple[BusinessState, StatusCode], Move]:
    """Nothing moves any more; what says the same again is a repeat, a late arrival a regression."""
    table = {(state, _C.ARRIVED): Move(effect=Effect.REGRESSION) for state in FINAL_STATES}
    table[_S.REFUSED, _C.REFUSED] = _REPEATED
    table[_S.RECALLED, _C.CHANGE_AGREED] = _REPEATED
    table[_S.REPLACED, _C.CHANGE_AGREED] = _REPEATED
    return table


_LEGAL = _moves_on_the_way() | _moves_of_requests() | _moves_after_the_end()

MOVES: Mapping[tuple[BusinessState, StatusCode], Move] = MappingProxyType(
    {(state, code): _LEGAL.get((state, code), _ILLEGAL) for state in BusinessState for code in StatusCode}
)
"""The whole table: every state with every code."""


def reason_required(code: StatusCode) -> bool:
    """Whether the Description must say why: a refusal, a recall, a declined change."""
    return code in REASON_CODES


def apply_status(current: BusinessView, code: StatusCode) -> StatusOutcome:
    """The view after a status, and what the status did. Illegal ones leave the view as it is."""
    move = MOVES[current.state, code]
    match move.to:
        case Target.SAME:
            view = current
        case Target.BEFORE:
            view = BusinessView(state=_underneath(current))
        case Target.UNDERNEATH:
            return _apply_underneath(current, code)
        case BusinessState() as state:
            view = _requested(current, state) if state in REQUEST_STATES else BusinessView(state=state)
    return StatusOutcome(view=view, effect=move.effect)


def apply_change(view: BusinessView, doc_type: int) -> StatusOutcome:
    """The view after a document of type 1, 2 or 3 that refers to this one. Type 0 changes nothing: illegal.

    A later request takes the place of an open one; the same again is a repeat.
    """
    request = _REQUEST_OF_TYPE.get(doc_type)
    if request is None or view.state in FINAL_STATES:
        return StatusOutcome(view=view, effect=Effect.ILLEGAL)
    if view.state is request:
        return StatusOutcome(view=view, effect=Effect.REPEATED)
    return StatusOutcome(view=_requested(view, request), effect=Effect.APPLIED)


def _underneath(view: BusinessView) -> BusinessState:
    # A row written without its former state returns to the start rather than crash.
    return view.before_recall or BusinessState.SENT


def _requested(view: BusinessView, request: BusinessState) -> BusinessView:
    before = _underneath(view) if view.state in REQUEST_STATES else view.state
    return BusinessView(state=request, before_recall=before)


def _apply_underneath(current: BusinessView, code: StatusCode) -> StatusOutcome:
    below = apply_status(BusinessView(state=_underneath(current)), code)
    if below.effect is not Effect.APPLIED:
        return StatusOutcome(view=current, effect=below.effect)
    if below.view.state in FINAL_STATES:
        return below
    return StatusOutcome(
        view=BusinessView(state=current.state, before_recall=below.view.state), effect=Effect.APPLIED
    )


def mermaid() -> str:
    """The applied moves as a diagram for the documentation; requests by document type beside the codes."""
    lines = ["stateDiagram-v2", "    [*] --> sent: delivered"]
    moves: dict[tuple[str, str], list[str]] = {}
    for (state, code), move in MOVES.items():
        if move.effect is Effect.APPLIED and isinstance(move.to, BusinessState):
            moves.setdefault((state.value, move.to.value), []).append(code.value)
    for (source, target), codes in moves.items():
        lines.append(f"    {source} --> {target}: {', '.join(codes)}")
    lines += [f"    live --> {state}: type {doc_type}" for doc_type, state in _REQUEST_OF_TYPE.items()]
    lines += [f"    {state} --> before_request: {_codes_back(state)}" for state in sorted(REQUEST_STATES)]
    lines += [f"    {state} --> [*]" for state in sorted(FINAL_STATES)]
    return "\n".join(lines) + "\n"


def _codes_back(state: BusinessState) -> str:
    return ", ".join(code.value for code in StatusCode if MOVES[state, code].to is Target.BEFORE)
