"""Where the exchange answers, who we are there, and how long we wait: from a system's settings and secrets.

Settings of adapter `national`: `endpoint` (http or https), `system_id`, `ca_file` (trust these CAs and no
others), `client_cert_file` and `client_key_file`, `dates` (`yes`: lists take fromDate and toDate). The secret
is named `secret`.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from hub.ports.exits import SettingProblem

SECRET: Final = "secret"  # noqa: S105 (a name)
SETTINGS: Final = ("endpoint", "system_id", "ca_file", "client_cert_file", "client_key_file", "dates")
_DATES: Final = {"yes": True, "no": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the exchange answers and who we are there; `secrets` newest first, at most two."""

    url: str
    system_id: str
    secrets: tuple[str, ...]
    tls: ssl.SSLContext | None = None
    lists_take_dates: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLimits:
    """Time limits in seconds; the largest message in bytes."""

    connect_s: float = 10.0
    call_s: float = 30.0
    transfer_s: float = 600.0
    stalled_s: float = 60.0
    document_bytes: int = 200 * 1024 * 1024


def check(settings: Mapping[str, str]) -> tuple[SettingProblem, ...]:
    """Say what is wrong with the settings of a system of adapter `national`."""
    found = [
        SettingProblem(name=name, vi="không có thiết lập này", en="there is no such setting")
        for name in sorted(set(settings) - set(SETTINGS))
    ]
    url = urlsplit(settings.get("endpoint", ""))
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.username:
        found.append(
            SettingProblem(
                name="endpoint",
                vi="phải là địa chỉ http(s)://máy/đường-dẫn",
                en="must be an address http(s)://host/path",
            )
        )
    system_id = settings.get("system_id", "")
    if not system_id or not system_id.isascii() or not system_id.isprintable() or " " in system_id:
        found.append(
            SettingProblem(
                name="system_id",
                vi="bắt buộc, chỉ gồm ký tự ASCII, không có dấu cách",
                en="required, ASCII without blanks",
            )
        )
    if settings.get("dates", "no") not in _DATES:
        found.append(SettingProblem(name="dates", vi="là yes hoặc no", en="is yes or no"))
    if ("client_key_file" in settings) and "client_cert_file" not in settings:
        found.append(
            SettingProblem(
                name="client_cert_file", vi="thiếu chứng thư của khóa", en="the key's certificate is missing"
            )
        )
    found += [
        SettingProblem(name=name, vi="phải là đường dẫn tuyệt đối", en="must be an absolute path")
        for name in ("ca_file", "client_cert_file", "client_key_file")
        if name in settings and not Path(settings[name]).is_absolute()
    ]
    return tuple(found)


def endpoint_of(settings: Mapping[str, str], secrets: Mapping[str, tuple[bytes, ...]]) -> Endpoint:
    """Return the endpoint that checked settings and opened secrets describe.

    Raises:
        ValueError: with the name of a setting that is wrong, or of the secret that is missing.
    """
    problems = check(settings)
    if problems:
        raise ValueError(f"{problems[0].name}: {problems[0].en}")
    try:
        texts = tuple(secret.decode("utf-8").strip() for secret in secrets.get(SECRET, ()))
    except UnicodeDecodeError as error:
        raise ValueError(f"{SECRET}: is no text") from error
    if not all(texts) or not texts:
        raise ValueError(f"{SECRET}: is missing")
    return Endpoint(
        url=settings["endpoint"],
        system_id=settings["system_id"],
        secrets=texts,
        tls=_tls(settings),
        lists_take_dates=_DATES[settings.get("dates", "no")],
    )


def _tls(settings: Mapping[str, str]) -> ssl.SSLContext | None:
    if not {"ca_file", "client_cert_file"} & set(settings):
        return None
    name = "ca_file"
    try:
        context = ssl.create_default_context(cafile=settings.get("ca_file"))
        name = "client_cert_file"
        if "client_cert_file" in settings:
            context.load_cert_chain(settings["client_cert_file"], settings.get("client_key_file"))
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"{name}: cannot be used ({type(error).__name__})") from error
    return context
