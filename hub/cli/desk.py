"""`lienthong delivery …`: what a person of the province decides about single deliveries."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from hub.bootstrap import open_desk
from hub.cli.node import HomeOption
from hub.config import load_settings
from hub.observability import logging
from hub.ports.records import DeliveryRecord
from hub.services.decisions import DecisionService

T = TypeVar("T")

deliveries = typer.Typer(no_args_is_help=True, help="Lần giao đang chờ người quyết định (held deliveries).")

DeliveryArgument = Annotated[UUID, typer.Argument(help="Mã lần giao.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Lý do, được ghi vào nhật ký.")]
ByOption = Annotated[
    str | None, typer.Option("--by", help="Người quyết định (mặc định: tài khoản đang dùng).")
]


def _at_desk(home: Path | None, action: Callable[[DecisionService], Awaitable[T]]) -> T:
    settings = load_settings(home=home)
    logging.configure(level="error", form="console")

    async def run() -> T:
        async with open_desk(settings) as desk:
            return await action(desk)

    return asyncio.run(run())


@deliveries.command("held")
def list_held(home: HomeOption = None) -> None:
    """Liệt kê lần giao đang bị giữ (list held deliveries)."""
    for offer in _at_desk(home, lambda desk: desk.waiting()):
        delivery, text = offer.delivery, offer.text
        reasons = ", ".join(delivery.reasons)
        print(f"{delivery.id}  {offer.document.from_unit} → {delivery.unit_id}  {text.code}  {text.subject}")
        print(f"    {reasons}; hạn {delivery.deadline_at:%Y-%m-%d %H:%M}")


@deliveries.command("release")
def release(
    delivery: DeliveryArgument, reason: ReasonOption, by: ByOption = None, home: HomeOption = None
) -> None:
    """Cho chuyển một lần giao đang bị giữ (release a held delivery)."""
    name = by or getpass.getuser()
    _tell(_at_desk(home, lambda desk: desk.release(delivery, by=name, reason=reason)))


@deliveries.command("refuse")
def refuse(
    delivery: DeliveryArgument, reason: ReasonOption, by: ByOption = None, home: HomeOption = None
) -> None:
    """Từ chối một lần giao đang bị giữ; nơi gửi thấy lý do (refuse a held delivery)."""
    name = by or getpass.getuser()
    _tell(_at_desk(home, lambda desk: desk.refuse(delivery, by=name, reason=reason)))


@deliveries.command("resend")
def resend(
    delivery: DeliveryArgument, reason: ReasonOption, by: ByOption = None, home: HomeOption = None
) -> None:
    """Giao lại lần giao đã bị trả hoặc quá hạn, cùng mã (offer a delivery again)."""
    name = by or getpass.getuser()
    _tell(_at_desk(home, lambda desk: desk.resend(delivery, by=name, reason=reason)))


def _tell(delivery: DeliveryRecord) -> None:
    print(f"{delivery.id}: {delivery.state.value}")
