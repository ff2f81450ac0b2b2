"""`lienthong doctor`: the findings, for people or as JSON, and the exit code they lead to."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Final

import typer

from hub.cli.doctor import examine
from hub.cli.findings import Level
from hub.cli.options import ConfigOption, HomeOption, JsonOption
from hub.config import load_settings
from hub.observability import logging

_MARKS: Final = {Level.OK: "✓", Level.WARNING: "!", Level.ERROR: "✗"}


def doctor(
    as_json: JsonOption = False,
    strict: Annotated[bool, typer.Option("--strict", help="Cảnh báo cũng cho mã thoát 1.")] = False,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """Kiểm tra môi trường và dữ liệu, nói cách sửa (say what is wrong and how to mend it)."""
    settings = load_settings(config=config, home=home)
    logging.configure(level="error", form="console")
    findings = asyncio.run(examine(settings))
    bad = {Level.ERROR, Level.WARNING} if strict else {Level.ERROR}
    healthy = not any(finding.level in bad for finding in findings)
    if as_json:
        told = {"ok": healthy, "findings": [finding.as_json() for finding in findings]}
        print(json.dumps(told, ensure_ascii=False, indent=2))
        raise typer.Exit(0 if healthy else 1)
    for finding in findings:
        print(f"{_MARKS[finding.level]} {finding.what}: {finding.vi}")
        if not finding.ok:
            print(f"    {finding.en} [{finding.code}]")
            if finding.mend:
                print(f"    → {finding.mend}")
    raise typer.Exit(0 if healthy else 1)
