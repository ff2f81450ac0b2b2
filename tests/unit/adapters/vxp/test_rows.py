"""Rows of the exchange's lists: one that is wrong spoils the whole answer."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.vxp import rows
from adapters.vxp.wire import Answer
from hub.ports.national import ExchangeUnavailable, MessageType


def answer(**fields: Any) -> Answer:
    """A good answer with these fields."""
    return Answer(status="OK", code="0", text="", fields=fields)


ROW = {"docId": "5f1", "from": "000.00.00.G12", "to": "000.00.01.H09", "status": "initial"}


def test_packages_that_wait_are_listed_and_settled_ones_are_not() -> None:
    listed = [ROW, ROW | {"docId": "5f2", "status": "Done"}, ROW | {"docId": "5f3", "status": "processing"}]
    found = rows.packages(answer(data=listed), MessageType.DOCUMENT)
    assert [p.package_id for p in found] == ["5f1", "5f3"]


def test_a_list_of_recipients_in_a_row_is_no_recipient() -> None:
    (found,) = rows.packages(answer(data=[ROW | {"to": ["A", "B"]}]), MessageType.DOCUMENT)
    assert found.to_code == ""


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"data": None},
        {"data": {}},
        {"data": "[]"},
        {"data": [1]},
        {"data": [ROW, {}]},
        {"data": [ROW | {"docId": 5}]},
        {"data": [ROW | {"docId": "a b"}]},
        {"data": [ROW | {"docId": "x" * 101}]},
        {"data": [ROW | {"from": {"code": "G12"}}]},
        {"data": [ROW | {"status": True}]},
    ],
)
def test_what_is_no_list_of_packages_is_no_answer(fields: dict[str, Any]) -> None:
    with pytest.raises(ExchangeUnavailable):
        rows.packages(answer(**fields), MessageType.DOCUMENT)


def test_the_directory_joins_old_and_new_codes_and_cleans_names() -> None:
    listed = answer(data=[{"code": " g12 ", "name": "Bộ\u200b Tài  chính ", "oldCode": "000.00.00.G12"}])
    pairs = answer(data=[{"code": "G12", "name": "x", "code102": "000.00.00.g12"}, {"code": "", "name": "y"}])
    (found,) = rows.agencies(listed, pairs)
    assert (found.code, found.name, found.other_codes) == ("G12", "Bộ Tài chính", ("000.00.00.G12",))


def test_the_state_of_what_was_sent_is_read_by_our_reference() -> None:
    row = {"senderDocId": "5f1", "toCode": " g12", "receiveStatus": "DONE"}
    (found,) = rows.sent_packages(answer(data=[row, {"senderDocId": ""}]))
    assert (found.reference, found.to_code, found.state) == ("5f1", "G12", "done")


@pytest.mark.parametrize(("text", "code"), [("18", "18"), ("<b>", "unknown"), ("x" * 30, "unknown")])
def test_codes_are_kept_fit_for_logs(text: str, code: str) -> None:
    assert rows.error_code(text) == code
