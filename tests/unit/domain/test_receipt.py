from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.directory import RecipientResult, ResultKind
from hub.domain.jcs import NotCanonical
from hub.domain.receipt import ReceiptPayload, RenditionFact, canonical
from hub.domain.submission import MessageKind

PAYLOAD = ReceiptPayload(
    receipt_id=UUID("0199dd6e-8f10-7000-8000-000000000001"),
    hub="000.00.00.H09",
    system="0199dd6e-8f10-7000-8000-0000000000aa",
    from_="000.00.02.H09",
    kind=MessageKind.DOCUMENT,
    document_no="000.00.02.H09,2025/10/13,125/SNV-VP",
    version_no=1,
    sha256=bytes(range(32)),
    size=204_800,
    recipients=(
        RecipientResult(code="H09.3", unit_id="000.00.03.H09", result=ResultKind.ROUTED),
        RecipientResult(
            code="000.00.99.H09",
            unit_id=None,
            result=ResultKind.UNDELIVERABLE,
            reason="recipient_unknown",
        ),
    ),
    accepted_at=datetime(2025, 10, 13, 3, 25, 18, 7, tzinfo=UTC),
    directory_snapshot="ab" * 32,
)


def test_a_receipt_has_these_very_bytes() -> None:
    assert canonical(PAYLOAD).decode() == (
        '{"accepted_at":"2025-10-13T03:25:18.000007Z","directory_snapshot":"' + "ab" * 32 + '",'
        '"document_no":"000.00.02.H09,2025/10/13,125/SNV-VP","from":"000.00.02.H09","hub":"000.00.00.H09",'
        '"kind":"document","receipt_id":"0199dd6e-8f10-7000-8000-000000000001","recipients":['
        '{"code":"H09.3","result":"routed","unit":"000.00.03.H09"},'
        '{"code":"000.00.99.H09","reason":"recipient_unknown","result":"undeliverable","unit":null}],'
        '"sha256":"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f","size":204800,'
        '"system":"0199dd6e-8f10-7000-8000-0000000000aa","version":1,"version_no":1}'
    )


def test_the_zone_of_the_clock_does_not_show() -> None:
    local = PAYLOAD.accepted_at.astimezone(timezone(timedelta(hours=7)))
    assert canonical(replace(PAYLOAD, accepted_at=local)) == canonical(PAYLOAD)


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        canonical(replace(PAYLOAD, accepted_at=PAYLOAD.accepted_at.replace(tzinfo=None)))


def test_a_rendition_is_certified_beside_the_original() -> None:
    rendition = RenditionFact(dialect="qcvn-prefixed", sha256=b"\x01" * 32, size=9)
    body = json.loads(canonical(replace(PAYLOAD, rendition=rendition)))
    assert body["rendition"] == {"dialect": "qcvn-prefixed", "sha256": "01" * 32, "size": 9}
    assert "rendition" not in json.loads(canonical(PAYLOAD))


def test_text_that_is_no_unicode_is_refused_with_an_error_of_our_own() -> None:
    with pytest.raises(NotCanonical):
        canonical(replace(PAYLOAD, document_no="\ud800"))


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.integers(0, 2**53 - 1),
    st.datetimes(timezones=st.just(UTC)),
)
def test_canonical_bytes_are_json_that_canonicalises_to_itself(
    document_no: str, size: int, moment: datetime
) -> None:
    payload = replace(PAYLOAD, document_no=document_no, size=size, accepted_at=moment)
    first = canonical(payload)
    body = json.loads(first)
    assert body["document_no"] == document_no
    assert body["size"] == size
    # Keys in the order of UTF-16 code units, no white space: the same bytes from another writer.
    again = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert again.encode() == first or "\x7f" in document_no
