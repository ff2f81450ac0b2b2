"""Who signs: names, secrets, and who is never let in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from hub.ports.records import SystemRecord
from hub.ports.secrets import SecretUnreadable
from hub.services import shared_secrets
from hub.services.shared_secrets import SharedSecrets


class Box:
    """Opens what begins with its context."""

    def __init__(self) -> None:
        self.opened = 0

    def seal(self, plain: bytes, *, context: str) -> bytes:
        return context.encode() + b"|" + plain

    def open(self, sealed: bytes, *, context: str) -> bytes:
        self.opened += 1
        begin = context.encode() + b"|"
        if not sealed.startswith(begin):
            raise SecretUnreadable(context)
        return sealed.removeprefix(begin)


class Tables:
    """Systems and secrets, and how often they were read."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.systems: dict[UUID, SystemRecord] = {}
        self.sealed: list[tuple[UUID, bytes]] = []
        self.looks = 0
        self.reads = 0

    def add(
        self, number: int, *secrets: str, adapter: str = "vxp", active: bool = True, **settings: str
    ) -> None:
        system = SystemRecord(
            id=UUID(int=number),
            name=f"system {number}",
            adapter=adapter,
            dialects=(),
            policy=(),
            active=active,
            settings=tuple(settings.items()),
        )
        self.systems[system.id] = system
        for secret in secrets:
            context = f"system:{system.id}:vxp"
            self.sealed.append((system.id, self.box.seal(secret.encode(), context=context)))

    async def mark(self, _name: str) -> str:
        self.looks += 1
        return repr((self.sealed, self.systems))

    async def all_named(self, _name: str) -> tuple[tuple[UUID, bytes], ...]:
        self.reads += 1
        return tuple(self.sealed)

    async def many(self, ids: list[UUID]) -> dict[UUID, SystemRecord]:
        return {i: self.systems[i] for i in ids}


class Query:
    """One reading of the tables."""

    def __init__(self, tables: Tables) -> None:
        self.secrets = tables
        self.systems = tables


class Uow:
    """Reads the tables."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Query]:
        yield Query(self._tables)


@pytest.fixture
def tables() -> Tables:
    return Tables(Box())


@pytest.fixture
def members(tables: Tables) -> SharedSecrets:
    uow: Any = Uow(tables)
    return SharedSecrets(uow=uow, box=tables.box, secret="vxp")


async def test_a_system_goes_by_its_own_name_for_itself(tables: Tables, members: SharedSecrets) -> None:
    tables.add(1, "new", "old", system_id="00.09.W00")
    found = await members.member("00.09.W00")
    assert found is not None
    assert found.secrets == ("new", "old")
    assert await members.member("system 1") is None


async def test_without_one_it_goes_by_the_name_that_the_hub_has_for_it(
    tables: Tables, members: SharedSecrets
) -> None:
    tables.add(1, "s", adapter="webhook")
    assert await members.member("system 1") is not None


async def test_only_two_secrets_count(tables: Tables, members: SharedSecrets) -> None:
    tables.add(1, "a", "b", "c")
    found = await members.member("system 1")
    assert found is not None
    assert found.secrets == ("a", "b")


@pytest.mark.parametrize("fields", [{"active": False}, {"adapter": "national"}])
async def test_locked_systems_and_the_way_out_are_not_let_in(
    tables: Tables, members: SharedSecrets, fields: dict[str, Any]
) -> None:
    tables.add(1, "s", **fields)
    assert await members.member("system 1") is None


async def test_a_name_that_is_taken_stays_with_the_first(tables: Tables, members: SharedSecrets) -> None:
    tables.add(1, "one", system_id="x")
    tables.add(2, "two", system_id="x")
    found = await members.member("x")
    assert found is not None
    assert found.secrets == ("one",)


async def test_a_secret_that_does_not_open_is_none(tables: Tables, members: SharedSecrets) -> None:
    tables.add(1)
    tables.sealed.append((UUID(int=1), b"damaged"))
    found = await members.member("system 1")
    assert found is not None
    assert found.secrets == ()


async def test_unknown_names_cost_no_look_up_of_their_own(tables: Tables, members: SharedSecrets) -> None:
    tables.add(1, "s")
    for number in range(100):
        assert await members.member(f"unknown {number}") is None
    assert tables.reads == 1


async def test_what_was_opened_is_not_opened_again(tables: Tables, members: SharedSecrets) -> None:
    tables.add(1, "s")
    for _ in range(3):
        await members.member("system 1")
        members.forget()
    assert tables.reads == 3
    assert tables.box.opened == 1


async def test_a_system_that_is_new_is_found_by_looking_again_but_not_for_every_call(
    tables: Tables, members: SharedSecrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await members.member("system 1") is None
    tables.add(1, "s")
    assert await members.renewed("system 1") is None
    monkeypatch.setattr(shared_secrets, "AGAIN_AFTER_S", 0.0)
    assert await members.renewed("system 1") is not None
    assert await members.member("system 1") is not None
    assert tables.reads == 2


async def test_members_that_have_not_changed_are_not_read_again(
    tables: Tables, members: SharedSecrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_secrets, "REMEMBERED_S", 0.0)
    tables.add(1, "s")
    for _ in range(3):
        assert await members.member("system 1") is not None
    assert (tables.looks, tables.reads) == (3, 1)


async def test_a_system_that_has_changed_is_read_again(
    tables: Tables, members: SharedSecrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_secrets, "REMEMBERED_S", 0.0)
    tables.add(1, "s")
    assert await members.member("system 1") is not None
    tables.systems[UUID(int=1)] = replace(tables.systems[UUID(int=1)], active=False)
    assert await members.member("system 1") is None
