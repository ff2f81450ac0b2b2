"""Places at the counter."""

from __future__ import annotations

from uuid import UUID

import pytest

from hub.domain.problems import Refusal
from hub.services.slots import Slots

ONE, OTHER = UUID(int=1), UUID(int=2)


def refused(slots: Slots, system: UUID) -> str:
    with pytest.raises(Refusal) as caught, slots.take(system):
        pass
    assert caught.value.retry_after
    return caught.value.code


def test_one_system_cannot_take_every_place() -> None:
    slots = Slots(per_node=3, per_system=2)
    with slots.take(ONE), slots.take(ONE):
        assert refused(slots, ONE) == "system_busy"
        with slots.take(OTHER):
            assert refused(slots, OTHER) == "intake_busy"


def test_a_place_is_free_again_however_the_work_ended() -> None:
    slots = Slots(per_node=1, per_system=1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), slots.take(ONE):
            raise ZeroDivisionError
    with slots.take(ONE):
        assert refused(slots, OTHER) == "intake_busy"
    assert not slots._by_system
