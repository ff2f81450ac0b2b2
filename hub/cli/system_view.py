"""A system and its keys, as lines for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from hub.ports.records import KeyRow
from hub.services.adapters import AdapterView
from hub.services.directory_admin import LOCAL
from hub.services.shared_secrets import called_by, is_header_text
from hub.services.system_settings import SystemView

NEAR: Final = timedelta(days=30)
UNITS_LISTED: Final = 20


def system_lines(view: SystemView, adapter: AdapterView) -> Iterator[str]:
    """Return what is set for a system."""
    system = view.system
    yield f"{system.name}  ({system.id})"
    yield f"  trạng thái / state: {'hoạt động' if system.active else 'khóa'}"
    listed = ", ".join(unit.unit_id for unit in view.units[:UNITS_LISTED])
    more = f" … ({len(view.units)})" if len(view.units) > UNITS_LISTED else ""
    yield f"  cơ quan / units: {listed or '–'}{more}"
    yield f"  bộ kết nối / adapter: {system.adapter}"
    yield from (f"    {name} = {value}" for name, value in adapter.settings.items())
    for secret in adapter.possible_secrets:
        yield f"    {secret}: {'đã đặt / set' if secret in adapter.secret_names else 'chưa đặt / not set'}"
    yield f"  phương ngữ / dialects: {', '.join(system.dialects)}"
    policy = ", ".join(f"{name}={word}" for name, word in system.policy)
    yield f"  chính sách / policy: {policy or 'mặc định / default'}"
    limits = system.limits
    at_once, per_minute = limits.intake_at_once or "chung", limits.calls_per_minute or "chung"
    yield f"  giới hạn / limits: {at_once} lần gửi cùng lúc, {per_minute} lời gọi mỗi phút"
    yield f"  mạng / networks: {', '.join(system.binding.networks) or 'mọi nơi / anywhere'}"
    for pin in system.binding.certificates:
        last = None if pin.valid_to is None else pin.valid_to - timedelta(microseconds=1)
        days = f"{_day(pin.valid_from)} – {_day(last)}"
        state = "" if pin.is_valid(view.now) else " (không hiệu lực / not valid)"
        near = _warning(pin.valid_to, view.now)
        yield f"  chứng thư / certificate: {pin.sha256.hex()} ({days}){state}{near}"
    yield "  khóa / keys:"
    yield from (f"    {line}" for line in key_lines(view.keys, view.now))


def client_api_lines(view: AdapterView) -> Iterator[str]:
    """Return what a client of the national API is to be told, and what still keeps it from some calls."""
    system, name = view.system, called_by(view.system)
    yield f"    systemId = {name}"
    if not is_header_text(name):
        yield "    ! tên này không gửi được trong phần đầu HTTP / cannot be sent in a header:"
        yield f"      lienthong system set '{system.name}' system_id=MÃ"
    if not system.binding:
        yield "    ! chưa gắn mạng nguồn hay chứng thư: registerAgency, deleteAgency bị từ chối / not bound:"
        yield f"      lienthong system networks '{system.name}' MẠNG"


def key_lines(keys: Sequence[KeyRow], now: datetime) -> Iterator[str]:
    """Return the keys of a system with their days; what ends soon or is not used any more is said."""
    for key in keys:
        used = (
            "chưa dùng / never used" if key.last_used_at is None else f"dùng / used {_day(key.last_used_at)}"
        )
        yield f"{key.key_id}  cấp / made {_day(key.created_at)}, {used}, {_state(key, now)}"
    if not any(usable(key) for key in keys):
        yield "không có khóa dùng được: `lienthong system key` / no usable key"


def usable(key: KeyRow) -> bool:
    """Whether a key is neither revoked nor over."""
    return key.revoked_at is None and not key.expired


def system_json(view: SystemView, adapter: AdapterView) -> str:
    """Return a system for programs; secrets by name alone."""
    system = view.system
    facts = {
        "id": str(system.id),
        "name": system.name,
        "active": system.active,
        "units": [unit.unit_id for unit in view.units],
        "adapter": system.adapter,
        "settings": adapter.settings,
        "secrets": {name: name in adapter.secret_names for name in adapter.possible_secrets},
        "dialects": list(system.dialects),
        "policy": dict(system.policy),
        "limits": {
            "intake_at_once": system.limits.intake_at_once,
            "calls_per_minute": system.limits.calls_per_minute,
        },
        "networks": list(system.binding.networks),
        "certificates": [
            {"sha256": pin.sha256.hex(), "from": _moment(pin.valid_from), "to": _moment(pin.valid_to)}
            for pin in system.binding.certificates
        ],
        "keys": [
            {
                "id": key.key_id,
                "made_at": _moment(key.created_at),
                "expires_at": _moment(key.expires_at),
                "revoked_at": _moment(key.revoked_at),
                "last_used_at": _moment(key.last_used_at),
                "usable": usable(key),
            }
            for key in view.keys
        ],
    }
    return json.dumps(facts, ensure_ascii=False, indent=2)


def _state(key: KeyRow, now: datetime) -> str:
    if key.revoked_at is not None:
        return f"thu hồi / revoked {_day(key.revoked_at)}"
    if key.expired:
        return f"hết hạn / expired {_day(key.expires_at)}"
    if key.expires_at is None:
        return "không hạn / no end"
    return f"đến / until {_day(key.expires_at)}{_warning(key.expires_at, now)}"


def _warning(end: datetime | None, now: datetime) -> str:
    if end is None or not now < end <= now + NEAR:
        return ""
    return f"  ⚠ còn {(end - now).days} ngày / days left"


def _day(moment: datetime | None) -> str:
    return "…" if moment is None else f"{moment.astimezone(LOCAL):%Y-%m-%d}"


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
