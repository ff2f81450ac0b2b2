"""The relay in both directions, hub to hub over the national exchange's client API, without faults."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.domain.directory_orders import Retire
from tests.support.hub import B_NEW, OUTSIDE, A, B
from tests.support.messages import letter, status
from tests.support.national import CENTRE, MINISTRY, MINISTRY_NEW, OFFICE, WAY_OUT, Nation, nation_on
from tests.support.postgres import TestServer


@pytest.fixture
async def nation(
    postgres_server: TestServer, database_template: str, tmp_path: Path
) -> AsyncIterator[Nation]:
    async with nation_on(postgres_server, database_template, tmp_path) as made:
        yield made


async def test_a_letter_to_a_ministry_arrives_there_once_in_the_strict_dialect(nation: Nation) -> None:
    sent = await nation.a.accepted(letter(A, [MINISTRY]))
    assert [r["result"] for r in sent.json["receipt"]["recipients"]] == ["relayed"]
    await nation.turn()
    (body,) = await nation.finance.take_all()
    assert f"<edXML:OrganId>{CENTRE}</edXML:OrganId>".encode() in body
    shown = await nation.a.show(sent.document_id)
    assert [d["state"] for d in shown["deliveries"]] == ["confirmed"]
    await nation.later(minutes=5)
    await nation.turn()
    assert await nation.finance.inbox() == []


async def test_a_letter_from_a_ministry_arrives_at_our_units_and_goes_nowhere_else(nation: Nation) -> None:
    await nation.finance.accepted(letter(MINISTRY, [A, B, OFFICE]))
    await nation.exchange.settle()
    await nation.turn()
    (at_a,) = await nation.a.take_all()
    (at_b,) = await nation.b.take_all()
    assert at_a == at_b
    assert len(await nation.office.take_all()) == 1
    await nation.later(minutes=5)
    await nation.turn()
    assert await nation.office.inbox() == []
    assert await nation.province.count("document") == 1


async def test_statuses_find_their_documents_in_both_directions(nation: Nation) -> None:
    ours = await nation.a.accepted(letter(A, [MINISTRY_NEW], number=1))
    await nation.finance.accepted(letter(MINISTRY, [A], number=2))
    await nation.exchange.settle()
    await nation.turn()
    await nation.finance.take_all()
    await nation.a.take_all()
    for code in ("01", "03", "06"):
        await nation.finance.accepted(status(MINISTRY, code, about=(A, 1)))
        await nation.a.accepted(status(A, code, about=(MINISTRY, 2)))
    await nation.later(minutes=2)
    await nation.turn()
    await nation.later(minutes=2)
    await nation.turn()
    shown = await nation.a.show(ours.document_id)
    assert [d["business_state"] for d in shown["deliveries"]] == ["finished"]
    states = "SELECT business_state FROM delivery WHERE kind = 'document' ORDER BY id"
    assert set(await nation.exchange.column(states)) == {"finished"}
    assert len(await nation.finance.take_all()) == 3
    assert len(await nation.a.take_all()) == 3


async def test_two_codes_of_one_ministry_are_one_letter(nation: Nation) -> None:
    sent = await nation.a.accepted(letter(A, [MINISTRY, MINISTRY_NEW]))
    await nation.turn()
    assert len(await nation.finance.take_all()) == 1
    assert len((await nation.a.show(sent.document_id))["deliveries"]) == 1


async def test_a_recipient_unknown_to_the_exchange_ends_with_its_code(nation: Nation) -> None:
    sent = await nation.a.accepted(letter(A, [OUTSIDE]))
    await nation.turn()
    shown = await nation.a.show(sent.document_id)
    assert [d["state"] for d in shown["deliveries"]] == ["rejected"]
    assert "delivery_rejected" in await nation.a.kinds(sent.document_id)


async def test_one_document_in_several_packages_stays_one(nation: Nation) -> None:
    await nation.finance.accepted(letter(MINISTRY, [B, B_NEW, A]))
    await nation.exchange.settle()
    await nation.turn()
    assert await nation.province.count("document") == 1
    assert len(await nation.b.take_all()) == 1
    assert len(await nation.a.take_all()) == 1
    packages = await nation.province.column("SELECT told FROM relay_package")
    assert set(packages) == {"done"}


async def test_statuses_and_recalls_by_json_cross_the_border_too(nation: Nation) -> None:
    ours = await nation.a.accepted(letter(A, [MINISTRY], number=1))
    await nation.finance.accepted(letter(MINISTRY, [A], number=2))
    await nation.exchange.settle()
    await nation.turn()
    await nation.finance.take_all()
    (offer,) = await nation.a.inbox()
    await nation.a.take(str(offer["delivery_id"]))
    answer = await nation.a.status(str(offer["document_id"]), "03")
    assert answer.status == 201, answer.raw
    order = {"reason": "Gửi nhầm", "at": "2026-11-02T02:00:00Z"}
    recalled = await nation.a.call("POST", f"/api/v1/documents/{ours.document_id}/recall", json=order)
    assert [o["result"] for o in recalled.json["recipients"]] == ["asked"], recalled.raw
    await nation.later(minutes=2)
    await nation.turn()
    bodies = b"".join(await nation.finance.take_all())
    assert b"StatusCode>03<" in bodies
    assert b"StatusCode>13<" in bodies
    await nation.finance.accepted(status(MINISTRY, "15", about=(A, 1), text="Đồng ý"))
    await nation.later(minutes=2)
    await nation.turn()
    shown = await nation.a.show(ours.document_id)
    assert [d["business_state"] for d in shown["deliveries"]] == ["recalled"]


async def test_a_letter_that_has_not_left_is_withdrawn_and_never_sent(nation: Nation) -> None:
    sent = await nation.a.accepted(letter(A, [MINISTRY]))
    order = {"reason": "Gửi nhầm", "at": "2026-11-02T02:00:00Z"}
    recalled = await nation.a.call("POST", f"/api/v1/documents/{sent.document_id}/recall", json=order)
    assert [o["result"] for o in recalled.json["recipients"]] == ["withdrawn"]
    await nation.turn()
    assert await nation.finance.inbox() == []


async def test_news_of_how_far_a_ministry_is_comes_back(nation: Nation) -> None:
    sent = await nation.a.accepted(letter(A, [MINISTRY]))
    await nation.turn()
    assert "delivery_fetched_outside" not in await nation.a.kinds(sent.document_id)
    await nation.finance.take_all()
    await nation.later(minutes=20)
    await nation.turn()
    assert "delivery_fetched_outside" in await nation.a.kinds(sent.document_id)


async def test_without_a_way_out_a_ministry_cannot_be_reached(nation: Nation) -> None:
    await nation.province.registry.set_system_active(WAY_OUT, active=False)
    refused = await nation.a.send(letter(A, [MINISTRY]))
    assert refused.code == "no_relay"


async def test_the_directory_of_the_exchange_teaches_that_two_codes_are_one_ministry(
    postgres_server: TestServer, database_template: str, tmp_path: Path
) -> None:
    relay = {"directory_sync": True}
    async with nation_on(postgres_server, database_template, tmp_path, known=False, relay=relay) as nation:
        early = await nation.a.accepted(letter(A, [MINISTRY_NEW], number=1))
        await nation.turn()
        await nation.finance.take_all()
        directory = await nation.province.registry.directory()
        learnt = directory.by_code(MINISTRY_NEW)
        assert learnt is not None
        assert learnt.unit_id == (directory.by_code(MINISTRY) or learnt).unit_id
        assert directory.unit(A) is not None
        # A status in the other code finds what was sent before the directory knew.
        await nation.finance.accepted(status(MINISTRY, "03", about=(A, 1)))
        await nation.later(minutes=2)
        await nation.turn()
        shown = await nation.a.show(early.document_id)
        assert [d["business_state"] for d in shown["deliveries"]] == ["accepted"]


async def retire(nation: Nation, unit: str, successor: str) -> None:
    changes = nation.province.registry.changes
    order = Retire(codes=(unit,), successors=(successor,), on=await changes.today())
    await changes.carry_out(order, by="Nguyễn Văn A")


async def test_a_letter_to_a_unit_whose_successor_is_outside_arrives_there(nation: Nation) -> None:
    await retire(nation, B, MINISTRY)
    sent = await nation.a.accepted(letter(A, [B]))
    assert [r["result"] for r in sent.json["receipt"]["recipients"]] == ["relayed"]
    await nation.turn()
    assert len(await nation.finance.take_all()) == 1
    assert await nation.exchange.column("SELECT unit_id FROM delivery") == [MINISTRY]
