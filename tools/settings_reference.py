"""Writes `docs/reference/settings.md` from the settings themselves: `python -m tools.settings_reference`.

A test compares the file with what this would write.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from hub.config import ENV_PREFIX, Settings

TARGET: Final = Path(__file__).resolve().parents[1] / "docs" / "reference" / "settings.md"
INTRODUCTION: Final = """\
# Settings

Every option of a hub, with its default. The first source that names an option wins:

1. options of the command line,
2. the environment, under the name in the first column (a list is separated by commas),
3. a TOML file: `LIENTHONG_CONFIG`, else `lienthong.toml` in `LIENTHONG_HOME`; names are those of the
   environment without the prefix, in lower case, a group is a table (`[limits]`),
4. the default.

A name that no option has is refused, in the file and in the environment, and so is a value that makes no
sense: `lienthong doctor` says which. Secrets (`database_url`, `broker_url`) appear in no log and no message.

```toml
# /etc/lienthong.toml
production = true
database_url = "postgresql://hub:…@db.example.vn/lienthong"
hub_code = "00.09.W00"

[limits]
recipients = 5000
```
"""


def render() -> str:
    """Return the whole page."""
    parts = [INTRODUCTION, _table("Options", Settings, ENV_PREFIX)]
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, BaseModel):
            title = f"`[{name}]`: {(field.description or '').rstrip('.')}"
            parts.append(_table(title, type(field.default), f"{ENV_PREFIX}{name.upper()}__"))
    return "\n".join(parts)


def _table(title: str, model: type[BaseModel], prefix: str) -> str:
    return "\n".join(
        (f"## {title}", "", "| variable | default | meaning |", "|---|---|---|", *_rows(model, prefix), "")
    )


def _rows(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if not isinstance(field.default, BaseModel):
            yield f"| `{prefix}{name.upper()}` | {_shown(field.default)} | {field.description} |"


def _shown(value: object) -> str:
    if value is None:
        return "—"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return (
            "`"
            + ",".join(f"{item:g}" if isinstance(item, float | int) else str(item) for item in value)
            + "`"
        )
    if isinstance(value, float):
        return f"`{value:g}`"
    return f"`{value}`"


if __name__ == "__main__":
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(render(), encoding="utf-8")
