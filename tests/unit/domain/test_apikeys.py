from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.apikeys import KEY_CHARS, ApiKey, digest, make, matches, parse

IDS = st.binary(min_size=16, max_size=16)
SECRETS = st.binary(min_size=32, max_size=32)


@given(IDS, SECRETS)
def test_a_key_is_read_back_from_its_text(id_bytes: bytes, secret_bytes: bytes) -> None:
    key = make(id_bytes, secret_bytes)
    assert len(key.text) == KEY_CHARS == 70
    assert (len(key.key_id), len(key.secret)) == (22, 43)
    assert parse(key.text) == key


@given(IDS, SECRETS, SECRETS)
def test_only_the_same_secret_matches(id_bytes: bytes, one: bytes, other: bytes) -> None:
    key = make(id_bytes, one)
    assert matches(key, digest(key))
    assert matches(make(id_bytes, other), digest(key)) == (one == other)


def test_the_secret_stays_out_of_representations() -> None:
    key = make(bytes(16), b"\x01" * 32)
    assert key.secret not in repr(key)
    assert key.secret not in str([key])


GOOD = make(bytes(range(16)), bytes(range(32))).text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ltk_",
        GOOD[:-1],
        GOOD + "A",
        " " + GOOD[1:],
        GOOD.replace("ltk_", "LTK_"),
        GOOD[:26] + "-" + GOOD[27:],
        GOOD[:10] + "+" + GOOD[11:],
        GOOD[:10] + "=" + GOOD[11:],
        GOOD[:10] + "ộ" + GOOD[11:],
        GOOD[:10] + "\n" + GOOD[11:],
        GOOD[:-1] + "9",  # the last character carries bits that no 32 bytes have
    ],
)
def test_another_spelling_is_no_key(text: str) -> None:
    assert parse(text) is None


@given(st.text(max_size=80))
def test_no_text_makes_reading_fail(text: str) -> None:
    assert parse(text) is None or len(text) == KEY_CHARS


@pytest.mark.parametrize(("id_size", "secret_size"), [(15, 32), (16, 31), (0, 0)])
def test_too_little_chance_makes_no_key(id_size: int, secret_size: int) -> None:
    with pytest.raises(ValueError, match="bytes"):
        make(bytes(id_size), bytes(secret_size))


def test_the_digest_is_of_the_key_alone() -> None:
    one = ApiKey(key_id="A" * 22, secret="B" * 43)
    assert digest(one) != digest(ApiKey(key_id="C" * 22, secret="B" * 43))
    assert len(digest(one)) == 32
