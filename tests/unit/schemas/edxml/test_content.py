"""Base64 as a stream."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.edxml.content import ContentSink, RawContent
from schemas.issues import EdxmlRefused
from tests.unit.schemas.kit import Bench, with_content


def decoded(folder: Path, *pieces: str, limit: int = 1000) -> RawContent:
    sink = ContentSink(folder / "a.bin", index=0, max_bytes=limit)
    try:
        for piece in pieces:
            sink.write(piece)
        return sink.finish()
    finally:
        sink.abort()


def codes(raw: RawContent) -> list[str]:
    return [each.code for each in raw.issues]


@pytest.mark.parametrize("content", [b"", b"a", b"ab", b"abc", b"abcd", bytes(range(256))])
def test_content_is_decoded_and_hashed(tmp_path: Path, content: bytes) -> None:
    raw = decoded(tmp_path, base64.b64encode(content).decode())
    assert raw.path.read_bytes() == content
    assert (raw.size, raw.sha256) == (len(content), hashlib.sha256(content).digest())
    assert codes(raw) == []


@given(content=st.binary(max_size=200), cuts=st.lists(st.integers(0, 300)), every=st.integers(1, 80))
def test_any_cutting_and_wrapping_gives_the_same(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, cuts: list[int], every: int
) -> None:
    folder = tmp_path_factory.mktemp("content")
    text = base64.b64encode(content).decode()
    text = "\r\n\t ".join(text[at : at + every] for at in range(0, len(text), every))
    bounds = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[bounds[i] : bounds[i + 1]] for i in range(len(bounds) - 1)]
    raw = decoded(folder, *pieces)
    assert raw.path.read_bytes() == content
    assert codes(raw) == []


@pytest.mark.parametrize("text", ["YWJj*ZA==", "YW\u00a0JjZA==", "YWJjZ\u1ea5A==", "\x01YWJjZA=="])
def test_characters_outside_the_alphabet_are_ignored_with_a_warning(tmp_path: Path, text: str) -> None:
    raw = decoded(tmp_path, text)
    assert raw.path.read_bytes() == b"abcd"
    assert codes(raw) == ["base64_dirty"]


@pytest.mark.parametrize("text", ["YWJjZA", "YWJjZA=", "YWJjZA===", "YWI"])
def test_wrong_padding_is_a_warning(tmp_path: Path, text: str) -> None:
    assert codes(decoded(tmp_path, text)) == ["base64_padding"]


def test_surplus_padding_of_whole_groups_is_a_warning(tmp_path: Path) -> None:
    raw = decoded(tmp_path, "YWJj", "=", "=", "=", "=")
    assert raw.path.read_bytes() == b"abc"
    assert codes(raw) == ["base64_padding"]


@pytest.mark.parametrize(
    "pieces",
    [
        ("Y",),
        ("YWJjZ",),
        ("YWI=", "YWI="),
        ("YWI=YWI=",),
        ("YW=I",),
        ("YWI", "=", "Y"),
        ("YW-_",),
        ("${__StringFromFile(test.txt,,,)}",),
    ],
)
def test_what_has_no_single_reading_is_refused(tmp_path: Path, pieces: tuple[str, ...]) -> None:
    with pytest.raises(EdxmlRefused) as caught:
        decoded(tmp_path, *pieces)
    assert caught.value.code == "base64_invalid"


def test_too_much_content_is_refused_while_it_comes(tmp_path: Path) -> None:
    with pytest.raises(EdxmlRefused) as caught:
        decoded(tmp_path, base64.b64encode(bytes(999)).decode(), "AAAA")
    assert caught.value.code == "attachment_too_large"


def test_giving_up_on_a_full_disk_does_not_fail_again(tmp_path: Path) -> None:
    sink = ContentSink(tmp_path / "a.bin", index=0, max_bytes=100)
    sink._file.close()
    sink._file = Path("/dev/full").open("wb")  # noqa: SIM115 - closed by the sink
    sink.write("YWJj")
    sink.abort()
    assert sink._file.closed


def test_the_file_is_private(tmp_path: Path) -> None:
    assert decoded(tmp_path, "YWJj").path.stat().st_mode & 0o777 == 0o600


def test_an_existing_file_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        decoded(tmp_path, "YWJj")


@pytest.mark.parametrize(
    "encoded",
    [
        "<![CDATA[YWJj]]>ZGVm",
        "YWJj<!-- Zm9v -->ZGVm",
        "YW<?p Zm9v?>JjZGVm",
        "&#89;WJjZGV&#x6d;",
        "YWJj&#13;\n&#xA;ZGVm",
        "\n  YWJj\r\n  ZGVm\r\n",
    ],
)
def test_every_way_to_write_the_text_is_the_text(bench: Bench, encoded: str) -> None:
    (file,) = bench.read(with_content(encoded)).attachments
    assert file.path.read_bytes() == b"abcdef"


def test_a_line_break_reference_in_a_section_is_no_reference(bench: Bench) -> None:
    # Inside CDATA `&#13;` is five characters, of which two are digits of base64.
    result = bench.read(with_content("<![CDATA[" + "A" * 100_000 + "YW&#13;" + "]]>"))
    assert result.attachments[0].size == 75_003
    assert "base64_dirty" in [each.code for each in result.warnings]


def test_empty_content_is_a_warning(bench: Bench) -> None:
    assert bench.warnings(with_content("")) == ["attachment_empty"]
