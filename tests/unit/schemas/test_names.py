"""File names made safe."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.names import MAX_BYTES, MAX_CHARACTERS, extension, is_plain, safe_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Công văn 125.pdf", "Công văn 125.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\system32\\a.dll", "a.dll"),
        ("C:\\a\\b.pdf", "b.pdf"),
        ("C:b.pdf", "C_b.pdf"),
        ("a/b/", "tep-1"),
        ("", "tep-1"),
        ("...", "tep-1"),
        ("..", "tep-1"),
        (".htaccess", "htaccess"),
        ("a\x00b\x1f.pdf", "ab.pdf"),
        ("hoadon\u202efdp.exe", "hoadonfdp.exe"),
        ("a\u200bb\ufeff.pdf", "ab.pdf"),
        ("a\r\nb.pdf", "a b.pdf"),
        ('a<b>:"|?*.pdf', "a_b______.pdf"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("COM1.pdf", "_COM1.pdf"),
        ("LPT¹", "_LPT¹"),
        ("conference.pdf", "conference.pdf"),
        ("tên.pdf. ", "tên.pdf"),
        ("  a   b.pdf", "a b.pdf"),
        ("e\u0302\u0301.txt", "\u1ebf.txt"),
    ],
)
def test_a_name_is_made_safe(name: str, expected: str) -> None:
    assert safe_name(name, fallback="tep-1") == expected


def test_a_long_name_keeps_its_extension() -> None:
    short = safe_name("x" * 300 + ".docx", fallback="f")
    assert len(short) == MAX_CHARACTERS
    assert short.endswith("x.docx")


def test_a_long_name_of_wide_letters_fits_a_file_system() -> None:
    assert len(safe_name("𠀀" * 300 + ".pdf", fallback="f").encode()) <= MAX_BYTES


def test_names_of_one_message_never_collide() -> None:
    taken: set[str] = set()
    names = [
        safe_name(name, fallback="f", taken=taken) for name in ("a.pdf", "A.PDF", "x/a.pdf", "a (2).pdf")
    ]
    assert names == ["a.pdf", "A (2).PDF", "a (3).pdf", "a (2) (2).pdf"]


def test_long_names_that_collide_stay_within_the_length() -> None:
    taken: set[str] = set()
    names = [safe_name("y" * 100 + ".pdf", fallback="f", taken=taken) for _ in range(12)]
    assert len({name.casefold() for name in names}) == 12
    assert all(len(name) <= MAX_CHARACTERS for name in names)


@pytest.mark.parametrize("name", ["a/b", "a\\b", "..", ".", " ", "C:x", "a\x00", "a\u202eb", "a\u200b"])
def test_a_name_that_could_do_harm_is_not_plain(name: str) -> None:
    assert not is_plain(name)


@pytest.mark.parametrize("name", ["a.pdf", "Tờ trình (1).docx", "a..b", "v1.2 - bản cuối.pdf"])
def test_an_ordinary_name_is_plain(name: str) -> None:
    assert is_plain(name)


@pytest.mark.parametrize(
    ("name", "expected"), [("a.PDF", "pdf"), ("a", ""), ("a.", ""), ("a.tar.gz", "gz"), ("a.p df", "")]
)
def test_the_extension_is_in_lower_case_without_dot(name: str, expected: str) -> None:
    assert extension(name) == expected


@given(st.lists(st.text(max_size=120), max_size=8))
def test_any_names_become_safe_and_distinct(names: list[str]) -> None:
    taken: set[str] = set()
    made = [safe_name(name, fallback=f"tep-{index}", taken=taken) for index, name in enumerate(names)]
    assert len({name.casefold() for name in made}) == len(made)
    for name in made:
        assert is_plain(name)
        assert 0 < len(name) <= MAX_CHARACTERS
        assert len(name.encode()) <= MAX_BYTES
        assert not set(name) & set('/\\<>:"|?*')
        assert name == name.strip(" ")
        assert not any(unicodedata.category(char).startswith("C") for char in name)
