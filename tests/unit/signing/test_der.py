"""Reading DER by places: what fits is found, what does not is refused."""

from __future__ import annotations

import pytest
from asn1crypto import core, parser, x509
from hypothesis import given
from hypothesis import strategies as st

from signing import cms, der
from signing.certificates import same_name
from signing.known import LARGEST, ByBytes, ByObject


@given(st.binary(max_size=300_000))
def test_a_definite_element_is_found_whole(content: bytes) -> None:
    blob = core.OctetString(content).dump()
    found = der.element(blob + b"rest", 0, len(blob) + 4)
    assert (found.tag, found.end) == (der.OCTET_STRING, len(blob))
    assert der.octets(blob, found) == content


def test_indefinite_lengths_are_followed() -> None:
    blob = bytes.fromhex("2480 0402 6162 2480 0401 63 0000 0000 ff".replace(" ", ""))
    found = der.element(blob, 0, len(blob))
    assert blob[found.end :] == b"\xff"
    assert der.octets(blob, found) == b"abc"


@given(st.binary(max_size=60))
def test_any_bytes_are_read_as_the_general_library_reads_them_or_refused(blob: bytes) -> None:
    try:
        found = der.element(blob, 0, len(blob))
    except ValueError:
        return
    _, _, _, header, contents, trailer = parser.parse(blob)
    assert blob[found.inside : found.inside_end] == contents
    assert found.end == len(header) + len(contents) + len(trailer)


@pytest.mark.parametrize(
    "blob", [b"", b"\x30", b"\x30\x05\x00", b"\x04\x80\x00\x00", b"\x30\x80\x04", b"\x24\x80" * 40]
)
def test_what_does_not_fit_is_refused(blob: bytes) -> None:
    with pytest.raises(ValueError, match="."):
        der.element(blob, 0, len(blob))
    with pytest.raises(cms.CmsBroken):
        cms.parse(blob)


def test_an_object_is_asked_once_and_a_large_one_each_time() -> None:
    seen: list[int] = []
    asked = ByObject(lambda thing: seen.append(len(thing)), len)
    for thing in (small := bytearray(3), small, bytearray(3), large := bytearray(LARGEST + 1), large):
        asked(thing)
    assert seen == [3, 3, LARGEST + 1, LARGEST + 1]


def test_names_are_one_by_their_bytes_or_by_their_meaning() -> None:
    names = ("UBND X", "ubnd  x", "UBND Y")
    upper, lower, other = (x509.Name.build({"common_name": n}).dump() for n in names)
    assert [same_name(upper, n) for n in (upper, lower, other, b"", b"\x30\x80")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_large_values_are_computed_and_not_kept() -> None:
    seen: list[int] = []
    counted = ByBytes(lambda data: seen.append(len(data)))
    for _ in range(2):
        counted(b"a" * LARGEST)
        counted(b"a" * (LARGEST + 1))
    assert seen == [LARGEST, LARGEST + 1, LARGEST + 1]
