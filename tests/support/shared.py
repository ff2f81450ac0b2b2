"""The material beside the repository: samples and corpora of other people, which are never copied in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def shared_folder(*parts: str) -> Path:
    """Return `../shared` (or LIENTHONG_SHARED) or a part of it; leave the test out where it is missing.

    The test carries `@pytest.mark.shared_material`.
    """
    folder = Path(os.environ.get("LIENTHONG_SHARED") or REPOSITORY.parent / "shared").joinpath(*parts)
    if not folder.exists():
        pytest.skip(f"shared material is not here: {'/'.join(('shared', *parts))}")
    return folder


def shared_files(*parts: str, pattern: str) -> list[Path]:
    """Return the files of a part of the shared material, for parametrising; empty where it is missing."""
    folder = Path(os.environ.get("LIENTHONG_SHARED") or REPOSITORY.parent / "shared").joinpath(*parts)
    return sorted(folder.glob(pattern))
