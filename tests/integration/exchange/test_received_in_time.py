"""A document that the hub accepted while its signers' certificates were valid stays valid."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from reportlab.pdfgen.canvas import Canvas

from hub.workers.verifier_pool import VerifierPool
from signing.devpki import DevPki
from signing.devpki_make import LEAF_YEARS
from signing.pades import sign_pdf
from tests.support.hub import A, B, HubUnderTest, Peer, hub_on
from tests.support.messages import letter

EXPIRED_SINCE = 30
"""Days. The hub's clock is set back before that for what came in time."""
NOW = datetime.now(UTC)
ISSUED = NOW - timedelta(days=365 * LEAF_YEARS + EXPIRED_SINCE)


@pytest.fixture
def pki(tmp_path: Path) -> DevPki:
    return DevPki.open_or_create(tmp_path / "pki", now=ISSUED)


@pytest.fixture
async def hub(database_url: str, tmp_path: Path, pki: DevPki) -> AsyncIterator[HubUnderTest]:
    pool = VerifierPool(workers=1, timeout_s=60, memory_bytes=1024**3, trust_folder=pki.trust_folder)
    async with pool, hub_on(database_url, tmp_path, verifier=pool, remembers=True) as made:
        yield made


@pytest.fixture
async def a(hub: HubUnderTest) -> Peer:
    await hub.system("DMS B", B)
    return await hub.system("DMS A", A)


def _page(text: str) -> bytes:
    made = io.BytesIO()
    canvas = Canvas(made, invariant=True)
    canvas.drawString(72, 720, text)
    canvas.save()
    return made.getvalue()


def _signed(pki: DevPki, text: str) -> bytes:
    signer = pki.issue_person("Nguyễn Văn Mẫu", agency_name=f"Đơn vị {A}")
    return sign_pdf(_page(text), signer, now=NOW - timedelta(days=EXPIRED_SINCE + 40))


async def _accepted(hub: HubUnderTest, a: Peer, pdf: bytes, number: int = 1) -> str:
    sent = await a.accepted(letter(A, B, number=number, files=[("1.pdf", pdf)]))
    await hub.settle()
    return sent.document_id


async def _verdict(a: Peer, **asked: Any) -> tuple[str, str | None, str]:
    answer = await a.call("POST", "/api/v1/signatures/verify", **asked)
    (report,) = answer.json
    (signature,) = report["signatures"]
    return report["indication"], report["sub_indication"], signature["time_source"]


async def test_it_passes_also_after_the_certificate_has_expired(
    hub: HubUnderTest, a: Peer, pki: DevPki
) -> None:
    pdf = _signed(pki, "Có ký")
    await hub.later(days=-(EXPIRED_SINCE + 20))
    document = await _accepted(hub, a, pdf)
    assert (await a.show(document))["indication"] == "TOTAL-PASSED"
    await hub.later(days=EXPIRED_SINCE + 20)
    passed = ("TOTAL-PASSED", None, "receipt")
    assert await _verdict(a, json={"document_id": document}) == passed
    # Who brings the same bytes has the proof, and so has who sends them again today.
    assert await _verdict(a, data=pdf) == passed
    again = await _accepted(hub, a, pdf, number=2)
    assert (await a.show(again))["indication"] == "TOTAL-PASSED"


async def test_what_the_hub_never_had_in_time_stays_without_proof(
    hub: HubUnderTest, a: Peer, pki: DevPki
) -> None:
    pdf = _signed(pki, "Có ký")
    assert await _verdict(a, data=pdf) == ("INDETERMINATE", "OUT_OF_BOUNDS_NO_POE", "claimed")
    document = await _accepted(hub, a, pdf)
    assert (await a.show(document))["indication"] == "INDETERMINATE"


async def test_another_file_of_the_same_signer_gains_nothing(hub: HubUnderTest, a: Peer, pki: DevPki) -> None:
    await hub.later(days=-(EXPIRED_SINCE + 20))
    await _accepted(hub, a, _signed(pki, "Có ký"))
    await hub.later(days=EXPIRED_SINCE + 20)
    assert await _verdict(a, data=_signed(pki, "Khác")) == (
        "INDETERMINATE",
        "OUT_OF_BOUNDS_NO_POE",
        "claimed",
    )
