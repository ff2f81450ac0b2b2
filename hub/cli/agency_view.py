"""What a change of the directory does, as lines for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Final
from uuid import UUID

from hub.domain.directory import Agency, AgencyCode
from hub.domain.directory_diff import DirectoryDiff, UnitDiff
from hub.services.directory_admin import Preview

LISTED_MOST: Final = 20
ALWAYS: Final = " (luôn có hiệu lực / always)"
NOWHERE: Final = "(không có đơn vị kế thừa / no successor)"

Json = dict[str, object]


def preview_lines(preview: Preview) -> Iterator[str]:
    """Say what a change would do, in the order in which it matters."""
    yield from diff_lines(preview.diff, preview.systems)
    mail = [
        f"{unit_id}: {mail.deliveries} lần giao chưa xong"
        + (f", {mail.parked} trạng thái chờ" * bool(mail.parked))
        for unit_id, mail in sorted(preview.mail.items())
    ]
    yield from _section("Văn bản còn mở tại các đơn vị trên / open deliveries there", mail)


def diff_lines(diff: DirectoryDiff, systems: Mapping[UUID, str]) -> Iterator[str]:
    """Say what differs between two directories."""
    changed = [u for u in diff.units if u.before is not None and u.after is not None]
    yield from _section("Thêm / added", map(_titled, diff.added))
    yield from _section("Bỏ hẳn / removed", map(_titled, diff.removed))
    yield from _section("Ngừng hoạt động / retired", _told(changed, lambda u: u.retired, _ending))
    yield from _section("Hoạt động lại / active again", _told(changed, lambda u: u.revived, _name))
    yield from _section("Khóa / locked", _told(changed, lambda u: u.locked, _name))
    yield from _section("Mở khóa / unlocked", _told(changed, lambda u: u.unlocked, _name))
    yield from _section("Đổi tên / renamed", _told(changed, lambda u: u.renamed, _renamed))
    yield from _section("Đổi cấp, cấp trên / level, parent", _told(changed, lambda u: u.rearranged, _placed))
    heirs = _told(changed, lambda u: u.succeeded and not u.retired, _ending)
    yield from _section("Đổi đơn vị kế thừa / successors", heirs)
    yield from _section(
        "Chuyển mã / codes that move", (_moved(m.code, m.from_unit, m.to_unit, m.on) for m in diff.moves)
    )
    yield from _section("Đổi mã / codes", (line for u in changed for line in _codes(u)))
    yield from _section("Mã không còn dẫn tới đâu / codes that lead nowhere", diff.vanished)
    leaving = [f"{systems.get(s, str(s))}: {', '.join(ids)}" for s, ids in diff.leaving.items()]
    yield from _section("Phần mềm thôi đại diện / systems that lose units", leaving)
    given = _told(changed, lambda u: u.reassigned, lambda u: _system(u, systems))
    yield from _section("Đổi phần mềm / system", given)


def preview_json(preview: Preview) -> Json:
    """Return a preview for programs."""
    diff = preview.diff
    return {
        "directory_version": preview.version,
        "loses": diff.loses,
        "units": [{"unit": u.unit_id, "changes": _kinds(u), "after": _facts(u.after)} for u in diff.units],
        "code_moves": [
            {"code": m.code, "from": m.from_unit, "to": m.to_unit, "on": _day(m.on)} for m in diff.moves
        ],
        "codes_leading_nowhere": list(diff.vanished),
        "systems_losing_units": {
            preview.systems.get(s, str(s)): list(units) for s, units in diff.leaving.items()
        },
        "open_deliveries": {
            unit_id: {"deliveries": mail.deliveries, "parked": mail.parked}
            for unit_id, mail in sorted(preview.mail.items())
        },
    }


def period_of(entry: AgencyCode) -> str:
    """Return the days of a code, or nothing if it has always been and stays."""
    if entry.valid_from is None and entry.valid_to is None:
        return ""
    return f" ({_day(entry.valid_from) or '…'} – {_day(entry.valid_to) or '…'})"


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    listed = list(lines)
    if not listed:
        return
    yield f"{title}: {len(listed)}"
    yield from (f"    {line}" for line in listed[:LISTED_MOST])
    if len(listed) > LISTED_MOST:
        yield f"    … và {len(listed) - LISTED_MOST} dòng nữa / more (--json)"


def _told(
    units: Iterable[UnitDiff], which: Callable[[UnitDiff], bool], how: Callable[[UnitDiff], str]
) -> Iterator[str]:
    return (how(unit) for unit in units if which(unit))


def _titled(agency: Agency) -> str:
    return f"{agency.unit_id}  {agency.name}"


def _name(unit: UnitDiff) -> str:
    return _titled(unit.after or unit.before)  # type: ignore[arg-type]  # one of them is there


def _ending(unit: UnitDiff) -> str:
    after = unit.after
    assert after is not None  # removed units are told apart
    heirs = ", ".join(s.unit_id + "*" * s.default for s in after.successors) or NOWHERE
    since = f" từ {_day(after.retired_on)}" if after.retired_on else ""
    return f"{after.unit_id}{since} → {heirs}"


def _renamed(unit: UnitDiff) -> str:
    assert unit.before is not None
    assert unit.after is not None
    return f"{unit.unit_id}: {unit.before.name} → {unit.after.name}"


def _placed(unit: UnitDiff) -> str:
    assert unit.before is not None
    assert unit.after is not None
    was, now = ((a.level.value, a.parent or "–") for a in (unit.before, unit.after))
    return f"{unit.unit_id}: {' '.join(was)} → {' '.join(now)}"


def _moved(code: str, from_unit: str, to_unit: str, on: date | None) -> str:
    return f"{code}: {from_unit} → {to_unit}" + (f" từ {_day(on)}" if on else "")


def _codes(unit: UnitDiff) -> Iterator[str]:
    for entry in unit.gained_codes:
        yield f"{unit.unit_id}: + {entry.code}{period_of(entry)}"
    for entry in unit.lost_codes:
        yield f"{unit.unit_id}: − {entry.code}"
    for was, now in unit.changed_codes:
        yield f"{unit.unit_id}: {now.code}{period_of(was) or ALWAYS} →{period_of(now) or ALWAYS}"


def _system(unit: UnitDiff, systems: Mapping[UUID, str]) -> str:
    assert unit.before is not None
    assert unit.after is not None
    was, now = (
        "–" if a.system_id is None else systems.get(a.system_id, str(a.system_id))
        for a in (unit.before, unit.after)
    )
    return f"{unit.unit_id}: {was} → {now}"


def _kinds(unit: UnitDiff) -> list[str]:
    flags = {
        "added": unit.before is None,
        "removed": unit.after is None,
        "retired": unit.retired,
        "revived": unit.before is not None and unit.after is not None and unit.revived,
        "locked": unit.locked,
        "unlocked": unit.unlocked,
        "renamed": unit.renamed,
        "rearranged": unit.rearranged,
        "successors": unit.before is not None and unit.succeeded,
        "codes": bool(
            unit.before and unit.after and (unit.gained_codes or unit.lost_codes or unit.changed_codes)
        ),
        "system": unit.reassigned,
    }
    return [name for name, holds in flags.items() if holds]


def _facts(agency: Agency | None) -> Json | None:
    if agency is None:
        return None
    return {
        "name": agency.name,
        "level": agency.level.value,
        "parent": agency.parent,
        "state": agency.state.value,
        "retired_on": _day(agency.retired_on),
        "codes": [{"code": c.code, "from": _day(c.valid_from), "to": _day(c.valid_to)} for c in agency.codes],
        "successors": [
            {"unit": s.unit_id, "default": s.default, "from": _day(s.from_date)} for s in agency.successors
        ],
    }


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
