"""The live timeline: the hub's own events, in the words of the people who follow documents."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import aiohttp

from adapters.simulator.client import HubClient, Json, Problem

VIETNAM: Final = ZoneInfo("Asia/Ho_Chi_Minh")
LOOK_EVERY_S: Final = 0.25
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")

WORDS: Final[Mapping[str, str]] = {
    "document_accepted": "trục nhận văn bản, cấp biên nhận",
    "status_accepted": "trục nhận gói trạng thái {status_code}",
    "recipient_undeliverable": "không gửi được tới {code}: {reason}",
    "verification_finished": "kiểm tra chữ ký: {verdict}",
    "verification_changed": "kiểm tra lại chữ ký: nay là {verdict}",
    "delivery_queued": "chờ nơi nhận lấy ({decision})",
    "delivery_held": "giữ lại chờ người quyết định: {reason}",
    "delivery_refused": "từ chối chuyển: {reason}",
    "delivery_leased": "nơi nhận giữ để tải (lần {lease_token})",
    "delivery_handed_over": "đã trao nội dung",
    "delivery_confirmed": "nơi nhận xác nhận đã nhận",
    "delivery_confirmed_late": "nơi nhận xác nhận muộn",
    "delivery_replayed": "nơi nhận lấy lại nội dung đã nhận",
    "delivery_rejected": "nơi nhận trả lại",
    "delivery_undeliverable": "hết hạn giao: lập chứng cứ không giao được",
    "delivery_added": "thêm nơi nhận",
    "delivery_fetched_outside": "nơi nhận ngoài tỉnh đã lấy",
    "delivery_failed_outside": "nơi nhận ngoài tỉnh báo lỗi",
    "lease_expired": "hết giờ giữ, chờ lấy lại",
    "status_applied": "trạng thái xử lý: {business_state}",
    "status_repeated": "trạng thái nhắc lại: {business_state}",
    "status_illegal": "trạng thái không hợp lệ, chỉ ghi nhận",
    "status_regression": "trạng thái đến muộn, chỉ ghi nhận",
    "status_parked": "gói trạng thái chờ văn bản gốc",
    "delivery_released": "văn thư cho chuyển",
    "delivery_withdrawn": "rút lại trước khi giao: lập chứng cứ chưa gửi nội dung",
    "delivery_redirected": "chuyển sang {to_unit}: lập chứng cứ",
    "delivery_attempt_failed": "giao chưa được (lần {attempt}): {problem}",
    "deadline_alerted": "quá giờ báo động, báo nơi gửi",
    "peer_paused": "phần mềm nhận không trả lời: tạm ngưng đến {until}",
    "peer_resumed": "phần mềm nhận trả lời lại: giao tiếp những gì còn chờ",
    "change_requested": "yêu cầu với văn bản cũ: {business_state}",
    "document_versioned": "phiên bản {version_no} của văn bản",
    "document_relayed": "đã chuyển ra trục quốc gia",
}
# What facts say: decisions, states of business, reasons. A code that is not here is shown as it is.
VALUES: Final[Mapping[str, str]] = {
    "TOTAL-PASSED": "hợp lệ",
    "TOTAL-FAILED": "không hợp lệ",
    "INDETERMINATE": "chưa đủ căn cứ kết luận",
    "NO_SIGNATURE": "không có chữ ký",
    "sent": "đã gửi",
    "deliver": "chuyển",
    "deliver_with_warning": "chuyển, có cảnh báo",
    "arrived": "đã đến",
    "accepted": "đã tiếp nhận",
    "refused": "từ chối tiếp nhận",
    "assigned": "đã phân công",
    "processing": "đang xử lý",
    "finished": "đã hoàn thành",
    "recall_requested": "nơi gửi xin lấy lại",
    "recalled": "đã trả lại",
    "update_requested": "có văn bản cập nhật",
    "replace_requested": "có văn bản thay thế",
    "replaced": "đã thay thế",
}


class _Facts(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "?"


def line(event: Json) -> str:
    """Return one event as a line for people."""
    facts = _Facts({name: _value(value) for name, value in event["data"].items()})
    words = WORDS.get(event["kind"], event["kind"]).format_map(facts)
    return f"{_clock(event['at'])}  {event['document_id'][-6:]}  {event['unit'] or '':<14} {words}"


def _value(value: object) -> object:
    if not isinstance(value, str):
        return value
    return _clock(value) if _INSTANT.fullmatch(value) else VALUES.get(value, value)


def _clock(instant: str) -> str:
    return f"{datetime.fromisoformat(instant).astimezone(VIETNAM):%H:%M:%S}"


class LiveTimeline:
    """Prints the events of all simulated systems, each once, in the order of the log.

    Systems are asked one after the other: the first may have answered before an event was numbered that the
    last has seen. So an event waits for the next look, in which everybody sees at least as far.
    """

    def __init__(self, clients: Iterable[HubClient]) -> None:
        self._cursors = dict.fromkeys(clients, 0)
        self._seen: set[str] = set()
        self._held: list[Json] = []

    async def skip_past(self) -> None:
        """Leave out what earlier runs have printed."""
        while await self._ask():
            self._held.clear()

    async def run(self) -> None:
        """Print until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Print what the last look saw and what stands before it in the log."""
        with suppress(aiohttp.ClientError, Problem, TimeoutError):
            seen_to = max(map(_number, self._held), default=0)
            await self._ask()
            self._held.sort(key=_number)
            while self._held and _number(self._held[0]) <= seen_to:
                print(line(self._held.pop(0)), flush=True)

    async def _ask(self) -> bool:
        known = len(self._seen)
        for client in self._cursors:
            events, self._cursors[client] = await client.events(self._cursors[client])
            # Sender and recipient both see an event: once is enough.
            self._held += [e for e in events if e["event_id"] not in self._seen]
            self._seen |= {e["event_id"] for e in events}
        return len(self._seen) > known


def _number(event: Json) -> int:
    return int(event["seq"])
