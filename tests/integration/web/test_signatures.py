"""POST /signatures/verify and the reports of documents, over HTTP."""

from __future__ import annotations

import io
from typing import Any

import orjson
import pytest
from aiohttp import FormData
from lxml import etree

from hub.ports.verification import VerificationCrashed, VerificationTimedOut
from tests.support.hub import A, B, HubUnderTest, Peer, hub_on
from tests.support.messages import letter

PATH = "/api/v1/signatures/verify"
PDF = b"%PDF-1.7 something"


async def verify(peer: Peer, data: Any, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await peer.call("POST", PATH, data=data, headers=named)


async def test_the_answer_is_the_array_that_the_command_prints(hub: HubUnderTest, a: Peer) -> None:
    answer = await a.call("POST", PATH + "?name=cong%20van.pdf", data=PDF)
    assert answer.status == 200
    (report,) = answer.json
    assert report["indication"] == "TOTAL-PASSED"
    assert list(report)[:3] == ["file", "format", "sha256"]
    assert hub.verifier.seen == [("cong van.pdf", PDF)]


async def test_nothing_is_kept(hub: HubUnderTest, a: Peer) -> None:
    await verify(a, PDF)
    await verify(a, PDF, Accept="application/pdf")
    assert await hub.holds_nothing()


async def test_accept_chooses_paper_or_xml(a: Peer) -> None:
    paper = await verify(a, PDF, Accept="application/pdf, application/json;q=0.5")
    assert paper.headers["Content-Type"] == "application/pdf"
    assert paper.raw.endswith(b"with pictures")
    xml = await verify(a, PDF, Accept="application/xml")
    assert etree.fromstring(xml.raw).tag == "{http://uri.etsi.org/19102/v1.2.1#}ValidationReport"
    assert (await verify(a, PDF, Accept="text/html, */*")).headers["Content-Type"] == "application/json"


async def test_a_form_brings_the_file_its_name_and_what_it_signs(hub: HubUnderTest, a: Peer) -> None:
    seen: list[list[str]] = []
    kept = hub.verifier.verify

    async def look(path: Any, *, name: str, content: Any = (), existed_by: Any = None) -> Any:
        assert existed_by is None
        seen.append([name, *(p.name + ":" + p.read_text() for p in content)])
        return await kept(path, name=name)

    hub.verifier.verify = look
    form = FormData()
    form.add_field("file", b"<ds/>", filename="chu-ky.xml")
    form.add_field("content", b"mot", filename="a.txt")
    form.add_field("content", b"hai", filename="a.txt")
    assert (await verify(a, form)).status == 200
    assert seen == [["chu-ky.xml", "a.txt:mot", "a.txt:hai"]]


@pytest.mark.parametrize("names", [["content"], ["file", "file"], ["other"], []])
async def test_a_form_of_other_parts_is_refused(a: Peer, names: list[str]) -> None:
    form = FormData(default_to_multipart=True)
    for name in names:
        form.add_field(name, b"x", filename="x")
    assert (await verify(a, form)).code in {"parts_invalid", "body_empty"}


async def test_an_empty_body_and_one_without_a_key_are_refused(hub: HubUnderTest, a: Peer) -> None:
    assert (await verify(a, b"")).code == "body_empty"
    async with hub.session.post(hub.url + PATH, data=PDF) as answer:
        assert answer.status == 401
    assert not hub.verifier.seen


async def test_a_file_over_the_limit_is_refused(database_url: str, tmp_path: Any) -> None:
    async with hub_on(database_url, tmp_path, limits={"body_bytes": 2_000_000}) as hub:
        a = await hub.system("A", A)

        async def unsaid() -> Any:
            for _ in range(3):
                yield b"x" * 1_000_000

        assert (await verify(a, io.BytesIO(b"x" * 2_000_001))).code == "body_too_large"
        assert (await verify(a, unsaid())).code == "body_too_large"
        assert not hub.spools()


async def test_places_are_few_and_told_of(database_url: str, tmp_path: Any) -> None:
    async with hub_on(database_url, tmp_path, limits={"verify_per_system": 1}) as hub:
        a = await hub.system("A", A)
        second: list[Any] = []

        async def another() -> None:
            hub.verifier.during = None
            second.append(await verify(a, PDF))

        hub.verifier.during = another
        assert (await verify(a, PDF)).status == 200
        assert second[0].code == "system_busy"
        assert second[0].headers["Retry-After"]


@pytest.mark.parametrize(
    ("error", "code"),
    [(VerificationCrashed, "VERIFICATION_CRASHED"), (VerificationTimedOut, "VERIFICATION_TIMED_OUT")],
)
async def test_what_cannot_be_finished_is_a_verdict(
    hub: HubUnderTest, a: Peer, error: type[Exception], code: str
) -> None:
    def fail(_name: str) -> None:
        raise error

    hub.verifier.before = fail
    (report,) = (await verify(a, PDF)).json
    assert report["indication"] == "INDETERMINATE"
    assert [f["code"] for f in report["findings"]] == [code]


async def test_a_document_of_ones_own_is_verified_as_it_stands_today(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    sent = await a.accepted(letter(A, B, files=[("1.pdf", PDF), ("2.pdf", PDF + b"2")]))
    await hub.settle()
    hub.verifier.seen.clear()
    order = orjson.dumps({"document_id": sent.document_id})
    for peer in (a, b):
        answer = await verify(peer, order, Content_Type="application/json")
        assert len(answer.json) == 2
    assert [data for _, data in hub.verifier.seen[:2]] == [PDF, PDF + b"2"]
    stranger = await hub.system("C")
    assert (await verify(stranger, order, Content_Type="application/json")).code == "document_unknown"


async def test_a_stored_report_has_three_forms(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    sent = await a.accepted(letter(A, B, files=[("1.pdf", PDF)]))
    await hub.settle()
    listed = (await b.call("GET", f"/api/v1/documents/{sent.document_id}/signatures")).json["reports"]
    url = listed[0]["url"]
    assert (await a.call("GET", url)).json == [listed[0]["report"]]
    paper = await a.call("GET", url, headers={"Accept": "application/pdf"})
    assert paper.raw.startswith(b"%PDF")
    xml = await a.call("GET", url, headers={"Accept": "application/xml"})
    assert str(etree.fromstring(xml.raw).tag).endswith("ValidationReport")
    assert (await a.call("GET", url[:-1] + "7")).code == "document_unknown"
    assert not hub.spools()
