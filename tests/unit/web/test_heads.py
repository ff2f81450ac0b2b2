"""The guard of heads: whole heads pass as they came, bad ones are told with their path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.web.heads import HEAD_MAX, LINE_MAX, LINES_MAX, BadHead, HeadFault, HeadGuard, path_in

HEAD = b"POST /vxp/getEdoc HTTP/1.1\r\nHost: hub\r\nX-A: \xc3\xa9\tb\r\n\r\n"


def fed(*pieces: bytes) -> bytes | BadHead | None:
    guard = HeadGuard()
    found: bytes | BadHead | None = None
    for piece in pieces:
        assert found is None
        found = guard.feed(piece)
    return found


@given(cuts=st.lists(st.integers(1, len(HEAD) - 1), max_size=6))
def test_a_head_passes_as_it_came_in_whatever_pieces(cuts: list[int]) -> None:
    ends = sorted({*cuts, len(HEAD)})
    pieces = [HEAD[a:b] for a, b in zip([0, *ends], ends, strict=False)]
    assert fed(*pieces) == HEAD


def test_what_follows_a_head_passes_with_it() -> None:
    assert fed(HEAD + b"\x00body") == HEAD + b"\x00body"


@pytest.mark.parametrize("byte", [b"\x00", b"\x11", b"\x7f", b"\x0b"])
def test_a_control_character_is_a_fault_told_with_the_path(byte: bytes) -> None:
    found = fed(HEAD.replace(b"hub", b"h" + byte + b"b"))
    assert found == BadHead(fault=HeadFault.MALFORMED, path="/vxp/getEdoc")


def test_a_head_that_does_not_end_within_its_limit_is_too_large() -> None:
    found = fed(b"GET /a HTTP/1.1\r\n", *[b"X: " + b"y" * 65_000 + b"\r\n"] * 17)
    assert found == BadHead(fault=HeadFault.TOO_LARGE, path="/a")
    assert HEAD_MAX < 17 * 65_000


def test_a_line_that_is_too_long_is_too_large() -> None:
    found = fed(b"GET /a HTTP/1.1\r\nX: " + b"y" * LINE_MAX + b"\r\n\r\n")
    assert found == BadHead(fault=HeadFault.TOO_LARGE, path="/a")


def test_too_many_lines_are_too_large() -> None:
    found = fed(b"GET /a HTTP/1.1\r\n" + b"X: y\r\n" * LINES_MAX + b"\r\n")
    assert found == BadHead(fault=HeadFault.TOO_LARGE, path="/a")


def test_as_many_long_lines_as_allowed_pass() -> None:
    head = b"GET /a HTTP/1.1\r\n" + b"X: y\r\n" * (LINES_MAX - 1) + b"Y: " + b"z" * 200_000 + b"\r\n\r\n"
    assert isinstance(fed(head.replace(b"X: y\r\n", b"", 1)), bytes)


@pytest.mark.parametrize(
    ("head", "path"),
    [
        (b"\r\nPOST //sendEdoc HTTP/1.1\r\n", "//sendEdoc"),
        (b"GET /a?b=c HTTP/1.1\r\n", "/a?b=c"),
        (b"\x16\x03\x01\x02", None),
        (b"", None),
        (b"nonsense", None),
    ],
)
def test_the_path_is_read_from_the_first_line(head: bytes, path: str | None) -> None:
    assert path_in(head) == path


def test_lines_that_end_in_lf_alone_are_passed_on_for_the_library_to_judge() -> None:
    head = b"GET /a HTTP/1.1\nHost: x\n\n"
    assert fed(head) == head
