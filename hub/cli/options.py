"""Options that several commands share, and opening what they work on."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import date
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from hub.cli.usage import Misuse
from hub.config import Settings, load_settings
from hub.observability import logging

S = TypeVar("S")
T = TypeVar("T")


def path_of(text: str) -> Path:
    """Return a path; raises Misuse: an empty one would silently be the folder one is in."""
    if not text.strip():
        raise Misuse("đường dẫn trống", "an empty path")
    return Path(text)


HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home", parser=path_of, metavar="FOLDER", help="Thư mục giữ toàn bộ dữ liệu (LIENTHONG_HOME)."
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", parser=path_of, metavar="FILE", help="Tệp cấu hình TOML (LIENTHONG_CONFIG)."),
]
ByOption = Annotated[
    str | None, typer.Option("--by", help="Người quyết định (mặc định: tài khoản đang dùng).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="In kết quả JSON.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Thực hiện, không hỏi lại.")]
PreviewOption = Annotated[bool, typer.Option("--preview", help="Chỉ xem thay đổi, không thực hiện.")]


def at_work(
    opened: Callable[[Settings], AbstractAsyncContextManager[S]],
    action: Callable[[S], Awaitable[T]],
    *,
    home: Path | None,
    config: Path | None,
) -> T:
    """Open a service with the settings of the command line, do something with it, close it again."""
    settings = load_settings(home=home, config=config)
    logging.configure(level="error", form="console")

    async def run() -> T:
        async with opened(settings) as service:
            return await action(service)

    return asyncio.run(run())


def name_of(by: str | None) -> str:
    """Return who gives an order: the name that was given, or the account's."""
    return (by or getpass.getuser()).strip()


def day_of(text: str | None) -> date | None:
    """Return a day given as 2026-07-01; raises Misuse."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Misuse(
            f"{text!r} không phải ngày dạng 2026-07-01", f"{text!r} is no day like 2026-07-01"
        ) from None


def items_of(texts: list[str] | None) -> tuple[str, ...]:
    """Return what was given one by one or separated by commas."""
    return tuple(part.strip() for text in texts or [] for part in text.split(",") if part.strip())
