"""The memory of empty lists: right until a bell rings, and not for ever."""

from __future__ import annotations

import time
from uuid import UUID

import pytest

from hub.services import nothing_new
from hub.services.nothing_new import NothingNew

ONE, OTHER = UUID(int=1), UUID(int=2)


class Bell:
    """A wake-up that a test rings."""

    def __init__(self) -> None:
        self.was_rung = False
        self.closed = False

    async def wait(self, _seconds: float) -> bool:
        raise AssertionError("nobody waits here")

    def rung(self) -> bool:
        was, self.was_rung = self.was_rung, False
        return was

    def close(self) -> None:
        self.closed = True


class Bells:
    """Wake-ups by system."""

    def __init__(self) -> None:
        self.of: dict[UUID, Bell] = {}

    def subscribe(self, system_id: UUID) -> Bell:
        return self.of.setdefault(system_id, Bell())

    def wake_everybody(self) -> None:
        for bell in self.of.values():
            bell.was_rung = True


@pytest.fixture
def bells() -> Bells:
    return Bells()


@pytest.fixture
def memory(bells: Bells) -> NothingNew:
    return NothingNew(bells)


def find_empty(memory: NothingNew, system: UUID = ONE, name: str = "documents") -> None:
    memory.begin(system)
    memory.found_empty(system, name)


def test_a_list_that_nobody_has_read_is_not_known_to_be_empty(memory: NothingNew) -> None:
    assert not memory.is_empty(ONE, "documents")


def test_a_list_found_empty_stays_empty(memory: NothingNew) -> None:
    find_empty(memory)
    assert memory.is_empty(ONE, "documents")


def test_each_list_is_remembered_by_itself(memory: NothingNew) -> None:
    find_empty(memory)
    assert not memory.is_empty(ONE, "statuses")
    assert not memory.is_empty(OTHER, "documents")


def test_a_bell_ends_the_memory_of_all_lists_of_its_system(memory: NothingNew, bells: Bells) -> None:
    find_empty(memory)
    find_empty(memory, name="statuses")
    find_empty(memory, OTHER)
    bells.of[ONE].was_rung = True
    assert not memory.is_empty(ONE, "documents")
    assert not memory.is_empty(ONE, "statuses")
    assert memory.is_empty(OTHER, "documents")


def test_a_bell_during_the_reading_keeps_it_from_being_remembered(memory: NothingNew, bells: Bells) -> None:
    memory.begin(ONE)
    bells.of[ONE].was_rung = True
    memory.found_empty(ONE, "documents")
    assert not memory.is_empty(ONE, "documents")


def test_the_memory_ends_by_itself(memory: NothingNew, monkeypatch: pytest.MonkeyPatch) -> None:
    find_empty(memory)
    then = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: then + nothing_new.REMEMBERED_S + 1)
    assert not memory.is_empty(ONE, "documents")


def test_a_memory_that_is_full_forgets_all_and_lets_go(
    memory: NothingNew, bells: Bells, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nothing_new, "SYSTEMS_MOST", 1)
    find_empty(memory)
    find_empty(memory, OTHER)
    assert bells.of[ONE].closed
    assert not memory.is_empty(ONE, "documents")
    assert memory.is_empty(OTHER, "documents")
