from __future__ import annotations

from pathlib import Path

import pytest

from tools.debian_packages import package_of, packages


def test_the_list_names_package_program_and_reason() -> None:
    for package in packages():
        assert package.name
        assert package.brings
        assert package.why


def test_comments_and_blank_lines_are_not_packages(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("# a comment\n\n  openssl  openssl  makes timestamps\n")
    (package,) = packages(tmp_path / "list")
    assert (package.name, package.brings, package.why) == ("openssl", "openssl", "makes timestamps")


@pytest.mark.parametrize(("brings", "here"), [("sh", True), ("/bin/sh", True), ("no-such-program", False)])
def test_what_is_on_the_machine_is_seen(tmp_path: Path, brings: str, here: bool) -> None:
    (tmp_path / "list").write_text(f"p {brings} why\n")
    assert packages(tmp_path / "list")[0].here is here


def test_a_program_of_no_listed_package_has_none() -> None:
    assert package_of("no-such-program") is None
