from __future__ import annotations

from datetime import timedelta

import pytest

from hub.domain.leases import NO_TOKEN, TokenVerdict, lease_length, next_token, token_to_act, token_to_confirm
from hub.domain.transport import LEASED_STATES, DeliveryState


@pytest.mark.parametrize(
    ("requested", "seconds"),
    [(None, 300), (0, 30), (-5, 30), (29, 30), (30, 30), (600, 600), (3600, 3600), (86_400, 3600)],
)
def test_a_lease_lasts_five_minutes_unless_asked_within_bounds(requested: int | None, seconds: int) -> None:
    asked = None if requested is None else timedelta(seconds=requested)
    assert lease_length(asked) == timedelta(seconds=seconds)


def test_every_claim_has_a_greater_token() -> None:
    assert next_token(NO_TOKEN) == 1
    assert next_token(41) == 42


@pytest.mark.parametrize("token", [1, 2, 3])
def test_any_token_ever_given_confirms(token: int) -> None:
    assert token_to_confirm(token, given_to_system={1, 2, 3}) is TokenVerdict.VALID


@pytest.mark.parametrize("token", [0, 4, -1])
def test_a_token_never_given_does_not_confirm(token: int) -> None:
    assert token_to_confirm(token, given_to_system={0, 1, 2, 3}) is TokenVerdict.LOST


@pytest.mark.parametrize("state", sorted(LEASED_STATES))
def test_only_the_current_token_renews_and_rejects(state: DeliveryState) -> None:
    assert token_to_act(3, current=3, state=state) is TokenVerdict.VALID
    assert token_to_act(2, current=3, state=state) is TokenVerdict.LOST


@pytest.mark.parametrize("state", sorted(set(DeliveryState) - LEASED_STATES))
def test_without_a_lease_even_the_last_token_is_lost(state: DeliveryState) -> None:
    assert token_to_act(3, current=3, state=state) is TokenVerdict.LOST


def test_no_token_is_no_lease() -> None:
    assert token_to_act(NO_TOKEN, current=NO_TOKEN, state=DeliveryState.LEASED) is TokenVerdict.LOST
