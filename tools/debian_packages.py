"""Debian packages that the tests need: `tools/debian-packages.txt`, one a line.

    package  program-or-file  why

`python -m tools.debian_packages missing` prints the packages whose program or file is not here.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

LIST = Path(__file__).with_name("debian-packages.txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One package, what it brings, and which tests want that."""

    name: str
    brings: str
    why: str

    @property
    def here(self) -> bool:
        """Say whether what it brings is on this machine."""
        return (
            Path(self.brings).exists()
            if self.brings.startswith("/")
            else shutil.which(self.brings) is not None
        )


def packages(path: Path = LIST) -> tuple[Package, ...]:
    """Read the list."""
    lines = (line.strip() for line in path.read_text().splitlines())
    parts = (line.split(maxsplit=2) for line in lines if line and not line.startswith("#"))
    return tuple(Package(name=name, brings=brings, why=why) for name, brings, why in parts)


def package_of(program: str) -> str | None:
    """Return the package that brings a program."""
    return next((package.name for package in packages() if package.brings == program), None)


if __name__ == "__main__" and sys.argv[1:] == ["missing"]:
    print(" ".join(package.name for package in packages() if not package.here))
