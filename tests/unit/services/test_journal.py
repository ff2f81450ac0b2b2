"""Events hold no words of people, whoever writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import orjson
import pytest

from hub.domain.deadlines import Lane
from hub.domain.events import EventKind, salted_digest
from hub.domain.ids import Uuid7Factory
from hub.domain.submission import MessageKind
from hub.domain.transport import DeliveryState
from hub.ports.records import DeliveryRecord, NewEvent
from hub.services.journal import Journal

AT = datetime(2026, 11, 2, tzinfo=UTC)
JOURNAL = Journal(Uuid7Factory(lambda: 1_790_000_000_000, bytes))
UNIT = "000.00.02.H09"


def delivery(unit: str) -> DeliveryRecord:
    return DeliveryRecord(
        id=UUID(int=1),
        document_id=UUID(int=2),
        kind=MessageKind.DOCUMENT,
        unit_id=unit,
        system_id=UUID(int=3),
        addressed_as=(unit,),
        state=DeliveryState.REJECTED,
        lane=Lane.NORMAL,
        created_at=AT,
    )


def rejected(reason: str) -> NewEvent:
    return JOURNAL.delivery(EventKind.DELIVERY_REJECTED, delivery(UNIT), at=AT, reason=reason)


def test_a_reason_is_kept_apart_and_stands_in_the_event_by_its_salted_digest() -> None:
    event = rejected("một lý do")
    assert (event.reason, len(event.salt)) == ("một lý do", 16)
    assert salted_digest(event.salt, "một lý do").encode() in event.body
    assert "lý do" not in event.body.decode()


def test_the_same_reason_has_another_digest_each_time() -> None:
    digests = {orjson.loads(rejected("như nhau").body)["data"]["reason_digest"] for _ in range(3)}
    assert len(digests) == 3


@pytest.mark.parametrize("unit", ["Ông Nguyễn Văn A", "một cái tên", "A" * 60])
def test_a_code_that_looks_like_words_stands_there_by_its_digest(unit: str) -> None:
    event = JOURNAL.delivery(EventKind.DELIVERY_QUEUED, delivery(unit), at=AT)
    assert unit not in event.body.decode()
