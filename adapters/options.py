"""Settings of an adapter read into typed values, with every problem named at once.

What is not asked for is refused at the end: a misspelt limit must not be one that silently does not hold.
"""

from __future__ import annotations

from collections.abc import Mapping

from hub.ports.exits import SettingProblem

YES: frozenset[str] = frozenset({"true", "yes", "1"})
NO: frozenset[str] = frozenset({"false", "no", "0"})


class OptionReader:
    """Reads the settings of one system."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings
        self._asked: set[str] = set()
        self._problems: list[SettingProblem] = []

    def text(self, name: str, default: str = "") -> str:
        """Return a text without blanks around it."""
        self._asked.add(name)
        return self._settings.get(name, default).strip()

    def required(self, name: str) -> str:
        """Return a text that must be there."""
        value = self.text(name)
        if not value:
            self.problem(name, vi="phải có", en="is missing")
        return value

    def number(self, name: str, default: float, *, least: float, most: float) -> float:
        """Return a number between two bounds."""
        text = self.text(name, str(default))
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            bounds = f"{least:g}–{most:g}"
            self.problem(name, vi=f"là số trong khoảng {bounds}", en=f"is a number within {bounds}")
            return default
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """Return yes or no."""
        text = self.text(name, "true" if default else "false").lower()
        if text not in YES | NO:
            self.problem(name, vi="là true hoặc false", en="is true or false")
        return text in YES

    def words(self, name: str) -> tuple[str, ...]:
        """Return a list separated by commas."""
        return tuple(part.strip() for part in self.text(name).split(",") if part.strip())

    def problem(self, name: str, *, vi: str, en: str) -> None:
        """Note what is wrong with a setting."""
        self._problems.append(SettingProblem(name=name, vi=vi, en=en))

    def problems(self) -> tuple[SettingProblem, ...]:
        """Return all that is wrong, names that nobody asked for included."""
        for name in sorted(set(self._settings) - self._asked):
            self.problem(name, vi="không có thiết lập này", en="there is no such setting")
        return tuple(self._problems)


def refuse(problems: tuple[SettingProblem, ...]) -> None:
    """Raise ValueError with the first problem, if there is one."""
    if problems:
        raise ValueError(f"{problems[0].name}: {problems[0].en}")
