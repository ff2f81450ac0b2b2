"""Pain 10: a change of keys, secrets or certificates is an outage elsewhere. Here two are valid at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from hub.domain.binding import Peer as Shown
from hub.domain.binding import PinnedCertificate
from tests.support.exit_contract import send
from tests.support.exit_fake import SECRET, FakePeer
from tests.support.hub import A, B, HubUnderTest, Peer, hub_on
from tests.support.messages import letter
from tests.support.push import pushed

OLD, NEW = b"\x01" * 32, b"\x02" * 32
A_WEEK = timedelta(days=7)


@pytest.fixture
def partner() -> FakePeer:
    """A system that is pushed to and knows one password at a time."""
    return FakePeer()


@pytest.fixture
async def pushing(database_url: str, tmp_path: Path, partner: FakePeer) -> AsyncIterator[HubUnderTest]:
    """A hub that can push to it."""
    async with hub_on(database_url, tmp_path, exits=[partner.kind()]) as made:
        yield made


def with_key(hub: HubUnderTest, peer: Peer, key: str) -> Peer:
    """The same system with another key."""
    hub.services.access.forget()
    return hub.peer(peer.name, key, peer.caller)


async def test_pain_10_what_was_leased_under_the_old_api_key_is_confirmed_under_the_new_one(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    sent = await a.accepted(letter(A, B))
    await hub.settle()
    delivery_id = await b.only()
    token = await b.lease(delivery_id)
    renewed = with_key(hub, b, (await hub.registry.new_key("DMS B")).text)
    assert (await b.content(delivery_id, token)).status == 200
    assert (await renewed.act(delivery_id, "confirm", lease_token=token)).status == 200
    assert (await a.show(sent.document_id))["deliveries"][0]["state"] == "confirmed"


async def test_pain_10_both_api_keys_work_for_a_week_then_the_new_one_alone(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    renewed = with_key(hub, b, (await hub.registry.new_key("DMS B")).text)
    assert (await b.inbox(), await renewed.inbox()) == ([], [])
    await hub.later(days=8)
    hub.services.access.forget()
    assert (await b.call("GET", "/api/v1/inbox")).code == "key_expired"
    assert await renewed.inbox() == []


async def test_pain_10_a_pushed_system_may_change_its_secret_before_or_after_the_hub_and_misses_nothing(
    pushing: HubUnderTest, partner: FakePeer
) -> None:
    hub = pushing
    a = await hub.system("DMS A", A)
    await pushed(hub, "DMS B", B)
    sent = [await send(hub, a)]
    await hub.push()
    await hub.pushing.adapters.put_secret("DMS B", SECRET, b"second")
    sent.append(await send(hub, a))
    await hub.push()
    await partner.change_secret()
    sent.append(await send(hub, a))
    await hub.push()
    await hub.later(days=8)
    sent.append(await send(hub, a))
    await hub.push()
    states = [(await a.show(each.document_id))["deliveries"][0]["state"] for each in sent]
    assert states == ["confirmed"] * 4
    assert await hub.pushing.adapters.peers() == ()
    failed = await hub.column("SELECT count(*) FROM event WHERE kind = 'delivery_attempt_failed'")
    assert failed == [0]


async def test_pain_10_two_pinned_certificates_let_a_system_in_until_the_old_one_ends(
    hub: HubUnderTest, b: Peer
) -> None:
    settings = hub.registry.settings
    await settings.pin("DMS B", PinnedCertificate(sha256=OLD))
    now = (await settings.show("DMS B")).now
    ends = now + A_WEEK
    await settings.pin("DMS B", PinnedCertificate(sha256=NEW), others_end=ends)
    binding = (await settings.show("DMS B")).system.binding
    let_in = {
        (name, later): binding.problem(Shown(certificate_sha256=digest), now + later) is None
        for name, digest in (("old", OLD), ("new", NEW))
        for later in (timedelta(0), 2 * A_WEEK)
    }
    assert let_in == {
        ("old", timedelta(0)): True,
        ("new", timedelta(0)): True,
        ("old", 2 * A_WEEK): False,
        ("new", 2 * A_WEEK): True,
    }
