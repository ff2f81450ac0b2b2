"""The parts of a webhook that need no network: settings, addresses, signatures, what answers mean."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.webhook.addresses import AddressRefused, judge
from adapters.webhook.answer import outcome_of, retry_after
from adapters.webhook.kind import WebhookKind
from adapters.webhook.settings import read
from adapters.webhook.signature import sign
from hub.ports.exits import Delivered, Failed, Rejected

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
GOOD = {"url": "https://dms.example.vn/nhan"}


def wrong(**settings: str) -> set[str]:
    return {problem.name for problem in WebhookKind().check(GOOD | settings)}


def test_an_https_address_is_all_that_is_needed() -> None:
    assert wrong() == set()


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "dms.example.vn",
            "ftp://dms.example.vn/",
            "https://",
            "https:///nhan",
            "https://[::1",
            "//x/y",
        ),
        *("https://user:secret@dms.example.vn/", "https://user@dms.example.vn/", "https://x/#phan"),
        *("http://dms.example.vn/", "https://x:99999/", "https://" + "a" * 2001, "javascript:alert(1)"),
        *(
            "https://127.0.0.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://[::1]/",
            "https://0.0.0.0/",
        ),
        *("https://[::ffff:127.0.0.1]/", "https://[fe80::1]/", "https://[64:ff9b::7f00:1]/"),
    ],
)
def test_an_address_that_must_not_be_is_refused(url: str) -> None:
    assert wrong(url=url) == {"url"}


def test_plain_http_is_for_the_host_that_is_named_alone() -> None:
    assert wrong(url="http://dms.noi-bo.vn/", allow_http="dms.noi-bo.vn") == set()
    assert wrong(url="http://khac.vn/", allow_http="dms.noi-bo.vn") == {"url"}


def test_a_network_that_is_allowed_may_be_named_by_address() -> None:
    assert wrong(url="https://127.0.0.1:8443/", allow_networks="127.0.0.0/8, ::1/128") == set()
    assert wrong(allow_networks="127.0.0.1/8") == {"allow_networks"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("answer_s", "0"),
            ("answer_s", "nan"),
            ("answer_s", "nhanh"),
            ("answer_s", "1e9"),
            ("connect_s", "-1"),
        ),
        *(("ca_file", "khong-co.pem"), ("allow_netwoks", "10.0.0.0/8"), ("URL", "x")),
    ],
)
def test_what_makes_no_sense_is_named(name: str, value: str) -> None:
    assert wrong(**{name: value}) == {name}


def test_every_problem_is_named_at_once_in_both_languages() -> None:
    problems = WebhookKind().check({"url": "x", "answer_s": "x", "la": "1"})
    assert [p.name for p in problems] == ["url", "answer_s", "la"]
    assert all(p.vi and p.en for p in problems)


def test_a_large_body_may_take_longer() -> None:
    found, _ = read(GOOD | {"answer_s": "60"})
    assert found is not None
    assert found.limit_s(1_024) < 61
    assert found.limit_s(150 * 1024 * 1024) == pytest.approx(60 + 1536)


@pytest.mark.parametrize(
    "address", ["10.1.2.3", "172.16.0.1", "192.168.1.1", "8.8.8.8", "2001:db8::1", "fd12::1"]
)
def test_networks_of_a_province_and_the_world_are_let_through(address: str) -> None:
    judge(address, ())


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
        ),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "ff02::1", "fd00:ec2::254", "100.100.100.200"),
        *("::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:7f00:1::"),
    ],
)
def test_the_hubs_own_machine_and_metadata_are_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        judge(address, ())


def test_an_allowed_network_is_let_through() -> None:
    judge("127.0.0.1", (ipaddress.ip_network("127.0.0.0/8"),))
    with pytest.raises(AddressRefused):
        judge("::1", (ipaddress.ip_network("127.0.0.0/8"),))


def test_both_secrets_sign_while_one_replaces_the_other() -> None:
    digest = hashlib.sha256(b"body").digest()
    value = sign((b"new", b"old"), delivery_id="id", timestamp=7, body_sha256=digest)
    text = f"id.7.{digest.hex()}".encode()
    assert value.split(",") == ["v1=" + hmac.new(s, text, "sha256").hexdigest() for s in (b"new", b"old")]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_confirms(status: int) -> None:
    assert outcome_of(status, {}, b"<html>gi cung duoc", now=NOW) == Delivered(confirmed=True)


@pytest.mark.parametrize("status", [410, 422])
def test_a_refusal_for_good_is_said_in_json(status: int) -> None:
    body = '{"rejected": true, "reason": "Không thuộc thẩm quyền"}'.encode()
    answer = outcome_of(status, {}, body, now=NOW)
    assert answer == Rejected(code="rejected_by_recipient", text="Không thuộc thẩm quyền")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        *(
            (410, b""),
            (422, b'{"rejected": "true"}'),
            (422, b'{"rejected": false}'),
            (422, b"[]"),
            (422, b"<html>"),
        ),
        *((400, b'{"rejected": true}'), (500, b'{"rejected": true}'), (422, b'{"rejected": true')),
    ],
)
def test_anything_else_is_no_refusal(status: int, body: bytes) -> None:
    assert isinstance(outcome_of(status, {}, body, now=NOW), Failed)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_fails_and_says_what_to_do(status: int) -> None:
    answer = outcome_of(status, {"Location": "https://khac.vn/"}, b"", now=NOW)
    assert isinstance(answer, Failed)
    assert answer.code == "redirected"
    assert answer.peer_fault


@pytest.mark.parametrize(
    ("status", "fault"), [(400, False), (413, False), (415, False), (401, True), (500, True)]
)
def test_whose_fault_it_is_follows_from_the_status(status: int, fault: bool) -> None:
    answer = outcome_of(status, {}, b"", now=NOW)
    assert isinstance(answer, Failed)
    assert (answer.code, answer.peer_fault) == (f"http_{status}", fault)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        *(
            ("120", 120),
            (" 5 ", 5),
            ("0", 0),
            ("Sun, 22 Nov 2026 09:01:00 GMT", 60),
            ("999999999999999", 86_400),
        ),
        *(("Sun, 22 Nov 2026 08:00:00 GMT", 0), ("soon", None), ("-5", None), ("1.5", None), ("", None)),
        *((None, None), ("٣", None), ("Sun, 99 Nov 2026 09:01:00 GMT", None)),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: int | None) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert retry_after(value, now=NOW) == expected


@given(st.integers(100, 999), st.binary(max_size=200), st.text(max_size=40))
def test_no_answer_is_too_strange(status: int, body: bytes, header: str) -> None:
    outcome_of(status, {"Retry-After": header}, body, now=NOW)


@pytest.mark.parametrize(
    ("secrets", "name"),
    [
        ({}, "hmac"),
        ({"hmac": (b"ngan",)}, "hmac"),
        ({"hmac": (b"x" * 32, b"ngan")}, "hmac"),
        ({"hmac": (b"x" * 32,), "bearer": (b"hai\ndong",)}, "bearer"),
        ({"hmac": (b"x" * 32,), "client": (b"khong phai PEM",)}, "client"),
    ],
)
def test_secrets_that_cannot_be_used_are_named(secrets: dict[str, tuple[bytes, ...]], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        WebhookKind().open(None, GOOD, secrets)  # type: ignore[arg-type]  # the system is not looked at


def test_a_file_that_holds_no_certificates_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("khong co gi")
    with pytest.raises(ValueError, match="ca_file"):
        WebhookKind().open(None, GOOD | {"ca_file": str(file)}, {"hmac": (b"x" * 32,)})  # type: ignore[arg-type]


def test_the_receiver_in_the_guide_accepts_what_the_hub_signs_and_nothing_else() -> None:
    page = (Path(__file__).parents[3] / "docs/howto/push-deliveries.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec(page.split("```python\n")[1].split("```")[0], names)
    check = names["is_from_the_hub"]
    body, now = b"<edXML/>", int(time.time())
    signature = sign(
        (b"new", b"old"), delivery_id="id", timestamp=now, body_sha256=hashlib.sha256(body).digest()
    )
    headers = {"X-Delivery-Id": "id", "X-Timestamp": str(now), "X-Signature": signature}
    assert check(headers, body, b"new")
    assert check(headers, body, b"old")
    assert not check(headers, body, b"other")
    assert not check(headers, body + b" ", b"new")
    assert not check(headers | {"X-Delivery-Id": "other"}, body, b"new")
    assert not check(headers | {"X-Timestamp": str(now - 301)}, body, b"new")


def test_a_retry_after_with_an_endless_zone_says_nothing() -> None:
    said = "Thu, 01 Jan 2026 00:00:00 +99999999999999999999"
    assert retry_after(said, now=datetime(2026, 1, 1, tzinfo=UTC)) is None
