"""The signed head: the published vector, the captured requests, and what must not get through."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from adapters.vxp.signing import _RESERVED
from adapters.vxp.wire import ErrorCode, Parameters, WireError, read_head, sign, signed_headers, verify
from tests.support.vxp_captured import CUT, SECRET, Captured, captured

CAPTURED = captured()
VALID = tuple(n for n in range(len(CAPTURED)) if n not in CUT)
VECTOR = (
    b'{"XroadVnpt-systemid":"000.00.00.H09","XroadVnpt-servicetype":"eDoc","XroadVnpt-messagetype":"edoc",'
    b'"XroadVnpt-timestamp":"22112026T035444+0636","XroadVnpt-Content-Type":"application/json"}'
)


def parameters_of(request: Captured) -> Parameters:
    return verify(read_head(request.headers), [SECRET])


def refused(headers: tuple[tuple[bytes, bytes], ...], secrets: tuple[str, ...] = (SECRET,)) -> WireError:
    with pytest.raises(WireError) as caught:
        verify(read_head(headers), secrets)
    assert caught.value.code is ErrorCode.WRONG_CREDENTIALS
    return caught.value


def made(*, secret: str = SECRET, **parameters: str) -> tuple[tuple[bytes, bytes], ...]:
    headers = signed_headers(
        {name.replace("_", "-"): value for name, value in parameters.items()},
        system_id="000.00.00.H09",
        secret=secret,
        timestamp="22112026T035444+0636",
    )
    return tuple((n.encode(), v.encode()) for n, v in headers)


def with_header(
    headers: tuple[tuple[bytes, bytes], ...], name: bytes, value: bytes
) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((n, value if n == name else v) for n, v in headers)


def test_the_published_vector_is_signed_as_published() -> None:
    assert sign(VECTOR, "c2VjcmV0LXRlc3Qta2V5LW5vdC1yZWFs") == (
        "208eae2ca55d8c28e5e64f66f1ccfb762ff798d5114dbf750383ac71bf7211d1"
    )


def test_building_the_vector_gives_the_same_bytes() -> None:
    headers = dict(
        signed_headers(
            {"servicetype": "eDoc", "messagetype": "edoc"},
            system_id="000.00.00.H09",
            secret="c2VjcmV0LXRlc3Qta2V5LW5vdC1yZWFs",
            timestamp="22112026T035444+0636",
        )
    )
    assert headers["XroadVnpt-sign-header"].encode() == VECTOR
    assert headers["XroadVnpt-hash-header"].startswith("208eae2c")


@pytest.mark.parametrize("number", VALID)
def test_a_captured_request_verifies(number: int) -> None:
    assert parameters_of(CAPTURED[number]).get("systemid") == "000.00.00.H09"


@pytest.mark.parametrize("number", sorted(CUT))
def test_a_captured_request_with_cut_characters_is_refused(number: int) -> None:
    assert refused(CAPTURED[number].headers).reason == "signature_wrong"


@pytest.mark.parametrize(
    ("number", "prefer", "wanted"),
    [
        (4, "docId", "68edb8c8c2dcb14db773ce44"),
        (6, "docId", "68edb8c8c2dcb14db773ce55"),
        (6, "docid", "68edb8c8c2dcb14db773ce44"),
        (10, "docId", "68edb8c8c2dcb14db773ce66"),
    ],
)
def test_the_package_is_read_from_the_signed_text_by_the_spelling_of_the_operation(
    number: int, prefer: str, wanted: str
) -> None:
    assert parameters_of(CAPTURED[number]).document_id(prefer) == wanted


def test_the_other_spelling_is_taken_where_the_preferred_one_is_absent() -> None:
    parameters = verify(read_head(made(docid="p1")), [SECRET])
    assert parameters.document_id("docId") == "p1"


@pytest.mark.parametrize("number", VALID)
def test_another_secret_refuses_a_captured_request(number: int) -> None:
    refused(CAPTURED[number].headers, ("khoa-bi-mat-chi-de-thU",))


def test_both_secrets_are_valid_while_one_replaces_the_other() -> None:
    assert verify(read_head(made()), ["new", SECRET]).get("systemid") == "000.00.00.H09"
    assert verify(read_head(made(secret="new")), ["new", SECRET]).get("systemid") == "000.00.00.H09"


def test_no_secret_verifies_nothing() -> None:
    refused(made(secret=""), ())


def _signed_places() -> list[tuple[int, int]]:
    unsigned = {b"xroadvnpt-version"}
    return [
        (number, place)
        for number in VALID
        for place, (name, _) in enumerate(CAPTURED[number].headers)
        if name.lower().startswith(b"xroadvnpt-") and name.lower() not in unsigned
    ]


@settings(max_examples=600, deadline=None)
@given(place=st.sampled_from(_signed_places()), at=st.integers(min_value=0), byte=st.integers(0x21, 0xFF))
def test_one_changed_character_in_a_signed_header_is_refused(
    place: tuple[int, int], at: int, byte: int
) -> None:
    number, header = place
    headers = list(CAPTURED[number].headers)
    name, value = headers[header]
    at %= len(value)
    assume(value[at] != byte and (name != b"XroadVnpt-sign-header-key" or byte != ord(";")))
    # The list of keys is compared without regard to case, as the names of headers are.
    changed = value[:at] + bytes([byte]) + value[at + 1 :]
    assume(name != b"XroadVnpt-sign-header-key" or changed.lower() != value.lower())
    headers[header] = (name, changed)
    refused(tuple(headers))


@settings(max_examples=200, deadline=None)
@given(place=st.sampled_from(_signed_places()))
def test_a_signed_header_that_is_left_out_is_refused_unless_its_other_spelling_is_there(
    place: tuple[int, int],
) -> None:
    number, header = place
    name = CAPTURED[number].headers[header][0]
    assume(name.lower() not in {b"xroadvnpt-docid", b"xroadvnpt-sign-header-key"})
    refused(tuple(h for n, h in enumerate(CAPTURED[number].headers) if n != header))


def test_a_second_header_of_a_signed_name_with_another_value_is_refused() -> None:
    headers = (*made(docId="p1"), (b"xroadvnpt-docid", b"p2"))
    assert refused(headers).reason == "signed_header_differs"


def test_a_second_signature_is_refused() -> None:
    first, second = made(docId="p1"), made(docId="p2")
    both = (*first, *(h for h in second if h[0] in {b"XroadVnpt-sign-header", b"XroadVnpt-hash-header"}))
    assert refused(both).reason == "header_twice"


def test_a_header_that_is_not_signed_is_no_parameter() -> None:
    headers = (*made(docId="p1"), (b"XroadVnpt-status", b"done"))
    assert verify(read_head(headers), [SECRET]).get("status") is None


def test_names_that_a_proxy_joined_are_taken_apart() -> None:
    headers = tuple(h for h in made(docId="p2", docid="p1") if h[0].lower() != b"xroadvnpt-docid")
    joined = (*headers, (b"xroadvnpt-docid", b"p1, p2"))
    assert verify(read_head(joined), [SECRET]).document_id("docid") == "p1"


def test_a_signature_over_another_systems_id_is_refused() -> None:
    headers = with_header(made(), b"XroadVnpt-systemid", b"000.00.13.H53")
    assert refused(headers).reason == "signed_header_differs"


@pytest.mark.parametrize(
    "text",
    [
        '{"XroadVnpt-systemid":"000.00.00.H09","XroadVnpt-systemid":"000.00.00.H09"}',
        '["XroadVnpt-systemid"]',
        '{"XroadVnpt-systemid":1}',
        '{"systemid":"000.00.00.H09"}',
        '{"XroadVnpt-systemid":"000.00.00.H09"',
        "{}",
        "[" * 100_000,
        '{"XroadVnpt-systemid":"000.00.00.H09","XroadVnpt-\\ud800":"x"}',
        '{"XroadVnpt-systemid":"\\ud800"}',
        "",
    ],
)
def test_a_signed_text_that_is_no_object_of_texts_is_refused(text: str) -> None:
    raw = text.encode()
    headers = (
        (b"XroadVnpt-systemid", b"000.00.00.H09"),
        (b"XroadVnpt-sign-header", raw),
        (b"XroadVnpt-hash-header", sign(raw, SECRET).encode()),
    )
    refused(headers)


@settings(max_examples=300, deadline=None)
@given(
    headers=st.lists(
        st.tuples(
            st.sampled_from(
                [
                    b"XroadVnpt-systemid",
                    b"XroadVnpt-sign-header",
                    b"XroadVnpt-hash-header",
                    b"XroadVnpt-docId",
                    b"Host",
                ]
            ),
            st.binary(max_size=60),
        ),
        max_size=8,
    )
)
def test_whatever_comes_unsigned_is_refused_as_wrong_credentials(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(WireError) as caught:
        verify(read_head(headers), [SECRET])
    assert caught.value.code is ErrorCode.WRONG_CREDENTIALS


@settings(max_examples=300, deadline=None)
@given(
    parameters=st.dictionaries(
        st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12).filter(lambda n: n not in _RESERVED),
        st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40).map(str.strip),
        max_size=6,
    )
)
def test_what_the_client_side_signs_the_server_side_verifies(parameters: dict[str, str]) -> None:
    headers = signed_headers(
        parameters, system_id="00.09.W00", secret="bí mật", timestamp="22112026T035444+0636"
    )
    found = verify(read_head([(n.encode(), v.encode()) for n, v in headers]), ["bí mật"])
    assert {name: found.get(name) for name in parameters} == parameters


@pytest.mark.parametrize("name", ["sign-header", "Hash-Header", "systemid", "version"])
def test_a_parameter_cannot_take_the_place_of_the_signature(name: str) -> None:
    with pytest.raises(ValueError, match="another header"):
        signed_headers({name: "x"}, system_id="x", secret="y", timestamp="z")


@pytest.mark.parametrize("value", ["Lỗi", "a\tb", "a\nb", " a", "\x11"])
def test_a_parameter_that_would_not_arrive_as_signed_is_not_sent(value: str) -> None:
    with pytest.raises(ValueError, match="not printable ASCII"):
        signed_headers({"description": value}, system_id="x", secret="y", timestamp="z")


def test_latin_1_sent_as_single_bytes_verifies_over_its_utf_8_reading() -> None:
    text = '{"XroadVnpt-systemid":"000.00.00.H09","XroadVnpt-description":"é"}'
    headers = (
        (b"XroadVnpt-systemid", b"000.00.00.H09"),
        (b"XroadVnpt-description", b"\xe9"),
        (b"XroadVnpt-sign-header", text.encode("latin-1")),
        (b"XroadVnpt-hash-header", sign(text.encode(), SECRET).encode()),
    )
    assert verify(read_head(headers), [SECRET]).get("description") == "é"
