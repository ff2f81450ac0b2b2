"""States of one delivery on its way through the hub, as one table of moves.

A delivery is one document for one canonical unit. The table below is the only truth about its moves: the
services change a state through ``advance`` alone, SQL checks and the diagram in the documentation are made
from the same table. What is not in the table is illegal: it is recorded, never applied, and never stops the
hub. A move that says again what already is (``REPEATS``) is no error either: it is answered as the first
time and nothing is written.

Points that are easily got wrong:

* *confirm* is legal wherever the recipient may hold the document: also after its lease ran out (``queued``)
  and after evidence of non-delivery went out (``undeliverable``: the evidence stands, a correcting event
  follows).
* The deadline runs in ``held`` too; it does not end a delivery that still awaits its verification, because
  a later *resend* would then hand over what nobody has checked. Verification itself always ends.
* *resend* of what was held and never released goes back to ``held`` (``resend_held``), else an expired
  deadline would be a way around the hold. ``resend_event`` chooses.
* *withdraw* promises the sender that the body was not sent. From ``queued`` it is legal only while the body
  has never left (``may_withdraw``); afterwards a recall is the business of codes 13, 15 and 16.
* *quarantine* holds a status whose document nobody has seen within 24 h: it was queued unread, a person
  decides now.
* *redirect* ends a delivery in favour of another unit, which gets one of its own, linked to it. Nobody may
  hold it meanwhile. Who had the document by an earlier lease may still confirm it.
* *secrecy_found* leads to ``refused`` from every state in which the hub might still hand the body over,
  now or after a resend: the body is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from hub.domain.problems import HubError


class DeliveryState(StrEnum):
    AWAITING_VERIFICATION = "awaiting_verification"
    HELD = "held"
    QUEUED = "queued"
    LEASED = "leased"
    HANDED_OVER = "handed_over"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    UNDELIVERABLE = "undeliverable"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    REDIRECTED = "redirected"


class DeliveryEvent(StrEnum):
    VERIFIED_DELIVER = "verified_deliver"
    VERIFIED_HOLD = "verified_hold"
    VERIFIED_REFUSE = "verified_refuse"
    RELEASE = "release"
    REFUSE = "refuse"
    LEASE = "lease"
    HAND_OVER = "hand_over"
    LEASE_EXPIRED = "lease_expired"
    DELIVERY_FAILED = "delivery_failed"
    CONFIRM = "confirm"
    REJECT = "reject"
    GIVE_UP = "give_up"
    WITHDRAW = "withdraw"
    RESEND = "resend"
    RESEND_HELD = "resend_held"
    SECRECY_FOUND = "secrecy_found"
    QUARANTINE = "quarantine"
    REDIRECT = "redirect"


_S, _E = DeliveryState, DeliveryEvent

TRANSITIONS: Mapping[tuple[DeliveryState, DeliveryEvent], DeliveryState] = MappingProxyType(
    {
        (_S.AWAITING_VERIFICATION, _E.VERIFIED_DELIVER): _S.QUEUED,
        (_S.AWAITING_VERIFICATION, _E.VERIFIED_HOLD): _S.HELD,
        (_S.AWAITING_VERIFICATION, _E.VERIFIED_REFUSE): _S.REFUSED,
        (_S.AWAITING_VERIFICATION, _E.WITHDRAW): _S.WITHDRAWN,
        (_S.AWAITING_VERIFICATION, _E.SECRECY_FOUND): _S.REFUSED,
        (_S.HELD, _E.RELEASE): _S.QUEUED,
        (_S.HELD, _E.REFUSE): _S.REFUSED,
        (_S.HELD, _E.GIVE_UP): _S.UNDELIVERABLE,
        (_S.HELD, _E.WITHDRAW): _S.WITHDRAWN,
        (_S.HELD, _E.SECRECY_FOUND): _S.REFUSED,
        (_S.QUEUED, _E.LEASE): _S.LEASED,
        (_S.QUEUED, _E.CONFIRM): _S.CONFIRMED,
        (_S.QUEUED, _E.GIVE_UP): _S.UNDELIVERABLE,
        (_S.QUEUED, _E.WITHDRAW): _S.WITHDRAWN,
        (_S.QUEUED, _E.SECRECY_FOUND): _S.REFUSED,
        (_S.QUEUED, _E.QUARANTINE): _S.HELD,
        (_S.LEASED, _E.HAND_OVER): _S.HANDED_OVER,
        (_S.LEASED, _E.LEASE_EXPIRED): _S.QUEUED,
        (_S.LEASED, _E.DELIVERY_FAILED): _S.QUEUED,
        (_S.LEASED, _E.CONFIRM): _S.CONFIRMED,
        (_S.LEASED, _E.REJECT): _S.REJECTED,
        (_S.LEASED, _E.GIVE_UP): _S.UNDELIVERABLE,
        (_S.LEASED, _E.SECRECY_FOUND): _S.REFUSED,
        (_S.HANDED_OVER, _E.LEASE_EXPIRED): _S.QUEUED,
        (_S.HANDED_OVER, _E.DELIVERY_FAILED): _S.QUEUED,
        (_S.HANDED_OVER, _E.CONFIRM): _S.CONFIRMED,
        (_S.HANDED_OVER, _E.REJECT): _S.REJECTED,
        (_S.HANDED_OVER, _E.GIVE_UP): _S.UNDELIVERABLE,
        (_S.HANDED_OVER, _E.SECRECY_FOUND): _S.REFUSED,
        (_S.REJECTED, _E.RESEND): _S.QUEUED,
        (_S.REJECTED, _E.SECRECY_FOUND): _S.REFUSED,
        (_S.UNDELIVERABLE, _E.CONFIRM): _S.CONFIRMED,
        (_S.UNDELIVERABLE, _E.RESEND): _S.QUEUED,
        (_S.UNDELIVERABLE, _E.RESEND_HELD): _S.HELD,
        (_S.UNDELIVERABLE, _E.SECRECY_FOUND): _S.REFUSED,
        (_S.HELD, _E.REDIRECT): _S.REDIRECTED,
        (_S.QUEUED, _E.REDIRECT): _S.REDIRECTED,
        (_S.REJECTED, _E.REDIRECT): _S.REDIRECTED,
        (_S.UNDELIVERABLE, _E.REDIRECT): _S.REDIRECTED,
        (_S.REDIRECTED, _E.CONFIRM): _S.CONFIRMED,
    }
)

REPEATS: frozenset[tuple[DeliveryState, DeliveryEvent]] = frozenset(
    {
        (_S.HANDED_OVER, _E.HAND_OVER),
        (_S.CONFIRMED, _E.CONFIRM),
        (_S.REJECTED, _E.REJECT),
        (_S.UNDELIVERABLE, _E.GIVE_UP),
        (_S.REFUSED, _E.REFUSE),
        (_S.REFUSED, _E.VERIFIED_REFUSE),
        (_S.REFUSED, _E.SECRECY_FOUND),
        (_S.WITHDRAWN, _E.WITHDRAW),
    }
)
"""Moves that say what already is: answered as the first time, nothing written."""

OPEN_STATES: frozenset[DeliveryState] = frozenset(
    {_S.AWAITING_VERIFICATION, _S.HELD, _S.QUEUED, _S.LEASED, _S.HANDED_OVER}
)
ENDED_STATES: frozenset[DeliveryState] = frozenset(_S) - OPEN_STATES
LEASED_STATES: frozenset[DeliveryState] = frozenset({_S.LEASED, _S.HANDED_OVER})
"""States in which a lease runs."""
DEADLINE_STATES: frozenset[DeliveryState] = frozenset(
    state for state, event in TRANSITIONS if event is _E.GIVE_UP
)
"""States that a passed deadline ends."""

FIRST_STATE_OF_DOCUMENT = _S.AWAITING_VERIFICATION
FIRST_STATE_OF_STATUS = _S.QUEUED
"""Statuses carry no file and no signature: there is nothing to verify."""


class IllegalTransition(HubError):
    """A move that the table does not know."""

    def __init__(self, state: DeliveryState, event: DeliveryEvent) -> None:
        super().__init__(
            "delivery_ended" if state in ENDED_STATES else "delivery_not_open",
            params={"state": state.value, "event": event.value},
        )
        self.state = state
        self.event = event


def advance(state: DeliveryState, event: DeliveryEvent) -> DeliveryState:
    """The state after the event; ``IllegalTransition`` if the table has no such move."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(state, event) from None


def is_repeat(state: DeliveryState, event: DeliveryEvent) -> bool:
    """Whether the event only says again what the state already says."""
    return (state, event) in REPEATS


def may_withdraw(state: DeliveryState, *, body_may_have_left: bool) -> bool:
    """Whether a recall may still stop the body itself.

    ``body_may_have_left``: the body was handed over once, or a lease was given under which it may have
    been fetched. When in doubt, true: evidence that the body was not sent must be true evidence.
    """
    return (state, _E.WITHDRAW) in TRANSITIONS and not body_may_have_left


def resend_event(state: DeliveryState, *, hold_unreleased: bool) -> DeliveryEvent:
    """The event of an administrator's resend: back to the hold if nobody has released it."""
    return _E.RESEND_HELD if hold_unreleased and state is _S.UNDELIVERABLE else _E.RESEND


def mermaid() -> str:
    """The table as a diagram for the documentation, in the order in which it is written."""
    lines = [
        "stateDiagram-v2",
        f"    [*] --> {FIRST_STATE_OF_DOCUMENT}: document",
        f"    [*] --> {FIRST_STATE_OF_STATUS}: status",
    ]
    moves: dict[tuple[DeliveryState, DeliveryState], list[str]] = {}
    for (state, event), target in TRANSITIONS.items():
        moves.setdefault((state, target), []).append(event.value)
    lines += [f"    {state} --> {target}: {', '.join(events)}" for (state, target), events in moves.items()]
    final = (state for state in DeliveryState if not any(source is state for source, _ in TRANSITIONS))
    lines += [f"    {state} --> [*]" for state in final]
    return "\n".join(lines) + "\n"
