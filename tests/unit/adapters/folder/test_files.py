from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.folder import files
from adapters.folder.files import (
    NAME_MOST_BYTES,
    FilesUnavailable,
    FirstNames,
    folder_of,
    is_safe,
    printable,
)
from adapters.folder.handover import NO_REASON, reason_in
from adapters.folder.layout import answered, is_answer, is_sent, is_unfinished

ANY_NAME = st.text(min_size=1, max_size=300)


@given(ANY_NAME)
def test_a_printable_name_is_a_safe_one(name: str) -> None:
    shown = printable(name)
    assert is_safe(shown)
    assert shown.isprintable()


@given(ANY_NAME)
def test_a_safe_name_stays_as_it_is_and_in_its_folder(name: str) -> None:
    if is_safe(name):
        assert printable(name) == name
        assert not {"/", "\\", "\0"} & set(name)
        assert name not in {".", ".."}
        assert len(name.encode()) <= NAME_MOST_BYTES


@given(st.text(max_size=60), st.text(max_size=60))
def test_units_have_folders_of_their_own_that_are_plain_names(one: str, other: str) -> None:
    for unit in (one, other):
        name = folder_of(unit)
        assert set(name) <= {*string.ascii_letters, *string.digits, *"._-%"}
        assert name not in {"", ".", ".."}
        assert not name.startswith(".")
    if one != other:
        assert folder_of(one) != folder_of(other)


@given(
    st.lists(st.text(alphabet="abc.", min_size=1, max_size=5), unique=True),
    st.text(max_size=3),
    st.integers(1, 5),
)
def test_the_first_names_are_those_that_sorting_all_would_give(
    names: list[str], after: str, limit: int
) -> None:
    found = FirstNames(accept=lambda name: "a" in name, after=after, limit=limit)
    for name in names:
        found.add(name)
    wanted = sorted(name for name in names if "a" in name and name > after)
    assert list(found.result()) == wanted[:limit]


def test_pages_go_through_a_hundred_thousand_names_and_keep_few() -> None:
    found = FirstNames(accept=lambda _: True, after="", limit=200)
    for number in reversed(range(100_000)):
        found.add(f"{number:06}")
    assert found.result() == tuple(f"{number:06}" for number in range(200))


def test_a_folder_without_end_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "NAMES_MOST", 10)
    found = FirstNames(accept=lambda _: True, after="", limit=5)
    with pytest.raises(FilesUnavailable):
        for number in range(11):
            found.add(str(number))


@pytest.mark.parametrize(
    ("name", "sent", "unfinished"),
    [
        ("vb.edxml", True, False),
        ("VB.EDXML", True, False),
        ("vb.xml", True, False),
        ("vb.edxml.part", False, True),
        ("vb.edxml.filepart", False, True),
        (".vb.edxml", False, False),
        ("vb.edxml.ready", False, False),
        ("vb.pdf", False, False),
    ],
)
def test_names_say_what_a_file_is(name: str, sent: bool, unfinished: bool) -> None:
    assert (is_sent(name), is_unfinished(name)) == (sent, unfinished)


def test_an_answer_names_its_delivery_exactly() -> None:
    delivery = "0198c0de-0000-7000-8000-000000000001"
    assert str(answered(f"{delivery}.confirmed")) == delivery
    assert str(answered(f"{delivery.upper()}.rejected")) == delivery
    for name in (f"{{{delivery}}}.confirmed", f"{delivery.replace('-', '')}.confirmed", "x.confirmed"):
        assert is_answer(name)
        assert answered(name) is None


def test_a_reason_is_fit_to_be_shown() -> None:
    assert reason_in("\ufeffSai\r\nđơn vị\x1b[31m nhận ".encode()) == "Sai đơn vị [31m nhận"
    assert reason_in(b"\xff\xfe") == "\ufffd\ufffd"
    assert reason_in(b" \n") == NO_REASON
    assert len(reason_in(b"x" * 2_000)) == 500
