"""Writing: the strict dialect, the same bytes every time, and back again."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from schemas.edxml.dialect import Dialect
from schemas.edxml.model import (
    AttachmentInfo,
    Business,
    DateText,
    DocumentMessage,
    Organization,
    OtherInfo,
    StatusMessage,
    TimeText,
    TraceHeader,
)
from schemas.edxml.write import append_trace, write_document, write_status, writing_issues
from schemas.edxml.xsd import check_written
from schemas.limits import KIB, MIB
from tests.unit.schemas.edxml.strategies import documents, statuses
from tests.unit.schemas.kit import ASSETS, DOCUMENT, PDF, STATUS, Bench, changed

PLAIN = DocumentMessage(from_=Organization(organ_id="H99"), to=(Organization(organ_id="H98"),))


def written(message: DocumentMessage, *contents: Path) -> bytes:
    return b"".join(write_document(message, contents))


@pytest.mark.parametrize("name", sorted(path.name for path in ASSETS.iterdir()))
def test_a_sample_read_and_written_is_the_same_to_the_byte(bench: Bench, name: str) -> None:
    data = (ASSETS / name).read_bytes()
    assert bench.written(bench.read(data)) == data


# Explaining a failure takes long: every attempt is checked against the schema twice.
QUICK = settings(max_examples=80, phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink))


@QUICK
@given(message=documents, contents=st.lists(st.binary(max_size=300), min_size=3, max_size=3))
def test_any_document_comes_back_equal(
    tmp_path_factory: pytest.TempPathFactory, message: DocumentMessage, contents: list[bytes]
) -> None:
    bench = Bench(tmp_path_factory.mktemp("write"))
    folder = bench.spool()
    paths = [folder / str(number) for number in range(len(message.attachments))]
    for path, content in zip(paths, contents, strict=False):
        path.write_bytes(b"\x00" + content)
    data = written(message, *paths)
    assert check_written(data) == ()
    result = bench.read(data)
    assert result.message == message
    assert result.dialect is Dialect.PREFIXED
    assert not result.needs_repair
    assert [each.path.read_bytes() for each in result.attachments] == [path.read_bytes() for path in paths]


@QUICK
@given(message=statuses)
def test_any_status_comes_back_equal(
    tmp_path_factory: pytest.TempPathFactory, message: StatusMessage
) -> None:
    data = write_status(message)
    assert check_written(data) == ()
    result = Bench(tmp_path_factory.mktemp("write")).read(data)
    assert result.message == message
    assert result.dialect is Dialect.PREFIXED


@pytest.mark.parametrize("size", [0, 1, 2, 3, 48 * KIB - 1, 48 * KIB, 48 * KIB + 1, MIB + 7])
def test_a_large_file_is_written_in_small_pieces(bench: Bench, size: int) -> None:
    path = bench.spool() / "a.pdf"
    path.write_bytes((PDF * (size // len(PDF) + 1))[:size])
    message = dataclasses.replace(PLAIN, attachments=(AttachmentInfo(content_id="1", name="a.pdf"),))
    pieces = list(write_document(message, [path]))
    assert max(len(piece) for piece in pieces) <= 64 * KIB
    (file,) = bench.read(b"".join(pieces)).attachments
    assert file.path.read_bytes() == path.read_bytes()


def test_many_recipients_are_written_in_small_pieces() -> None:
    message = dataclasses.replace(PLAIN, to=tuple(Organization(organ_id=f"H99.{n}") for n in range(2_000)))
    pieces = list(write_document(message, []))
    assert len(pieces) > 1
    assert max(len(piece) for piece in pieces) <= 64 * KIB


def test_every_attachment_needs_its_file() -> None:
    with pytest.raises(ValueError, match="0 attachments"):
        write_document(PLAIN, [Path("a")])


def test_the_least_document_passes_the_strict_schema() -> None:
    assert check_written(written(PLAIN)) == ()


def test_markup_in_a_text_stays_text(bench: Bench) -> None:
    message = dataclasses.replace(PLAIN, subject="</edXML:Subject><edXML:To>&amp;\r\n\t]]>")
    assert bench.read(written(message)).message == message


def test_what_xml_cannot_say_is_left_out_and_told(bench: Bench) -> None:
    message = dataclasses.replace(PLAIN, subject="a\x00b\x0bc\ufffed\ud800e")
    assert getattr(bench.read(written(message)).message, "subject") == "abcde"  # noqa: B009
    assert [each.code for each in writing_issues(message)] == ["control_removed"]


def test_texts_that_are_too_long_are_told_not_cut(bench: Bench) -> None:
    message = dataclasses.replace(PLAIN, subject="x" * 501)
    assert [(each.code, each.path) for each in writing_issues(message)] == [
        ("text_too_long", "MessageHeader/Subject")
    ]
    assert bench.read(written(message)).message == message


def test_a_clean_message_has_nothing_to_tell(bench: Bench) -> None:
    assert writing_issues(bench.read(DOCUMENT).message) == ()
    assert writing_issues(bench.read(STATUS).message) == ()


def test_an_unsafe_file_name_is_written_safe_and_told(bench: Bench) -> None:
    path = bench.spool() / "x"
    path.write_bytes(PDF)
    message = dataclasses.replace(PLAIN, attachments=(AttachmentInfo(content_id="1", name="../\u202ea.pdf"),))
    assert b">a.pdf<" in written(message, path)
    assert [each.code for each in writing_issues(message)] == ["attachment_name_unsafe"]


@pytest.mark.parametrize(
    ("name", "declared", "expected"),
    [
        ("a.pdf", "", "application/pdf"),
        ("a.bin", "", "application/octet-stream"),
        ("a.doc", "application/doc", "application/doc"),
        ("a.zip", "application/zip", "application/zip"),
        ("a.txt", "application/zip", "application/octet-stream"),
    ],
)
def test_no_file_is_declared_an_archive_that_readers_would_unzip(
    bench: Bench, name: str, declared: str, expected: str
) -> None:
    path = bench.spool() / "x"
    path.write_bytes(PDF)
    info = AttachmentInfo(content_id="1", name=name, content_type=declared)
    data = written(dataclasses.replace(PLAIN, attachments=(info,)), path)
    assert data.count(f"ContentType>{expected}<".encode()) == 2


def test_a_date_that_was_understood_is_written_canonically(bench: Bench) -> None:
    result = bench.read(changed(DOCUMENT, (">2025/10/13<", ">13/10/2025<")))
    assert b"<edXML:PromulgationDate>2025/10/13<" in bench.written(result)


def test_a_date_that_was_not_is_written_as_it_came(bench: Bench) -> None:
    message = dataclasses.replace(PLAIN, due_date=DateText(raw="cuối tháng"))
    data = written(message)
    assert bench.read(data).message == message
    assert check_written(data) == ()


def test_a_secrecy_mark_has_no_place_in_the_format() -> None:
    message = dataclasses.replace(PLAIN, other_info=OtherInfo(secret="Mật"))
    assert "Mật".encode() not in written(message)


def test_the_same_message_gives_the_same_bytes(bench: Bench) -> None:
    message = bench.read(DOCUMENT)
    assert bench.written(message) == bench.written(message)


def test_a_hop_is_appended_in_vietnam_time() -> None:
    message = append_trace(PLAIN, "00.09.W00", datetime(2025, 10, 13, 18, 30, 1, 999, tzinfo=UTC))
    hop = TraceHeader(
        organ_id="00.09.W00",
        timestamp=TimeText(raw="2025/10/14 01:30:01", parsed=datetime(2025, 10, 14, 1, 30, 1)),  # noqa: DTZ001
    )
    assert message.trace_headers == (hop,)
    assert append_trace(message, "x", hop.timestamp.parsed or datetime.min).trace_headers[0] == hop  # noqa: DTZ901
    assert PLAIN.trace_headers == ()


def test_a_written_message_carries_every_kind_of_business(bench: Bench) -> None:
    for number in range(4):
        message = dataclasses.replace(
            PLAIN,
            business=Business(doc_type=number),
            due_date=DateText(raw="2025/10/13", parsed=date(2025, 10, 13)),
        )
        assert bench.read(written(message)).message == message
