"""Pictures of the pages of a running demonstration: python -m tools.screenshots FOLDER [URL].

Without an address a demonstration is started in a temporary home. Needs Chromium.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from hub.cli.demo.stage import demo_settings, set_stage
from hub.observability import logging

PAGES = {"start": "/", "openapi": "/api/openapi.json", "ready": "/readyz"}
CHROMIUM = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1100,900",
)


def picture(url: str, target: Path) -> None:
    """Take one screenshot."""
    program = shutil.which("chromium")
    if program is None:
        sys.exit("screenshots need Chromium: apt-get install chromium")
    with tempfile.TemporaryDirectory() as profile:
        command = [program, *CHROMIUM, f"--user-data-dir={profile}", f"--screenshot={target}", url]
        subprocess.run(command, check=True, capture_output=True, timeout=60)


async def _with_demo(folder: Path) -> None:
    logging.configure(level="error", form="console")
    with tempfile.TemporaryDirectory() as home:
        async with set_stage(demo_settings(Path(home), 0)) as stage:
            await asyncio.to_thread(_all, stage.url, folder)


def _all(url: str, folder: Path) -> None:
    for name, path in PAGES.items():
        target = folder / f"{name}.png"
        picture(url + path, target)
        print(target)


def main(arguments: list[str]) -> None:
    """Take all screenshots into a folder."""
    folder = Path(arguments[0] if arguments else "out/screenshots").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if len(arguments) > 1:
        _all(arguments[1].rstrip("/"), folder)
    else:
        asyncio.run(_with_demo(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
