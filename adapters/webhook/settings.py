"""Settings of a webhook: where it is, how long it may take, whom it trusts.

url             where documents are posted; https, no user name, no fragment
allow_http      the host for which plain http is allowed, by name
ca_file         certificates that the server's must lead to, in place of the system's
allow_networks  networks that are refused otherwise (127.0.0.0/8 …), separated by commas
connect_s       longest time to connect, seconds
answer_s        longest time of a call, seconds; a large body has one second more per 100 KB
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from yarl import URL

from adapters.options import OptionReader
from adapters.webhook.addresses import AddressRefused, Network, is_address, judge
from hub.ports.exits import SettingProblem

URL_MOST = 2_000
CONNECT_S = 10.0
ANSWER_S = 60.0
LONGEST_S = 600.0
SHORTEST_S = 0.05
BYTES_PER_SECOND = 100 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """Settings that were checked."""

    url: URL
    ca_file: Path | None
    allowed: tuple[Network, ...]
    connect_s: float
    answer_s: float

    def limit_s(self, size: int) -> float:
        """Return the longest time of a call with a body of this size."""
        return self.answer_s + size / BYTES_PER_SECOND


def read(settings: Mapping[str, str]) -> tuple[WebhookSettings | None, tuple[SettingProblem, ...]]:
    """Return the settings, or what is wrong with them."""
    options = OptionReader(settings)
    allowed = _networks(options)
    url = _url(options, allowed)
    ca_file = options.text("ca_file")
    if ca_file and not Path(ca_file).is_file():
        options.problem("ca_file", vi="không có tệp này trên máy chủ trục", en="there is no such file here")
    found = WebhookSettings(
        url=url,
        ca_file=Path(ca_file) if ca_file else None,
        allowed=allowed,
        connect_s=options.number("connect_s", CONNECT_S, least=SHORTEST_S, most=LONGEST_S),
        answer_s=options.number("answer_s", ANSWER_S, least=SHORTEST_S, most=LONGEST_S),
    )
    problems = options.problems()
    return (None if problems else found), problems


def _networks(options: OptionReader) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(text) for text in options.words("allow_networks"))
    except ValueError:
        options.problem(
            "allow_networks", vi="là các mạng như 127.0.0.0/8", en="is networks such as 127.0.0.0/8"
        )
        return ()


def _url(options: OptionReader, allowed: tuple[Network, ...]) -> URL:
    text = options.required("url")
    plain_for = options.text("allow_http").lower()
    if not text:
        return URL()
    try:
        url = URL(text)
        host = (url.host or "").lower()
        port_is_good = url.port is not None
    except ValueError:
        url, host, port_is_good = URL(), "", False
    if url.scheme not in {"https", "http"} or not host or not port_is_good or len(text) > URL_MOST:
        options.problem("url", vi="là địa chỉ https://…", en="is an address https://…")
    elif url.user is not None or url.password is not None:
        options.problem(
            "url",
            vi="không chứa tên và mật khẩu; hãy dùng bí mật “bearer”",
            en="holds no user and password: use the secret `bearer`",
        )
    elif url.raw_fragment:
        options.problem("url", vi="không chứa phần sau dấu #", en="has no part after a #")
    elif url.scheme == "http" and host != plain_for:
        options.problem(
            "url",
            vi=f"phải là https; nếu thật cần http, đặt allow_http={host}",
            en=f"must be https; if it must be plain http, set allow_http={host}",
        )
    elif is_address(host):
        try:
            judge(host, allowed)
        except AddressRefused as error:
            options.problem("url", vi=f"{host} là địa chỉ không được phép", en=str(error))
    return url
