"""The command: `lienthong demo`, `lienthong demo --once`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from hub.cli.node import PortOption
from hub.cli.options import HomeOption
from hub.observability import logging


def demo(
    once: Annotated[bool, typer.Option("--once", help="Chạy một kịch bản đầy đủ rồi thoát.")] = False,
    home: HomeOption = None,
    port: PortOption = None,
) -> None:
    """Chạy thử cả tỉnh trên một máy: trục, xã, huyện, sở (a whole province on one machine)."""
    # Simulated systems draw and sign letters: no other command should pay for those imports.
    from hub.cli.demo import performance  # noqa: PLC0415
    from hub.cli.demo.stage import demo_settings  # noqa: PLC0415

    settings = demo_settings(home, port)
    logging.configure(level="error", form=settings.log_format)
    raise typer.Exit(asyncio.run(performance.once(settings) if once else performance.forever(settings)))
