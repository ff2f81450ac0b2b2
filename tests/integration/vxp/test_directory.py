"""The directory over the client API: three lists, and units added and taken out by right of their parent."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from adapters import packed_lists
from hub.domain.directory import Agency, AgencyCode, CodeScheme, Level
from hub.domain.directory_orders import Retire
from hub.services import directory_snapshot
from tests.integration.vxp.conftest import Served, serve
from tests.support.hub import B_NEW, LOCKED, MERGED, OUTSIDE, A, B, C
from tests.support.messages import letter
from tests.support.sdk import Reply, Sdk, exchange

NEW = "000.00.77.H09"
CENTRE = "00.22.W00"


async def listed(sdk: Sdk, operation: str) -> dict[str, dict[str, Any]]:
    reply = await sdk.call(operation, {"level": "1"})
    assert reply.code == "0"
    assert reply.body.isascii()
    return {row["code"]: row for row in reply.json["data"]}


async def register(sdk: Sdk, code: str, parent: str, name: str = "Phòng Thử nghiệm") -> Reply:
    said = {"id": "", "pcode": parent, "code": code, "name": name, "mail": "a@example.vn"}
    body = json.dumps(said, ensure_ascii=False).encode()
    return await sdk.call("registerAgency", body=body)


async def remove(sdk: Sdk, code: str) -> Reply:
    return await sdk.call("deleteAgency", {"AgencyCode": code}, body=b"{}")


async def bound(served: Served, name: str, *units: str) -> Sdk:
    peer, sdk = await served.connect(name, *units)
    binding = {"certificates": [], "networks": ["127.0.0.0/8"]}
    await served.hub.pool.execute(
        "UPDATE system SET binding = $2 WHERE id = $1", peer.caller.system_id, binding
    )
    return sdk


async def test_agencies_are_listed_by_what_they_are_addressed_by_today(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    found = await listed(a, "getAgenciesList")
    assert set(found[A]) == {"id", "pid", "code", "name", "mail", "oldCode"}
    assert found[A]["name"] == f"Đơn vị {A}"
    assert found[B]["oldCode"] == B_NEW
    assert LOCKED in found
    assert MERGED not in found


async def test_retired_units_are_in_the_synchronised_list_alone_and_marked(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    found = await listed(a, "getSynchronizeUnit")
    assert found[MERGED]["deleted"] is True
    assert found[A]["deleted"] is False
    assert found[A]["centerCode"] == "00.09.W00"
    # The client reads these as an integer and as truth values, and loses the whole list if they are not.
    assert type(found[A]["version"]) is int
    assert type(found[A]["isAgency"]) is bool


async def test_both_schemes_stand_side_by_side(database_url: str, tmp_path: Path) -> None:
    codes = (
        AgencyCode(code=A, scheme=CodeScheme.QCVN102),
        AgencyCode(code="H09.1", scheme=CodeScheme.QD20),
        AgencyCode(code="H09.0", scheme=CodeScheme.QD20, valid_to=date(2020, 1, 1)),
    )
    unit = Agency(unit_id=A, name="Sở Một", level=Level.DEPARTMENT, codes=codes)
    async with serve(database_url, tmp_path, agencies=(unit,)) as served:
        _, a = await served.connect("DMS A", A)
        assert (await listed(a, "getAgenciesListQD20"))["H09.1"]["code102"] == A
        assert (await listed(a, "getAgenciesList"))[A]["code"] == A


async def test_a_list_is_made_once_for_a_directory(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    original = packed_lists._pack

    def counted(*arguments: Any) -> tuple[bytes, int]:
        made.append(1)
        return original(*arguments)

    monkeypatch.setattr(packed_lists, "_pack", counted)
    _, a = await served.connect("DMS A", A)
    for _ in range(3):
        await listed(a, "getAgenciesList")
    assert len(made) == 1
    await served.connect("DMS B", B)
    await listed(a, "getAgenciesList")
    assert len(made) == 2


async def test_a_client_that_takes_no_gzip_gets_the_same_list(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    packed = await a.call("getAgenciesList")
    head = a.head("getAgenciesList", {}, "POST", b"", "application/json")
    plain = await exchange(served.host, served.port, head.replace(b"Accept-Encoding: gzip,deflate\r\n", b""))
    assert "content-encoding" not in plain.headers
    assert plain.body == packed.body


async def test_a_unit_is_added_below_a_unit_of_the_caller_and_gets_mail(served: Served) -> None:
    a = await bound(served, "DMS A", A)
    _, b = await served.connect("DMS B", B)
    assert (await register(a, NEW, A)).code == "0"
    assert (await register(a, NEW, A)).code == "0"
    assert (await listed(a, "getAgenciesList"))[NEW]["pid"] == A
    assert (await b.send(letter(B, NEW), sender=B)).code == "0"
    await served.settle()
    assert [row["to"] for row in await a.received() or []] == [NEW]
    assert (await a.send(letter(NEW, B), sender=NEW)).code == "0"
    history = await served.hub.column("SELECT by FROM directory_change WHERE unit_id = $1", NEW)
    assert set(history) == {"system DMS A"}


async def test_a_unit_registered_again_under_another_name_gets_that_name(served: Served) -> None:
    a = await bound(served, "DMS A", A)
    await register(a, NEW, A)
    assert (await register(a, NEW, A, name="Phòng  Đổi tên ")).code == "0"
    assert (await listed(a, "getAgenciesList"))[NEW]["name"] == "Phòng Đổi tên"
    _, b = await served.connect("DMS B", B)
    assert (await register(b, NEW, A, name="Của tôi")).code == "19"
    assert (await listed(a, "getAgenciesList"))[NEW]["name"] == "Phòng Đổi tên"


async def test_a_centre_that_names_itself_as_the_parent_adds_below_its_own_agency(served: Served) -> None:
    a = await bound(served, "DMS A", A)
    await served.adapters.configure("DMS A", settings={"system_id": CENTRE})
    a = served.sdk(CENTRE)
    assert (await register(a, NEW, CENTRE)).code == "0"
    assert (await listed(a, "getAgenciesList"))[NEW]["pid"] == A


async def test_a_centre_with_agencies_side_by_side_must_say_below_which(served: Served) -> None:
    await bound(served, "DMS AC", A, C)
    await served.adapters.configure("DMS AC", settings={"system_id": CENTRE})
    a = served.sdk(CENTRE)
    assert (await register(a, NEW, CENTRE)).code == "19"
    assert (await register(a, NEW, C)).code == "0"


async def test_a_change_counts_with_the_very_next_call(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = await bound(served, "DMS A", A)
    await served.connect("DMS B", B)
    monkeypatch.setattr(directory_snapshot, "LOOK_AGAIN_S", 60.0)
    await listed(a, "getAgenciesList")
    assert (await register(a, NEW, A)).code == "0"
    assert NEW in await listed(a, "getAgenciesList")
    assert (await a.send(letter(NEW, B), sender=NEW)).code == "0"
    assert (await register(a, NEW, A)).code == "0"
    assert (await remove(a, NEW)).code == "0"
    assert NEW not in await listed(a, "getAgenciesList")


async def test_a_unit_that_was_taken_out_passes_its_mail_to_its_parent(served: Served) -> None:
    a = await bound(served, "DMS A", A)
    _, b = await served.connect("DMS B", B)
    await register(a, NEW, A)
    assert (await remove(a, NEW)).code == "0"
    assert (await remove(a, NEW)).code == "0"
    assert NEW not in await listed(a, "getAgenciesList")
    assert (await b.send(letter(B, NEW), sender=B)).code == "0"
    await served.settle()
    assert len(await a.received() or []) == 1


async def test_what_a_system_has_taken_out_it_may_add_again(served: Served) -> None:
    a = await bound(served, "DMS A", A)
    _, b = await served.connect("DMS B", B)
    for _ in range(2):
        assert (await register(a, NEW, A)).code == "0"
        assert NEW in await listed(a, "getAgenciesList")
        assert (await remove(a, NEW)).code == "0"
        assert NEW not in await listed(a, "getAgenciesList")
    assert (await register(a, NEW, A)).code == "0"
    assert (await b.send(letter(B, NEW), sender=B)).code == "0"
    await served.settle()
    assert len(await a.received() or []) == 1


async def test_what_an_administrator_has_ended_no_system_begins_again(served: Served) -> None:
    a = await bound(served, "DMS A", A)
    await register(a, NEW, A)
    changes = served.hub.registry.changes
    await changes.carry_out(Retire(codes=(NEW,), successors=(A,), on=date(2026, 1, 1)), by="administrator")
    again = await register(a, NEW, A)
    assert (again.code, NEW in again.json["ErrorDesc"]) == ("10", True)
    assert NEW not in await listed(a, "getAgenciesList")


@pytest.mark.parametrize(
    ("code", "parent", "refused"),
    [(NEW, B, "19"), (NEW, "000.00.98.H09", "19"), (OUTSIDE, A, "10"), (B, A, "19"), ("???", A, "10")],
)
async def test_nobody_adds_where_it_has_no_right(
    served: Served, code: str, parent: str, refused: str
) -> None:
    a = await bound(served, "DMS A", A)
    await served.connect("DMS B", B)
    before = await served.hub.count("agency")
    assert (await register(a, code, parent)).code == refused
    assert await served.hub.count("agency") == before


@pytest.mark.parametrize(("code", "refused"), [(B, "19"), (A, "19"), ("000.00.98.H09", "18")])
async def test_nobody_takes_out_what_is_not_below_a_unit_of_its_own(
    served: Served, code: str, refused: str
) -> None:
    a = await bound(served, "DMS A", A)
    await served.connect("DMS B", B)
    assert (await remove(a, code)).code == refused
    assert await served.hub.column("SELECT state FROM agency WHERE unit_id = $1", B) == ["active"]


async def test_a_channel_that_is_not_bound_changes_nothing(served: Served) -> None:
    _, a = await served.connect("DMS A", A)
    assert (await register(a, NEW, A)).code == "19"
    assert (await remove(a, B)).code == "19"
    assert NEW not in await listed(a, "getAgenciesList")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"code":1}', b"x", b'{"pcode":"' + b"a" * 70_000])
async def test_a_body_that_says_nothing_is_refused(served: Served, body: bytes) -> None:
    a = await bound(served, "DMS A", A)
    assert (await a.call("registerAgency", body=body)).code == "10"
