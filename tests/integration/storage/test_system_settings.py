"""What administrators set for one system, and what a call with two answers to one question gets."""

from __future__ import annotations

from typing import Any

import pytest
from multidict import CIMultiDict

from hub.services.registry import RegistryError
from tests.support.hub import A, B, HubUnderTest, Peer
from tests.support.messages import letter


async def test_a_policy_is_changed_setting_by_setting(hub: HubUnderTest, a: Peer) -> None:
    settings = hub.registry.settings
    await settings.set_policy("DMS A", {"on_failed": "refuse", "on_missing": "hold"})
    changed = await settings.set_policy("DMS A", {"on_missing": None})
    assert changed.policy == (("on_failed", "refuse"),)
    assert (await settings.show("DMS A")).system.policy == changed.policy


async def test_limits_and_dialects_come_back_as_they_were_set(hub: HubUnderTest, a: Peer) -> None:
    settings = hub.registry.settings
    await settings.set_limits("DMS A", intake_at_once=2, calls_per_minute=600)
    await settings.set_limits("DMS A", intake_at_once=0)
    await settings.set_dialects("DMS A", ["qcvn-dotnet", "qcvn-prefixed", "qcvn-dotnet"])
    system = (await settings.show("DMS A")).system
    assert (system.limits.intake_at_once, system.limits.calls_per_minute) == (None, 600)
    assert system.dialects == ("qcvn-dotnet", "qcvn-prefixed")


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (lambda s: s.show("nobody"), "system_unknown"),
        (lambda s: s.set_policy("DMS A", {"on_failed": "maybe"}), "policy_invalid"),
        (lambda s: s.set_policy("DMS A", {"on_nothing": "hold"}), "policy_invalid"),
        (lambda s: s.set_dialects("DMS A", ["klingon"]), "dialect_unknown"),
        (lambda s: s.set_dialects("DMS A", []), "dialect_unknown"),
        (lambda s: s.set_limits("DMS A", intake_at_once=-1), "limit_invalid"),
        (lambda s: s.set_networks("DMS A", ["10.1.2.3/8"]), "network_invalid"),
        (lambda s: s.set_networks("DMS A", [f"10.0.{n}.0/24" for n in range(51)]), "network_invalid"),
        (lambda s: s.unpin("DMS A", bytes(32)), "pin_unknown"),
    ],
)
async def test_what_cannot_be_set_changes_nothing(hub: HubUnderTest, a: Peer, order: Any, code: str) -> None:
    before = (await hub.registry.settings.show("DMS A")).system
    with pytest.raises(RegistryError) as refused:
        await order(hub.registry.settings)
    assert refused.value.code == code
    assert (await hub.registry.settings.show("DMS A")).system == before


async def test_the_last_use_of_a_key_is_seen(hub: HubUnderTest, a: Peer) -> None:
    async def used() -> bool:
        (key,) = (await hub.registry.settings.show("DMS A")).keys
        return key.last_used_at is not None

    assert not await used()
    assert (await a.call("GET", "/api/v1/inbox")).status == 200
    assert await used()


async def test_two_keys_in_one_call_are_refused(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    both = CIMultiDict([("Authorization", f"Bearer {peer.key}") for peer in (a, b)])
    async with hub.session.get(f"{hub.url}/api/v1/inbox", headers=both) as answer:
        assert (answer.status, (await answer.json(content_type=None))["params"]) == (
            400,
            {"field": "Authorization"},
        )


async def test_two_names_of_one_submission_are_refused(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    named = CIMultiDict([("Idempotency-Key", "1"), ("Idempotency-Key", "2")])
    headers = CIMultiDict({"Authorization": f"Bearer {a.key}", "Content-Type": "application/xml"})
    headers.extend(named)
    url = f"{hub.url}/api/v1/documents"
    async with hub.session.post(url, data=letter(A, B), headers=headers) as answer:
        assert answer.status == 400
    assert await hub.holds_nothing()
