"""The kind of adapter `folder`, and the settings that it shares with `sftp`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from adapters.folder.handover import FolderExit, FolderOptions
from adapters.folder.local import LocalFiles
from hub.ports.exits import Exit, SettingProblem
from hub.ports.records import SystemRecord

FOLDER: Final = "folder"
CONFIRM_BY: Final = ("receipt", "taken")
_PLACE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9][A-Za-z0-9._-]{0,99}){0,9}")
_SECONDS: Final[Mapping[str, tuple[float, float, float]]] = {
    # name: least, most, default
    "poll_s": (1, 3_600, 10),
    "settle_s": (0, 300, 2),
    "patience_s": (10, 7 * 86_400, 3_600),
    "timeout_s": (1, 3_600, 120),
    "call_s": (1, 600, 30),
}


class FolderKind:
    """Implements `ExitKind` for folders of this machine; all lie under `base`."""

    name = FOLDER
    secret_names: tuple[str, ...] = ()

    def __init__(self, base: Path) -> None:
        self._base = base

    def check(self, settings: Mapping[str, str]) -> tuple[SettingProblem, ...]:
        """Say what is wrong with settings."""
        problems = [*unknown_settings(settings, {"path"}), *common_problems(settings)]
        if not _PLACE.fullmatch(settings.get("path", "")):
            problems.append(
                SettingProblem(
                    name="path",
                    vi="phải là đường dẫn tương đối dưới thư mục LIENTHONG_FOLDERS__BASE, ví dụ “so-noi-vu”",
                    en="must be a path relative to LIENTHONG_FOLDERS__BASE, such as so-noi-vu",
                )
            )
        return tuple(problems)

    def open(
        self,
        system: SystemRecord,  # noqa: ARG002 (the settings say it all)
        settings: Mapping[str, str],
        secrets: Mapping[str, tuple[bytes, ...]],  # noqa: ARG002 (there are none)
    ) -> Exit:
        """Build the exit of a system. Raises ValueError."""
        refuse(self.check(settings))
        root = self._base / settings["path"]
        return FolderExit(
            LocalFiles(root, timeout_s=seconds(settings, "call_s")), options_of(settings, str(root))
        )


def options_of(settings: Mapping[str, str], place: str) -> FolderOptions:
    """Return the options that all folders have."""
    return FolderOptions(
        place=place,
        taken_confirms=settings.get("confirm", CONFIRM_BY[0]) == "taken",
        poll_s=seconds(settings, "poll_s"),
        settle_s=seconds(settings, "settle_s"),
        patience_s=seconds(settings, "patience_s"),
        timeout_s=seconds(settings, "timeout_s"),
    )


def common_problems(settings: Mapping[str, str]) -> list[SettingProblem]:
    """Say what is wrong with the settings that all folders have."""
    problems = []
    if settings.get("confirm", CONFIRM_BY[0]) not in CONFIRM_BY:
        problems.append(
            SettingProblem(name="confirm", vi="là “receipt” hoặc “taken”", en="is receipt or taken")
        )
    for name, (least, most, _) in _SECONDS.items():
        try:
            fits = least <= float(settings.get(name, least)) <= most
        except ValueError:
            fits = False
        if not fits:
            problems.append(
                SettingProblem(
                    name=name, vi=f"là số giây từ {least} đến {most}", en=f"is {least} to {most} seconds"
                )
            )
    return problems


def unknown_settings(settings: Mapping[str, str], known: set[str]) -> list[SettingProblem]:
    """Refuse what no setting is called: a misspelt one must not silently not hold."""
    names = sorted(set(settings) - known - {"confirm", *_SECONDS})
    return [SettingProblem(name=n, vi="không có thiết lập này", en="there is no such setting") for n in names]


def seconds(settings: Mapping[str, str], name: str) -> float:
    """Return a duration out of settings that were checked, or its default."""
    return float(settings.get(name, _SECONDS[name][2]))


def refuse(problems: tuple[SettingProblem, ...]) -> None:
    """Raise ValueError with the first problem, if there is one."""
    if problems:
        raise ValueError(f"{problems[0].name}: {problems[0].en}")
