"""Which addresses may be asked, and how a fetch ends: nothing here opens a socket."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from signing.addresses import AddressRefused, AddressRules, Target, is_public
from signing.fetch import Answer, Budget, Call, Fetcher, FetchFailed

PUBLIC = "203.0.114.10"


def _resolver(*addresses: str) -> Callable[[str, int, float], tuple[str, ...]]:
    return lambda _host, _port, _seconds: addresses


def _target(url: str, rules: AddressRules | None = None, *addresses: str) -> Target:
    return (rules or AddressRules()).target(url, seconds=1, resolver=_resolver(*(addresses or (PUBLIC,))))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://ca.gov.vn/a.crl",
        "ldap://ca.gov.vn/cn=a",
        "file:///etc/passwd",
        "http://",
        "//ca.gov.vn/a",
        "http://user:secret@ca.gov.vn/",
        "http://ca.gov.vn:22/",
        "http://ca.gov.vn:99999/",
        "http://ca.gov.vn/a\r\nHost: b",
        "http://cá.gov.vn/",
        "http://[::1",
        f"http://ca.gov.vn/{'a' * 3000}",
    ],
)
def test_an_address_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        _target(url)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "not an address",
    ],
)
def test_an_address_of_a_closed_network_is_not_public(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(AddressRefused, match="not a public address"):
        _target("http://ca.gov.vn/", None, address)


@pytest.mark.parametrize("address", [PUBLIC, "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_an_address_of_the_open_internet_is_public(address: str) -> None:
    assert is_public(address)


def test_of_several_addresses_only_public_ones_are_connected_to() -> None:
    assert _target("http://ca.gov.vn/", None, "10.0.0.1", PUBLIC).addresses == (PUBLIC,)


def test_private_addresses_can_be_allowed() -> None:
    assert _target("http://ca.tinh.vn/", AddressRules(allow_private=True), "10.0.0.1").addresses


def test_a_list_of_hosts_takes_in_what_is_below_them_and_no_lookalike() -> None:
    rules = AddressRules(hosts=frozenset({"ca.gov.vn"}))
    assert _target("http://ocsp.ca.gov.vn/", rules).host == "ocsp.ca.gov.vn"
    with pytest.raises(AddressRefused, match="not on the list"):
        _target("http://evilca.gov.vn/", rules)


def test_the_old_responder_is_asked_under_its_new_name() -> None:
    assert _target("http://ocsp.ca.ptc/").host == "ocsp.ca.gov.vn"


def test_a_path_is_sent_as_it_stands_and_escaped_where_it_must_be() -> None:
    assert _target("http://ca.gov.vn/crl/Việt%20Nam.crl?a=1&b=c").path == (
        "/crl/Vi%E1%BB%87t%20Nam.crl?a=1&b=c"
    )


class _Clock:
    """Time that passes only while somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _fetcher(clock: _Clock, transport: Callable[[Call, Target, float, int], Answer]) -> Fetcher:
    return Fetcher(seconds=5, transport=transport, resolver=_resolver(PUBLIC), clock=clock)


def _answering_after(clock: _Clock, seconds: float) -> Callable[[Call, Target, float, int], Answer]:
    def transport(_call: Call, _target: Target, allowed: float, _most: int) -> Answer:
        clock.now += min(seconds, allowed)
        if seconds > allowed:
            raise TimeoutError
        return Answer(status=200, body=b"late")

    return transport


def _fetch(fetcher: Fetcher, budget: Budget, url: str = "http://ca.gov.vn/") -> bytes:
    return fetcher.fetch(Call(url=url), most=100, budget=budget)


def test_an_answer_after_two_minutes_costs_the_limit_and_no_more() -> None:
    clock = _Clock()
    with pytest.raises(FetchFailed, match="no answer within 5 s"):
        _fetch(_fetcher(clock, _answering_after(clock, 120)), Budget(seconds=15, fetches=9, clock=clock))
    assert clock.now == 5


def test_all_fetches_of_a_document_share_one_time() -> None:
    clock = _Clock()
    fetcher, budget = (
        _fetcher(clock, _answering_after(clock, 120)),
        Budget(seconds=12, fetches=9, clock=clock),
    )
    for _ in range(9):
        with pytest.raises(FetchFailed):
            _fetch(fetcher, budget)
    assert clock.now == 12


def test_all_fetches_of_a_document_are_counted() -> None:
    clock = _Clock()
    fetcher, budget = _fetcher(clock, _answering_after(clock, 0)), Budget(seconds=9, fetches=2, clock=clock)
    assert [_fetch(fetcher, budget) for _ in range(2)] == [b"late", b"late"]
    with pytest.raises(FetchFailed, match="share of time"):
        _fetch(fetcher, budget)


def test_a_redirect_to_a_closed_network_is_refused() -> None:
    clock = _Clock()

    def resolver(host: str, _port: int, _seconds: float) -> tuple[str, ...]:
        return (PUBLIC,) if host == "ca.gov.vn" else ("127.0.0.1",)

    def transport(*_: object) -> Answer:
        return Answer(status=302, body=b"", location="http://inside.vn/secret")

    fetcher = Fetcher(transport=transport, resolver=resolver, clock=clock)
    with pytest.raises(FetchFailed, match="inside.vn: not a public address") as failure:
        _fetch(fetcher, Budget(seconds=9, fetches=9, clock=clock))
    assert failure.value.lasting


def test_redirects_end() -> None:
    clock, count = _Clock(), iter(range(100))

    def transport(*_: object) -> Answer:
        return Answer(status=302, body=b"", location=f"/{next(count)}")

    with pytest.raises(FetchFailed, match="too many redirects"):
        _fetch(_fetcher(clock, transport), Budget(seconds=9, fetches=9, clock=clock))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(Answer(status=503, body=b"x"), "HTTP 503"), (Answer(status=200, body=b""), "an empty answer")],
)
def test_an_answer_that_is_none_is_a_failure(answer: Answer, reason: str) -> None:
    clock = _Clock()
    with pytest.raises(FetchFailed, match=reason):
        _fetch(_fetcher(clock, lambda *_: answer), Budget(seconds=9, fetches=9, clock=clock))


@pytest.mark.parametrize("error", [OSError("x"), ConnectionResetError(), UnicodeError("host")])
def test_whatever_the_network_raises_is_a_failure(error: Exception) -> None:
    clock = _Clock()

    def transport(*_: object) -> Answer:
        raise error

    with pytest.raises(FetchFailed):
        _fetch(_fetcher(clock, transport), Budget(seconds=9, fetches=9, clock=clock))
