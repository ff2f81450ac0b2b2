"""What the doctor finds in rows, keys and files, with a stable code and the command that mends it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from hub.cli import doctor_rows as rows
from hub.cli.doctor_node import node
from hub.cli.findings import Finding, Level
from hub.config import Settings, load_settings
from hub.domain.binding import Binding, PinnedCertificate
from hub.domain.directory import Directory, Succession, UnitState
from hub.domain.directory_orders import Retire
from hub.ports.records import KeyRow, SystemRecord
from hub.storage.examination import Examination
from tests.support.hub import ALONE, A, B, HubUnderTest, Peer, agency
from tests.support.messages import letter
from tests.support.tls import TestAuthority

NOW = datetime(2026, 11, 22, tzinfo=UTC)
DAY = timedelta(days=1)
H09 = frozenset({"H09"})


@pytest.fixture
async def asked(hub: HubUnderTest) -> AsyncIterator[Examination]:
    async with hub.pool.acquire() as connection:
        yield Examination(connection)


def settings(folder: Path, **options: Any) -> Settings:
    return load_settings(environment={}, home=folder, **options)


def codes(findings: list[Finding]) -> dict[str, Level]:
    """The codes of what is not well; every one of them is said in two languages."""
    ill = [f for f in findings if not f.ok]
    assert all(f.vi and f.en and f.vi != f.en for f in ill)
    return {f.code: f.level for f in ill}


async def test_a_hub_that_works_is_well(hub: HubUnderTest, asked: Examination, a: Peer, b: Peer) -> None:
    await a.accepted(letter(A, B))
    await hub.settle()
    found = [await rows.clock(asked), *await rows.tasks(asked), *await rows.peers(asked)]
    found += await rows.directory(asked, await hub.registry.directory(), date(2026, 11, 22))
    found += await rows.bodies(asked, hub.blobs)
    assert codes(found) == {}


async def test_a_clock_that_is_set_off_is_named(hub: HubUnderTest, asked: Examination) -> None:
    await hub.later(hours=1)
    assert codes([await rows.clock(asked)]) == {"clock_shifted": Level.ERROR}


@pytest.mark.parametrize(("seconds", "level"), [(10, Level.WARNING), (300, Level.ERROR)])
async def test_a_machine_off_the_databases_time_is_named(
    asked: Examination, monkeypatch: pytest.MonkeyPatch, seconds: int, level: Level
) -> None:
    real = asked.clock

    async def shifted() -> tuple[datetime, timedelta]:
        server, offset = await real()
        return server + timedelta(seconds=seconds), offset

    monkeypatch.setattr(asked, "clock", shifted)
    assert codes([await rows.clock(asked)]) == {"clock_skew": level}


async def test_work_that_nobody_does_is_named(
    hub: HubUnderTest, asked: Examination, a: Peer, b: Peer
) -> None:
    await a.accepted(letter(A, B))
    await hub.later(minutes=20)
    assert codes(await rows.tasks(asked)) == {"tasks_overdue": Level.WARNING}
    await hub.later(hours=2)
    assert codes(await rows.tasks(asked)) == {"tasks_overdue": Level.ERROR}


async def test_a_peer_that_is_given_a_rest_is_named(hub: HubUnderTest, asked: Examination, b: Peer) -> None:
    await hub.pool.execute(
        "INSERT INTO peer (system_id, state, failures, retry_at, last_code)"
        " VALUES ($1, 'open', 5, hub_now(), 'connect_failed')",
        b.caller.system_id,
    )
    (found,) = await rows.peers(asked)
    assert (found.code, found.mend) == (
        "breaker_open",
        "lienthong system test 'DMS B' && lienthong system retry 'DMS B'",
    )


async def test_mail_at_a_retired_unit_that_nobody_can_be_given_is_named(
    hub: HubUnderTest, asked: Examination, a: Peer, b: Peer
) -> None:
    await a.accepted(letter(A, B))
    await hub.settle()
    today = await hub.registry.changes.today()
    await hub.registry.changes.carry_out(Retire(codes=(B,), successors=(ALONE,), on=today), by="x")
    found = await rows.directory(asked, await hub.registry.directory(), today)
    assert codes(found) == {"retired_with_mail": Level.ERROR}
    assert "recipient_has_no_system" in found[0].en


async def test_a_circle_and_a_code_held_twice_are_named(asked: Examination) -> None:
    retired = {"state": UnitState.RETIRED, "retired_on": date(2026, 1, 1)}
    units = [
        agency(A, successors=(Succession(unit_id=B),), **retired),
        agency(B, A, successors=(Succession(unit_id=A),), **retired),
    ]
    found = await rows.directory(asked, Directory(units, province_suffixes=H09), date(2026, 11, 22))
    assert codes(found) == {"successor_loop": Level.ERROR, "alias_taken": Level.ERROR}


@pytest.mark.parametrize(("harm", "code"), [("missing", "blob_missing"), ("damaged", "blob_damaged")])
async def test_a_body_that_is_gone_or_damaged_is_named(
    hub: HubUnderTest, asked: Examination, a: Peer, b: Peer, harm: str, code: str
) -> None:
    sent = await a.accepted(letter(A, B))
    (blob_id,) = await hub.column("SELECT blob_id FROM document")
    async with hub.blobs.local(blob_id) as path:
        if harm == "missing":
            path.unlink()
        else:
            path.chmod(0o600)
            path.write_bytes(b"x" * path.stat().st_size)
    (found,) = await rows.bodies(asked, hub.blobs)
    assert found.code == code
    assert sent.document_id in found.en


async def test_several_machines_on_a_folder_that_is_not_shared_are_named(
    asked: Examination, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def two(_name: str) -> dict[str, int]:
        return {"10.0.0.1": 16, "10.0.0.2": 16}

    monkeypatch.setattr(asked, "nodes", two)
    assert (await rows.nodes(asked, settings(tmp_path))).code == "blobs_not_shared"
    assert (await rows.nodes(asked, settings(tmp_path, blobs_shared=True))).code == "broker_in_process"


# ------------------------------------------------------------------ systems


def facts(**changes: Any) -> rows.SystemFacts:
    system = SystemRecord(
        id=uuid4(), name="DMS", adapter="rest-pull", dialects=("x",), policy=(), active=True
    )
    parts = {"active", "binding", "adapter", "name", "settings"}
    system = replace(system, **{name: value for name, value in changes.items() if name in parts})
    others = {"keys": (key(),), "units": 1, "open_deliveries": 0}
    others |= {name: value for name, value in changes.items() if name not in parts}
    return rows.SystemFacts(system=system, **others)  # type: ignore[arg-type]


def key(**changes: Any) -> KeyRow:
    made = KeyRow(
        key_id="k", created_at=NOW, expires_at=None, revoked_at=None, last_used_at=None, expired=False
    )
    return replace(made, **changes)


def pinned(*ends: datetime | None) -> Binding:
    return Binding(
        certificates=tuple(
            PinnedCertificate(sha256=bytes([n]) * 32, valid_to=end) for n, end in enumerate(ends)
        )
    )


@pytest.mark.parametrize(
    ("found", "code", "level"),
    [
        (facts(), None, None),
        (facts(keys=()), "system_without_key", Level.ERROR),
        (facts(keys=(key(revoked_at=NOW), key(expired=True))), "system_without_key", Level.ERROR),
        (facts(keys=(), adapter="webhook"), None, None),
        (facts(keys=(key(expires_at=NOW + DAY),)), "system_keys_near_end", Level.WARNING),
        (facts(keys=(key(expires_at=NOW + DAY), key())), None, None),
        (facts(active=False, open_deliveries=3), "system_locked_with_mail", Level.WARNING),
        (facts(active=False), None, None),
        (facts(units=0), "system_without_units", Level.WARNING),
        (facts(adapter="vxp", name="DMS A"), None, None),
        (facts(adapter="vxp", name="Sở Nội vụ"), "system_id_unusable", Level.ERROR),
        (facts(adapter="vxp", name="Sở Nội vụ", settings=(("system_id", "H09.2"),)), None, None),
        (facts(binding=pinned(NOW + 90 * DAY)), None, None),
        (facts(binding=pinned(NOW + DAY)), "pins_near_end", Level.WARNING),
        (facts(binding=pinned(NOW + DAY, None)), None, None),
        (facts(binding=pinned(NOW - DAY)), "pins_outdated", Level.ERROR),
    ],
)
def test_a_system_that_cannot_come_in_is_named(
    tmp_path: Path, found: rows.SystemFacts, code: str | None, level: Level | None
) -> None:
    behind = settings(tmp_path, proxy={"networks": ["10.0.0.0/8"], "certificate_header": "Client-Cert"})
    said = codes(rows.systems([found], behind, NOW))
    assert said == ({} if code is None else {code: level})


def test_a_pin_on_a_node_that_asks_for_no_certificate_is_named(tmp_path: Path) -> None:
    said = codes(rows.systems([facts(binding=pinned(None))], settings(tmp_path), NOW))
    assert said == {"pin_without_tls": Level.ERROR}


# ------------------------------------------------------------------ the machine


def test_tls_that_ends_soon_or_cannot_be_read_is_named(tmp_path: Path) -> None:
    authority = TestAuthority(tmp_path / "ca")
    pair = authority.issue("127.0.0.1")  # valid for a day
    certificate, private = tmp_path / "hub.pem", tmp_path / "hub.key"
    certificate.write_bytes(pair)
    private.write_bytes(pair)
    private.chmod(0o644)
    options = {"tls": {"certificate": certificate, "key": private}}
    said = codes(node(settings(tmp_path, **options)))
    assert said["tls_certificate_near_end"] is Level.WARNING
    assert said["key_readable_by_others"] is Level.ERROR
    private.write_bytes(authority.issue("127.0.0.1"))
    assert codes(node(settings(tmp_path, **options)))["tls_unusable"] is Level.ERROR


def test_listening_to_all_without_tls_is_named(tmp_path: Path) -> None:
    assert codes(node(settings(tmp_path, http_host="0.0.0.0")))["no_tls"] is Level.WARNING
    assert "no_tls" not in codes(node(settings(tmp_path)))


def test_keys_that_others_may_read_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    folder.mkdir(0o700)
    node(settings(tmp_path))
    for path in folder.iterdir():
        path.chmod(0o640)
    assert codes(node(settings(tmp_path)))["key_readable_by_others"] is Level.ERROR


def test_an_empty_trust_folder_is_named_and_a_real_ca_is_not(tmp_path: Path) -> None:
    assert codes(node(settings(tmp_path)))["trust_empty"] is Level.ERROR
    (tmp_path / "trust").mkdir()
    pem = TestAuthority(tmp_path / "ca").file.read_bytes()
    (tmp_path / "trust" / "ca.crt").write_bytes(
        x509.load_pem_x509_certificate(pem).public_bytes(Encoding.PEM)
    )
    assert "trust_empty" not in codes(node(settings(tmp_path)))
