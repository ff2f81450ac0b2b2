"""`lienthong delivery …`: what a person of the province decides about single deliveries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from hub.bootstrap import open_desk
from hub.cli.options import ByOption, ConfigOption, HomeOption, at_work, name_of
from hub.cli.times import minute
from hub.ports.records import DeliveryRecord
from hub.services.decisions import DecisionService

T = TypeVar("T")

deliveries = typer.Typer(no_args_is_help=True, help="Lần giao đang chờ người quyết định (held deliveries).")

DeliveryArgument = Annotated[UUID, typer.Argument(help="Mã lần giao.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Lý do, được ghi vào nhật ký.")]


def _at_desk(home: Path | None, config: Path | None, action: Callable[[DecisionService], Awaitable[T]]) -> T:
    return at_work(open_desk, action, home=home, config=config)


@deliveries.command("held")
def list_held(home: HomeOption = None, config: ConfigOption = None) -> None:
    """Liệt kê lần giao đang bị giữ (list held deliveries)."""
    for offer in _at_desk(home, config, lambda desk: desk.waiting()):
        delivery, text = offer.delivery, offer.text
        reasons = ", ".join(delivery.reasons)
        print(f"{delivery.id}  {offer.document.from_unit} → {delivery.unit_id}  {text.code}  {text.subject}")
        print(f"    {reasons}; hạn {minute(delivery.deadline_at)}")


@deliveries.command("release")
def release(
    delivery: DeliveryArgument,
    reason: ReasonOption,
    by: ByOption = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Cho chuyển một lần giao đang bị giữ (release a held delivery)."""
    name = name_of(by)
    _tell(_at_desk(home, config, lambda desk: desk.release(delivery, by=name, reason=reason)))


@deliveries.command("refuse")
def refuse(
    delivery: DeliveryArgument,
    reason: ReasonOption,
    by: ByOption = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Từ chối một lần giao đang bị giữ; nơi gửi thấy lý do (refuse a held delivery)."""
    name = name_of(by)
    _tell(_at_desk(home, config, lambda desk: desk.refuse(delivery, by=name, reason=reason)))


@deliveries.command("resend")
def resend(
    delivery: DeliveryArgument,
    reason: ReasonOption,
    by: ByOption = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Giao lại lần giao đã bị trả hoặc quá hạn, cùng mã (offer a delivery again)."""
    name = name_of(by)
    _tell(_at_desk(home, config, lambda desk: desk.resend(delivery, by=name, reason=reason)))


@deliveries.command("redirect")
def redirect(
    delivery: DeliveryArgument,
    to: Annotated[str, typer.Option("--to", help="Mã đơn vị sẽ nhận thay.")],
    reason: ReasonOption,
    by: ByOption = None,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Chuyển một lần giao sang đơn vị khác, có chứng cứ cho nơi gửi (redirect a delivery to another unit)."""
    name = name_of(by)
    made = _at_desk(home, config, lambda desk: desk.redirect(delivery, to=to, by=name, reason=reason))
    print(f"{delivery}: redirected → {made.id} ({made.unit_id})")


def _tell(delivery: DeliveryRecord) -> None:
    print(f"{delivery.id}: {delivery.state.value}")
