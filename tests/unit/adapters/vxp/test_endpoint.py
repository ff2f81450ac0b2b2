"""Settings and secrets of the way out to the national exchange."""

from __future__ import annotations

import pytest

from adapters.vxp.endpoint import check, endpoint_of

GOOD = {"endpoint": "https://ltvb.example.vn/vxp", "system_id": "00.09.W00"}


def test_good_settings_make_an_endpoint() -> None:
    found = endpoint_of(GOOD | {"dates": "yes"}, {"secret": (b"new\n", b"old")})
    assert (found.url, found.system_id) == (GOOD["endpoint"], "00.09.W00")
    assert found.secrets == ("new", "old")
    assert found.lists_take_dates


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"endpoint": "ltvb.example.vn"}, "endpoint"),
        ({"endpoint": "ftp://ltvb.example.vn"}, "endpoint"),
        ({"endpoint": "https://u:p@ltvb.example.vn"}, "endpoint"),
        ({"endpoint": "https://ltvb.example.vn/?a=1"}, "endpoint"),
        ({"system_id": ""}, "system_id"),
        ({"system_id": "Bình Dương"}, "system_id"),
        ({"dates": "maybe"}, "dates"),
        ({"client_key_file": "/k.pem"}, "client_cert_file"),
        ({"ca_file": "ca.pem"}, "ca_file"),
        ({"secret": "x"}, "secret"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, str], name: str) -> None:
    assert [problem.name for problem in check(GOOD | change)] == [name]
    with pytest.raises(ValueError, match=name):
        endpoint_of(GOOD | change, {"secret": (b"x",)})


@pytest.mark.parametrize("secrets", [{}, {"secret": ()}, {"secret": (b" ",)}, {"secret": (b"\xff",)}])
def test_no_secret_is_no_endpoint(secrets: dict[str, tuple[bytes, ...]]) -> None:
    with pytest.raises(ValueError, match="secret"):
        endpoint_of(GOOD, secrets)


def test_a_file_of_authorities_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="ca_file"):
        endpoint_of(GOOD | {"ca_file": "/nowhere/ca.pem"}, {"secret": (b"x",)})
