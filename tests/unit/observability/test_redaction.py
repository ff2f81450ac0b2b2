from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.observability.redaction import LEFT_OUT, REDACTED, TEXT_MAX, clean_text, redact


def shown(**values: object) -> dict[str, object]:
    return dict(redact(None, "info", dict(values)))


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "PASSWORD",
        "db_password",
        "api_key",
        "authorization",
        "cookie",
        "dsn",
        "client_secret",
        "pin",
    ],
)
def test_a_value_under_a_secret_name_is_replaced(name: str) -> None:
    assert shown(**{name: "x"}) == {name: REDACTED}


@pytest.mark.parametrize(
    "name", ["api_key_id", "lease_token", "secret_count", "key_digest", "mapping", "shipping"]
)
def test_an_id_count_or_digest_is_shown(name: str) -> None:
    assert shown(**{name: "x"}) == {name: "x"}


@pytest.mark.parametrize("name", ["body", "content", "subject", "xml", "payload", "statement"])
def test_a_payload_is_left_out(name: str) -> None:
    assert shown(**{name: "Trích yếu"}) == {name: LEFT_OUT}


def test_nested_values_are_looked_into() -> None:
    assert shown(request={"headers": {"authorization": "x", "host": "h"}}) == {
        "request": {"headers": {"authorization": REDACTED, "host": "h"}}
    }


def test_bytes_are_only_counted() -> None:
    assert shown(data=b"abc", more=memoryview(b"ab")) == {"data": "<3 bytes>", "more": "<2 bytes>"}


def test_a_password_inside_a_url_is_cut_out() -> None:
    assert (
        clean_text("cannot reach postgresql://hub:p%40ss@db/x")
        == f"cannot reach postgresql://{REDACTED}@db/x"
    )


def test_the_row_that_postgresql_quotes_is_cut_out() -> None:
    text = clean_text("duplicate key\nDETAIL:  Key (subject)=(Quyết định mật) already exists.\nHINT: x")
    assert "Quyết định" not in text
    assert text.endswith("HINT: x")


def test_an_exception_is_told_by_type_and_cleaned_text() -> None:
    assert shown(error=OSError("amqp://u:p@h")) == {"error": f"OSError: amqp://{REDACTED}@h"}


def test_a_path_and_a_tuple_are_readable() -> None:
    assert shown(home=Path("/srv/x"), codes=("a", 1)) == {"home": "/srv/x", "codes": ["a", 1]}


def test_endless_nesting_ends() -> None:
    loop: dict[str, object] = {}
    loop["again"] = loop
    assert LEFT_OUT in str(shown(loop=loop))


@given(st.text())
def test_a_text_never_grows_beyond_its_limit(text: str) -> None:
    assert len(clean_text(text)) <= TEXT_MAX + 1


@given(
    st.dictionaries(
        st.text(),
        st.recursive(st.none() | st.text() | st.binary() | st.integers(), st.lists, max_leaves=8),
        max_size=5,
    )
)
def test_anything_can_be_logged(event: dict[str, object]) -> None:
    redact(None, "info", event)
