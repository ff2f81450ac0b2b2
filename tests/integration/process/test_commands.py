"""Commands on a home or a database: what they say when it cannot be used, and what `doctor` finds."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from uuid import uuid4

import pytest

from tests.integration.process.kit import SENDER, Letters, connected
from tests.support.process import Finished, Home, Hub, copy_of, lienthong, new_folder

NOWHERE = "postgresql://hub:hush@127.0.0.1:1/hub"


def mended(done: Finished, code: str) -> bool:
    """Say whether a command ended with a sentence that a person can act on."""
    return done.code == 1 and f"[{code}]" in done.err and "Traceback" not in done.err


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_home_that_cannot_be_made_is_said(bare_home: Home, command: str) -> None:
    bare_home.path.write_text("")  # a file stands in its place
    done = lienthong(*command.split(), "--home", str(bare_home.path / "h"), home=bare_home.path)
    assert done.code == 1
    assert "Traceback" not in done.err
    assert str(bare_home.path) in done.err


def test_doctor_names_a_home_that_cannot_be_made(bare_home: Home) -> None:
    done = lienthong("doctor", "--home", "/proc/nowhere", home=bare_home.path)
    assert done.code == 1
    assert "✗ LIENTHONG_HOME: không ghi được vào /proc/nowhere" in done.out
    assert "Traceback" not in done.err


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_database_that_does_not_answer_is_said_without_its_password(bare_home: Home, command: str) -> None:
    done = lienthong(*command.split(), home=bare_home.path, env={"LIENTHONG_DATABASE_URL": NOWHERE})
    assert mended(done, "database_unavailable")
    assert "hush" not in done.err + done.out


def test_doctor_names_a_database_that_does_not_answer(bare_home: Home) -> None:
    done = lienthong("doctor", home=bare_home.path, env={"LIENTHONG_DATABASE_URL": NOWHERE})
    assert done.code == 1
    assert "✗ PostgreSQL: không kết nối được" in done.out
    assert "hush" not in done.out + done.err


def test_a_port_that_is_taken_is_named_and_nothing_is_left_running(home: Home) -> None:
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = lienthong("serve", "--port", str(port), home=home.path)
    assert mended(done, "port_taken")
    assert str(port) in done.err
    assert home.database_processes == ()


def test_a_file_that_is_no_certificate_stops_a_start_that_would_verify_nothing(home: Home) -> None:
    (home.path / "trust" / "readme.pem").write_text("no certificate")
    done = lienthong("serve", "--port", "0", home=home.path)
    assert mended(done, "trust_unusable")
    assert "readme.pem" in done.err
    assert home.database_processes == ()


# -------------------------------------------------------------------- with a hub that runs


@pytest.fixture(scope="module")
def running(template: Home) -> Iterator[tuple[Home, Hub]]:
    """One hub for the tests below."""
    with new_folder() as folder:
        home = copy_of(template, folder)
        with home.served(env={"LIENTHONG_VERIFY_WORKERS": "1"}) as hub:
            yield home, hub


def test_systems_and_keys_are_kept_while_the_hub_runs(running: tuple[Home, Hub]) -> None:
    home, _ = running
    made = lienthong("system", "add", "QLVB Sở Y tế", "--unit", "000.00.07.H09", home=home.path)
    assert (made.code, made.err) == (0, "")
    assert "Khóa API (chỉ hiện một lần, hãy cất giữ): ltk_" in made.out
    twice = lienthong("system", "add", "QLVB Sở Y tế", home=home.path)
    assert mended(twice, "system_exists")
    listed = lienthong("system", "list", home=home.path)
    assert "QLVB Sở Y tế" in listed.out


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("agency lock 000.77.77.H09", "agency_unknown"),
        ("system add twice --unit 000.00.02.H09", "agency_taken"),
        ("system retry nobody", "system_unknown"),
    ],
)
def test_an_order_that_cannot_be_carried_out_is_refused_with_its_reason(
    running: tuple[Home, Hub], command: str, code: str
) -> None:
    done = lienthong(*command.split(), home=running[0].path)
    assert mended(done, code)


async def test_doctor_is_content_with_a_hub_that_works_and_names_rows_without_a_document(
    running: tuple[Home, Hub], letters: Letters
) -> None:
    home, hub = running
    async with connected(hub, home, SENDER) as [sender]:
        sent = await sender.send(letters.new())
    well = lienthong("doctor", home=home.path)
    assert well.code == 0, well.out
    assert "✗" not in well.out

    async with home.database() as connection:
        await connection.execute(
            "INSERT INTO document_text (document_id, salt, code, subject, from_name, promulgated, type_name,"
            " description) VALUES ($1, '', '', '', '', '', '', '')",
            uuid4(),
        )
    ill = lienthong("doctor", home=home.path)
    assert ill.code == 1
    assert "✗ Dữ liệu / rows: có dòng không còn văn bản gốc (document_text: 1)" in ill.out
    assert sent.document_id not in ill.out


def test_doctor_names_an_empty_trust_folder(running: tuple[Home, Hub]) -> None:
    home, _ = running
    done = lienthong(
        "doctor", home=home.path, env={"LIENTHONG_TRUST_FOLDER": str(home.path / "nothing-here")}
    )
    assert done.code == 1
    assert "✗ Chứng thư CA / trust" in done.out
