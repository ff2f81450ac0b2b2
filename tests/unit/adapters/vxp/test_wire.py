"""Digests, times, answers and the table of operations."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from adapters.vxp.wire import (
    OPERATIONS,
    AnswerUnreadable,
    ErrorCode,
    MessageType,
    OperationName,
    WireError,
    checked_document,
    failure,
    file_digest,
    is_fresh,
    names_digest,
    operation_of,
    padded,
    parse_answer,
    read_listed,
    read_stamp,
    success,
    unaccented,
    unpadded,
    write_listed,
    write_stamp,
)
from tests.support.vxp_captured import captured


async def pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def document_in(body: bytes, hash_file: str, size: int = 7) -> bytes:
    return b"".join([chunk async for chunk in checked_document(pieces(body, size), hash_file)])


@pytest.mark.parametrize("number", [10, 11, 12])
async def test_the_body_of_a_captured_send_is_its_file_without_the_line_end(number: int) -> None:
    request = captured()[number]
    hash_file = dict(request.headers)[b"XroadVnpt-hash-file"].decode()
    assert await document_in(request.body, hash_file) == request.body[:-2]


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=40), size=st.integers(1, 9), short=st.booleans(), ended=st.booleans())
async def test_a_body_is_taken_under_either_text_with_or_without_its_line_end(
    body: bytes, size: int, short: bool, ended: bool
) -> None:
    text = (unpadded if short else padded)(file_digest(body))
    assert await document_in(body + (b"\r\n" if ended else b""), text, size) == body


@settings(max_examples=300, deadline=None)
@given(at=st.integers(min_value=0), byte=st.integers(0, 255))
async def test_one_changed_byte_of_a_body_is_refused(at: int, byte: int) -> None:
    request = captured()[10]
    document = request.body[:-2]
    at %= len(document)
    assume(document[at] != byte)
    changed = document[:at] + bytes([byte]) + document[at + 1 :] + b"\r\n"
    with pytest.raises(WireError) as caught:
        await document_in(changed, dict(request.headers)[b"XroadVnpt-hash-file"].decode(), 1000)
    assert caught.value.code is ErrorCode.INVALID_FILE


@pytest.mark.parametrize("text", ["", " ", "0", "g" * 64])
async def test_a_text_that_is_no_digest_names_no_body(text: str) -> None:
    with pytest.raises(WireError):
        await document_in(b"x", text)


def test_the_java_text_of_a_digest_leaves_out_zeros() -> None:
    digest = bytes.fromhex("a1e2d016f50a")
    assert unpadded(digest) == "a1e2d016f5a"
    assert names_digest("A1E2D016F5A", digest)
    assert names_digest("a1e2d016f50a", digest)


def test_a_stamp_is_local_time_with_milliseconds_where_a_zone_seems_to_be() -> None:
    moment = datetime(2026, 11, 21, 20, 54, 44, 636_000, tzinfo=UTC)
    assert write_stamp(moment) == "22112026T035444+0636"
    assert read_stamp("22112026T035444+0636") == moment


@pytest.mark.parametrize(
    "text",
    ["", "22112026T035444+1000", "31022026T035444+0000", "22112026T035444", "22112026T035444-0636"],
)
def test_what_is_no_stamp_names_no_moment(text: str) -> None:
    assert read_stamp(text) is None


def test_freshness_looks_both_ways() -> None:
    now = datetime(2026, 11, 21, 20, 54, 44, tzinfo=UTC)
    window = timedelta(minutes=5)
    assert is_fresh(write_stamp(now - window), now=now, window=window)
    assert not is_fresh(write_stamp(now - window - timedelta(seconds=1)), now=now, window=window)
    assert not is_fresh(write_stamp(now + window + timedelta(seconds=1)), now=now, window=window)
    assert not is_fresh("", now=now, window=window)


def test_times_of_lists_are_read_as_written() -> None:
    moment = datetime(2026, 11, 21, 20, 54, 44, tzinfo=UTC)
    assert write_listed(moment) == "22/11/2026 03:54:44"
    assert read_listed(write_listed(moment)) == moment
    assert read_listed("2026-11-22") is None


def test_an_answer_is_ascii_and_keeps_what_it_says() -> None:
    body = success(data=[{"name": "Sở Nội vụ"}])
    assert body.isascii()
    answer = parse_answer(body)
    assert answer.ok
    assert answer.fields["data"] == [{"name": "Sở Nội vụ"}]


def test_a_failure_loses_its_accents_and_line_ends() -> None:
    answer = parse_answer(failure(ErrorCode.WRONG_EDXML, "Sai định dạng\nĐơn vị ☃", DocId="0"))
    assert (answer.status, answer.code, answer.text) == ("FAIL", "22", "Sai dinh dang Don vi ?")
    assert answer.fields == {"DocId": "0"}


@given(text=st.text(max_size=60))
def test_whatever_is_said_without_accents_is_printable_ascii(text: str) -> None:
    assert all(" " <= c <= "~" for c in unaccented(text))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>500</html>",
        b"[]",
        b"null",
        b'{"status":"OK","ErrorCode":"0"}',
        b'{"status":"OK","ErrorCode":true,"ErrorDesc":""}',
        b"[" * 200_000,
    ],
)
def test_what_is_no_answer_is_unreadable_and_never_an_empty_list(body: bytes) -> None:
    with pytest.raises(AnswerUnreadable):
        parse_answer(body)


def test_a_code_may_be_a_number() -> None:
    assert parse_answer(b'{"status":"OK","ErrorCode":0,"ErrorDesc":"Thanh cong"}').ok


@pytest.mark.parametrize("request_", captured(), ids=lambda r: r.path)
def test_every_captured_path_and_method_is_in_the_table(request_: object) -> None:
    name = operation_of(request_.path)  # type: ignore[attr-defined]
    assert name is not None
    assert request_.method in OPERATIONS[name].methods  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("path", "name"),
    [("//sendEdoc", OperationName.SEND), ("/getEdoc/", OperationName.GET), ("/sendedoc", None), ("", None)],
)
def test_double_slashes_are_one(path: str, name: OperationName | None) -> None:
    assert operation_of(path) is name


def test_message_types_are_named_as_on_the_wire() -> None:
    assert json.dumps([t.value for t in MessageType]) == '["edoc", "status"]'
