"""The illustrative directory of the demo: the province of Bình Dương with codes that nobody has published."""

from __future__ import annotations

from importlib.resources import files

PROVINCE_SUFFIXES = frozenset({"H09"})
"""L1 of the demo's codes; H09 for Bình Dương is an inference from the alphabetical order."""


def binh_duong_csv() -> str:
    """The directory file's text, to be read by ``hub.domain.directory_csv.parse``."""
    return files(__name__).joinpath("binh_duong.csv").read_text(encoding="utf-8")
