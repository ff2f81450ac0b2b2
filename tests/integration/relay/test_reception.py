"""What comes from the national exchange not as it should be: held, quarantined, recognised, or late."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.domain.directory import UnitState
from hub.ports.national import ExchangeRefused, ExchangeUnavailable, MessageType, Package, Word
from hub.ports.relay import PackageState
from hub.services.registry import RegistryError
from hub.services.relay import Reception
from hub.services.relay_content import content_digest
from hub.services.relay_desk import RelayDesk
from hub.storage.unit_of_work import PgUnitOfWork
from tests.support.hub import B_NEW, DIRECTORY, LOCKED, A, B, HubUnderTest, hub_on
from tests.support.messages import letter, status, update
from tests.support.national import CENTRE, MINISTRIES, MINISTRY, MINISTRY_NEW, NATION, OFFICE, WAY_OUT


class FakeExchange:
    """An exchange in memory: packages by id, and what it was told."""

    def __init__(self) -> None:
        self.packages: dict[str, tuple[Package, bytes]] = {}
        self.told: list[tuple[str, str]] = []
        self.fails: Exception | None = None
        self.other_way: dict[str, bytes] = {}
        self.fetched: list[str] = []

    def put(self, body: bytes, *, name: str = "p1", to: str = A, kind: str = "edoc") -> None:
        """Have a package wait."""
        package = Package(package_id=name, message_type=MessageType(kind), from_code=MINISTRY, to_code=to)
        self.packages[name] = (package, body)

    async def received(self, kind: MessageType, *, since: datetime | None) -> tuple[Package, ...]:
        """List."""
        if self.fails is not None:
            raise self.fails
        return tuple(p for p, _ in self.packages.values() if p.message_type is kind)

    async def download(self, package_id: str) -> AsyncIterator[bytes]:
        """One way."""
        self.fetched.append(package_id)
        if self.fails is not None:
            raise self.fails
        yield self.packages[package_id][1]

    async def download_again(self, package_id: str) -> AsyncIterator[bytes]:
        """The other way."""
        yield self.other_way.get(package_id, self.packages[package_id][1])

    async def tell(self, package_id: str, word: Word, *, text: str = "") -> None:
        """Note a word; a settled package is listed no more."""
        if self.fails is not None:
            raise self.fails
        self.told.append((package_id, word.value))
        if word is not Word.PROCESSING:
            self.packages.pop(package_id, None)

    async def sent(self, kind: MessageType) -> tuple[Any, ...]:
        """Nothing."""
        return ()

    async def agencies(self) -> tuple[Any, ...]:
        """Nobody."""
        return ()

    async def close(self) -> None:
        """Nothing to close."""


class Station:
    """A hub and an exchange in memory that it polls."""

    def __init__(self, hub: HubUnderTest, exchange: FakeExchange) -> None:
        self.hub = hub
        self.exchange = exchange
        self.desk = RelayDesk(PgUnitOfWork(hub.pool), hub.blobs)

    async def poll(self, **later: float) -> None:
        """Poll once, after a while."""
        await self.hub.later(**(later or {"minutes": 2}))
        await self.hub.poller.poll()
        await self.hub.settle()

    async def package(self, name: str = "p1") -> dict[str, Any]:
        """The row of a package."""
        row = await self.hub.pool.fetchrow("SELECT * FROM relay_package WHERE package_id = $1", name)
        return dict(row or {})


@pytest.fixture
async def station(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Station]:
    exchange = FakeExchange()
    monkeypatch.setattr("adapters.vxp.poller._exchange", lambda _exit: exchange)
    more = {"hub_code": CENTRE, "relay": {"directory_sync": False}}
    async with hub_on(database_url, tmp_path, more=more) as hub:
        await hub.pushed_to(WAY_OUT, adapter="national", endpoint="http://127.0.0.1:9", system_id=CENTRE)
        await hub.pushing.adapters.put_secret(WAY_OUT, "secret", b"x")
        yield Station(hub, exchange)


@pytest.fixture
async def dms(station: Station) -> Any:
    return await station.hub.system("DMS", A, B)


def with_hop(body: bytes, centre: str) -> bytes:
    """The message after it has passed through a centre."""
    hop = f"<edXML:TraceHeader><edXML:OrganId>{centre}</edXML:OrganId></edXML:TraceHeader>"
    return body.replace(b"</edXML:TraceHeaderList>", hop.encode() + b"</edXML:TraceHeaderList>")


async def test_a_package_is_confirmed_only_after_it_is_committed(station: Station, dms: Any) -> None:
    station.exchange.put(letter(MINISTRY, [A]))
    await station.poll()
    assert station.exchange.told == [("p1", "done")]
    assert (await station.package())["state"] == "taken"
    assert len(await dms.take_all()) == 1


async def test_a_package_that_is_listed_again_is_only_confirmed_again(station: Station, dms: Any) -> None:
    station.exchange.put(letter(MINISTRY, [A]))
    await station.poll()
    station.exchange.put(letter(MINISTRY, [A]))
    await station.poll()
    assert station.exchange.told == [("p1", "done")] * 2
    assert station.exchange.fetched == ["p1"]
    assert len(await dms.inbox()) == 1


async def test_the_same_letter_in_other_bytes_under_another_package_is_known(
    station: Station, dms: Any
) -> None:
    body = letter(MINISTRY, [A])
    station.exchange.put(body, name="p1")
    station.exchange.put(with_hop(body, NATION).replace(b"\n", b"\r\n"), name="p2")
    await station.poll()
    assert sorted(station.exchange.told) == [("p1", "done"), ("p2", "done")]
    assert await station.hub.count("document") == 1
    assert len(await dms.inbox()) == 1


async def test_packages_that_name_only_their_own_recipient_become_one_document(
    station: Station, dms: Any
) -> None:
    station.exchange.put(letter(MINISTRY, [A]), name="p1", to=A)
    await station.poll()
    station.exchange.put(letter(MINISTRY, [B]), name="p2", to=B)
    await station.poll()
    assert await station.hub.count("document") == 1
    units = await station.hub.column("SELECT unit_id FROM delivery ORDER BY unit_id")
    assert units == [A, B]
    assert sorted(offer["unit"] for offer in await dms.inbox()) == [A, B]


async def test_a_recipient_that_only_the_package_names_is_served(station: Station, dms: Any) -> None:
    station.exchange.put(letter(MINISTRY, [OFFICE]), to=B_NEW)
    await station.poll()
    assert [offer["unit"] for offer in await dms.inbox()] == [B]


async def test_the_same_number_with_other_content_is_quarantined(station: Station, dms: Any) -> None:
    station.exchange.put(letter(MINISTRY, [A]), name="p1")
    station.exchange.put(letter(MINISTRY, [A], subject="Nội dung khác"), name="p2")
    await station.poll()
    assert (await station.package("p2"))["code"] == "document_conflict"
    assert ("p2", "fail") in station.exchange.told
    assert len(await dms.inbox()) == 1


async def test_two_updates_of_one_letter_are_two_versions_and_a_repeated_one_is_not(
    station: Station, dms: Any
) -> None:
    station.exchange.put(letter(MINISTRY, [A], number=7), name="p1")
    station.exchange.put(update(MINISTRY, [A], number=7, text="lần một"), name="p2")
    station.exchange.put(update(MINISTRY, [A], number=7, text="lần hai"), name="p3")
    station.exchange.put(update(MINISTRY, [A], number=7, text="lần một").replace(b"\n", b"\r\n"), name="p4")
    await station.poll()
    versions = await station.hub.column("SELECT version_no FROM document ORDER BY version_no")
    assert versions == [1, 2, 3]


async def test_a_letter_in_the_name_of_one_of_ours_is_refused(station: Station, dms: Any) -> None:
    station.exchange.put(letter(B, [A]))
    await station.poll()
    assert (await station.package())["code"] == "relay_sender_is_ours"
    assert station.exchange.told == [("p1", "fail")]
    assert await dms.inbox() == []


async def test_our_own_hop_is_a_loop_held_until_a_person_has_looked(station: Station, dms: Any) -> None:
    station.exchange.put(with_hop(letter(MINISTRY, [A]), CENTRE.lower()))
    await station.poll()
    assert (await station.package())["state"] == "held"
    assert station.exchange.told == [("p1", "processing")]
    assert await dms.inbox() == []
    await station.desk.retry("p1")
    await station.poll()
    assert station.exchange.told[-1] == ("p1", "done")
    assert len(await dms.inbox()) == 1
    assert (await station.package())["blob_id"] is None


async def test_what_is_no_message_fails_once_and_is_kept(station: Station, dms: Any) -> None:
    station.exchange.put(b"<edXML>khong doc duoc")
    await station.poll()
    await station.poll()
    assert station.exchange.told == [("p1", "fail")]
    (kept,) = await station.desk.kept()
    assert kept.state is PackageState.QUARANTINED
    assert kept.blob_id is not None
    assert kept.blob_id in await station.hub.stored_blobs()
    await station.desk.drop("p1")
    assert kept.blob_id not in await station.hub.stored_blobs()
    with pytest.raises(RegistryError, match="package_not_kept"):
        await station.desk.retry("p1")


async def test_a_bad_reading_is_checked_by_the_other_way_before_anything_is_told(
    station: Station, dms: Any
) -> None:
    body = letter(MINISTRY, [A])
    station.exchange.put(body[: len(body) // 2])
    station.exchange.other_way["p1"] = body
    await station.poll()
    assert station.exchange.told == [("p1", "done")]
    assert len(await dms.inbox()) == 1


async def test_a_state_secret_leaves_no_bytes(station: Station, dms: Any) -> None:
    station.exchange.put(letter(MINISTRY, [A], typer="MẬT"))
    await station.poll()
    package = await station.package()
    assert (package["code"], package["blob_id"]) == ("secrecy_mark", None)
    assert await station.hub.stored_blobs() == set()
    with pytest.raises(RegistryError, match="package_without_bytes"):
        await station.desk.retry("p1")


async def test_a_locked_recipient_is_quarantined_and_taken_when_it_is_open_again(
    station: Station, dms: Any
) -> None:
    await station.hub.registry.assign("DMS", [LOCKED])
    station.exchange.put(letter(MINISTRY, [LOCKED]), to=LOCKED)
    await station.poll()
    assert (await station.package())["code"] == "recipient_locked"
    await station.hub.pool.execute("UPDATE agency SET state = 'active' WHERE unit_id = $1", LOCKED)
    await station.hub.pool.execute("UPDATE directory_version SET version = version + 1")
    await station.desk.retry("p1")
    await station.poll()
    assert (await station.package())["state"] == "taken"
    # The exchange was told that it failed and never changes that.
    assert station.exchange.told == [("p1", "fail")]


async def test_an_outage_is_an_error_and_mail_comes_after_it(station: Station, dms: Any) -> None:
    station.exchange.fails = ExchangeUnavailable("answer_unreadable")
    station.exchange.put(letter(MINISTRY, [A]))
    for _ in range(3):
        await station.poll(minutes=30)
    (view,) = await station.desk.status()
    assert view.state is not None
    assert view.state.last_error == "answer_unreadable"
    assert view.state.failures == 3
    station.exchange.fails = None
    await station.poll(minutes=30)
    assert len(await dms.inbox()) == 1
    (view,) = await station.desk.status()
    assert view.state is not None
    assert view.state.last_error is None


async def test_a_word_that_was_lost_is_owed_and_told_with_the_next_round(station: Station, dms: Any) -> None:
    station.exchange.put(letter(MINISTRY, [A]))
    refuse = station.exchange.tell

    async def lost(*_: Any, **__: Any) -> None:
        raise ExchangeUnavailable("not_reached")

    station.exchange.tell = lost  # type: ignore[method-assign]
    await station.poll()
    package = await station.package()
    assert (package["to_tell"], package["told"]) == ("done", None)
    station.exchange.tell = refuse  # type: ignore[method-assign]
    await station.poll()
    assert station.exchange.told == [("p1", "done")]


async def test_a_word_that_the_exchange_will_not_have_is_not_repeated_for_ever(
    station: Station, dms: Any
) -> None:
    station.exchange.put(letter(MINISTRY, [A]))
    asked = []

    async def refused(package_id: str, word: Word, *, text: str = "") -> None:
        asked.append(package_id)
        station.exchange.packages.clear()
        raise ExchangeRefused("21")

    station.exchange.tell = refused  # type: ignore[method-assign]
    await station.poll()
    await station.poll()
    assert asked == ["p1"]


async def test_a_word_refused_for_want_of_fetching_is_said_again_after_fetching(
    station: Station, dms: Any
) -> None:
    station.exchange.put(letter(MINISTRY, [A]))
    say = station.exchange.tell

    async def refused(package_id: str, word: Word, *, text: str = "") -> None:
        raise ExchangeRefused("21")

    station.exchange.tell = refused  # type: ignore[method-assign]
    await station.poll()
    station.exchange.tell = say  # type: ignore[method-assign]
    await station.poll()
    assert station.exchange.fetched == ["p1", "p1"]
    assert station.exchange.told == [("p1", "done")]
    assert len(await dms.inbox()) == 1


async def test_a_held_package_that_is_listed_on_is_left_alone(station: Station, dms: Any) -> None:
    station.exchange.put(with_hop(letter(MINISTRY, [A]), CENTRE))
    await station.poll()
    await station.poll()
    assert station.exchange.told == [("p1", "processing")]
    assert station.exchange.fetched == ["p1"]


async def test_an_exchange_without_a_sent_list_still_brings_mail(
    station: Station, dms: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unknown(_kind: MessageType) -> Any:
        raise ExchangeRefused("20")

    monkeypatch.setattr(station.exchange, "sent", unknown)
    for name in ("p1", "p2", "p3"):
        station.exchange.put(letter(MINISTRY, [A], number=name), name=name)
        await station.poll(hours=1)
    assert len(await dms.inbox()) == 3
    (view,) = await station.desk.status()
    assert view.state is not None
    assert view.state.failures == 0


async def test_a_node_that_dies_after_the_commit_leaves_a_letter_that_is_known(
    station: Station, dms: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = letter(MINISTRY, [A])
    station.exchange.put(body)

    async def dies(*_: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(Reception, "_write", dies)
        with pytest.raises(ExceptionGroup):
            await station.poll()
    assert await station.package() == {}
    assert station.exchange.told == []
    # The exchange writes it anew for the next node.
    station.exchange.put(with_hop(body, NATION))
    await station.poll(minutes=5)
    assert station.exchange.told == [("p1", "done")]
    assert await station.hub.count("document") == 1
    assert len(await dms.inbox()) == 1


async def test_a_package_that_brings_out_a_fault_of_ours_keeps_no_other_from_coming(
    station: Station, dms: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = content_digest

    def broken(received: Any) -> bytes:
        if b"so 1" in received.path.read_bytes():
            raise RuntimeError("a bug")
        return digest(received)

    monkeypatch.setattr("hub.services.intake.content_digest", broken)
    station.exchange.put(letter(MINISTRY, [A], number=1, subject="so 1"), name="p1")
    station.exchange.put(letter(MINISTRY, [A], number=2, subject="so 2"), name="p2")
    await station.poll()
    assert station.exchange.told == [("p2", "done")]
    package = await station.package("p1")
    assert (package["state"], package["code"]) == ("waiting", "hub_fault")
    assert len(await dms.inbox()) == 1


async def test_what_came_before_the_directory_knew_the_sender_is_known_after(
    station: Station, dms: Any
) -> None:
    body = letter(MINISTRY_NEW, [A])
    station.exchange.put(body, name="p1")
    await station.poll()
    await station.hub.registry.replace_directory((*DIRECTORY, *MINISTRIES))
    station.exchange.put(with_hop(body, NATION), name="p2")
    await station.poll()
    assert station.exchange.told == [("p1", "done"), ("p2", "done")]
    assert await station.hub.count("document") == 1


async def test_a_release_in_vain_is_kept_again_and_told(station: Station, dms: Any) -> None:
    station.exchange.put(with_hop(letter(MINISTRY, [LOCKED]), CENTRE), to=LOCKED)
    await station.hub.registry.assign("DMS", [LOCKED])
    await station.hub.pool.execute("UPDATE agency SET state = 'active' WHERE unit_id = $1", LOCKED)
    await station.hub.pool.execute("UPDATE directory_version SET version = version + 1")
    await station.poll()
    assert (await station.package())["state"] == "held"
    await station.hub.registry.set_unit_state(LOCKED, UnitState.LOCKED)
    await station.desk.retry("p1")
    await station.poll()
    package = await station.package()
    assert (package["state"], package["code"]) == ("quarantined", "recipient_locked")
    assert station.exchange.told == [("p1", "processing"), ("p1", "fail")]


async def test_kept_bytes_that_are_gone_keep_no_other_mail_from_coming(station: Station, dms: Any) -> None:
    station.exchange.put(b"<edXML>khong doc duoc", name="p1")
    await station.poll()
    (kept,) = await station.desk.kept()
    assert kept.blob_id is not None
    await station.hub.blobs.delete(kept.blob_id)
    await station.desk.retry("p1")
    station.exchange.put(letter(MINISTRY, [A]), name="p2")
    await station.poll()
    assert (await station.package("p1"))["code"] == "blob_missing"
    assert len(await dms.inbox()) == 1
    (view,) = await station.desk.status()
    assert view.state is not None
    assert view.state.last_error is None


async def test_silence_is_alarmed_once_and_ends_with_mail(station: Station, dms: Any) -> None:
    await station.poll()
    await station.poll(hours=25)
    (view,) = await station.desk.status()
    assert view.state is not None
    assert view.state.silence_told_at is not None
    told_at = view.state.silence_told_at
    await station.poll(hours=1)
    (view,) = await station.desk.status()
    assert view.state is not None
    assert view.state.silence_told_at == told_at
    station.exchange.put(letter(MINISTRY, [A]))
    await station.poll(hours=1)
    (view,) = await station.desk.status()
    assert view.state is not None
    assert view.state.silence_told_at is None


async def test_a_status_of_an_unknown_document_is_parked_and_a_repeated_one_dropped(
    station: Station, dms: Any
) -> None:
    body = status(MINISTRY_NEW, "01", about=(A, 3), to=A)
    station.exchange.put(body, name="s1", kind="status")
    station.exchange.put(body.replace(b"\n", b"\r\n"), name="s2", kind="status")
    await station.poll()
    assert await station.hub.count("document") == 1
    assert sorted(station.exchange.told) == [("s1", "done"), ("s2", "done")]
    assert await station.hub.column("SELECT parked_until IS NOT NULL FROM delivery") == [True]


async def test_one_node_polls_at_a_time(station: Station, dms: Any) -> None:
    async with PgUnitOfWork(station.hub.pool).begin() as tx:
        (system,) = await tx.relay.exchanges()
        held = await tx.relay.claim(system.id, owner="another node", lease=timedelta(minutes=5))
    assert held is not None
    station.exchange.put(letter(MINISTRY, [A]))
    await station.poll(minutes=2)
    assert station.exchange.fetched == []
    await station.poll(minutes=5)
    assert station.exchange.fetched == ["p1"]
