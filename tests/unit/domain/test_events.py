from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.directory import ResultKind
from hub.domain.events import (
    FIELDS,
    EventKind,
    EventRecord,
    EventValue,
    FieldKind,
    FreeTextRefused,
    canonical_body,
    code_or_digest,
    salted_digest,
)
from hub.domain.secrecy import Mark
from hub.domain.transport import DeliveryState

ID = UUID("0199dd6e-8f10-7000-8000-000000000001")
MOMENT = datetime(2025, 10, 13, 3, 25, 18, 7, tzinfo=UTC)


def event(**data: EventValue) -> EventRecord:
    return EventRecord(event_id=ID, kind=EventKind.DELIVERY_LEASED, at=MOMENT, data=data)


def data_of(record: EventRecord) -> dict[str, object]:
    body = json.loads(canonical_body(record))
    assert isinstance(body["data"], dict)
    return body["data"]


def test_an_event_has_these_very_bytes() -> None:
    record = EventRecord(
        event_id=ID,
        kind=EventKind.DELIVERY_LEASED,
        at=MOMENT,
        document_id=UUID(int=2),
        delivery_id=UUID(int=3),
        data={"unit": "000.00.03.H09", "lease_token": 2, "to_state": DeliveryState.LEASED, "until": MOMENT},
    )
    assert canonical_body(record).decode() == (
        '{"at":"2025-10-13T03:25:18.000007Z",'
        '"data":{"lease_token":2,"to_state":"leased","unit":"000.00.03.H09","until":"2025-10-13T03:25:18.000007Z"},'
        '"delivery":"00000000-0000-0000-0000-000000000003","document":"00000000-0000-0000-0000-000000000002",'
        '"id":"0199dd6e-8f10-7000-8000-000000000001","kind":"delivery_leased","version":1}'
    )


@pytest.mark.parametrize(
    ("name", "value", "spelt"),
    [
        ("system", ID, str(ID)),
        ("unit", "000.00.03.h09", "000.00.03.H09"),
        ("codes", ("G12", "H09.1"), ["G12", "H09.1"]),
        ("sha256", bytes(32), "00" * 32),
        ("directory_snapshot", "ab" * 32, "ab" * 32),
        ("verdict", "TOTAL-PASSED", "TOTAL-PASSED"),
        ("result", ResultKind.FORWARDED, "forwarded"),
        ("mark", Mark.TOI_MAT, "toi_mat"),
        ("field", "OtherInfo.Secret", "OtherInfo.Secret"),
        ("status_code", "13", "13"),
        ("attempt", 0, 0),
        ("repaired", False, False),
        ("due_at", MOMENT, "2025-10-13T03:25:18.000007Z"),
    ],
)
def test_each_kind_of_field_has_its_spelling(name: str, value: EventValue, spelt: object) -> None:
    assert data_of(event(**{name: value})) == {name: spelt}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("subject", "V/v bổ nhiệm"),
        ("note", 1),
        ("reason", "Gửi nhầm đơn vị"),
        ("reason", "gửi_nhầm"),
        ("reason", ""),
        ("reason", "x" * 65),
        ("system", "000.00.03.H09"),
        ("sha256", b"short"),
        ("sha256", "AB" * 32),
        ("reason_digest", "Nguyễn Văn A"),
        ("attempt", True),
        ("attempt", "1"),
        ("attempt", 2**53),
        ("repaired", 1),
        ("due_at", datetime(2025, 1, 1)),  # noqa: DTZ001 - the naive time is the point
        ("due_at", "2025-01-01"),
        ("codes", "G12"),
        ("unit", 5),
    ],
)
def test_what_is_not_of_the_fields_kind_is_refused(name: str, value: EventValue) -> None:
    with pytest.raises(FreeTextRefused) as caught:
        event(**{name: value})
    assert caught.value.name == name
    assert "Nguyễn" not in str(caught.value)


@pytest.mark.parametrize("text", ["Sở Nội vụ tỉnh", "SỞ", "X" * 51, "", "A B", "Nguyễn Văn A"])
def test_text_where_a_code_should_be_stands_by_its_digest(text: str) -> None:
    spelt = data_of(event(unit=text))["unit"]
    assert isinstance(spelt, str)
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", spelt)
    assert spelt == code_or_digest(text)


@given(st.sampled_from(sorted(FIELDS)), st.text(max_size=80))
def test_no_words_of_a_person_get_into_an_event(name: str, text: str) -> None:
    written = f"{text} Nguyễn Thị Hồng"
    try:
        body = canonical_body(event(**{name: written}))
    except FreeTextRefused:
        return
    assert FIELDS[name] is FieldKind.CODE
    assert "Nguyễn" not in body.decode()
    assert "NGUYỄN" not in body.decode()


def test_an_event_cannot_be_changed_afterwards() -> None:
    data: dict[str, EventValue] = {"attempt": 1}
    record = EventRecord(event_id=ID, kind=EventKind.DELIVERY_LEASED, at=MOMENT, data=data)
    data["attempt"] = 2
    assert data_of(record) == {"attempt": 1}
    with pytest.raises(TypeError):
        record.data["attempt"] = 3  # type: ignore[index]


def test_a_salted_digest_hides_the_text_behind_its_salt() -> None:
    assert salted_digest(bytes(16), "Gửi nhầm") != salted_digest(b"\x01" * 16, "Gửi nhầm")
    assert re.fullmatch(r"[0-9a-f]{64}", salted_digest(bytes(16), "Gửi nhầm"))


def test_a_salt_that_could_be_guessed_is_refused() -> None:
    with pytest.raises(ValueError, match="salt"):
        salted_digest(bytes(15), "x")


def test_kinds_are_words_that_fit_a_column() -> None:
    assert all(re.fullmatch(r"[a-z_]{3,32}", kind.value) for kind in EventKind)
