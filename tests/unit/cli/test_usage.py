"""Wrong arguments and wrong settings: a sentence and an exit code, never a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from hub import cli
from hub.cli.demo.stage import kept_keys
from hub.cli.errors import explain
from hub.services.registry_errors import RegistryError, check_name
from hub.storage.secret_box import SecretKeyError
from signing.errors import PkiDamaged

COMMANDS = (
    ("demo",),
    ("serve",),
    ("migrate",),
    ("doctor",),
    ("version",),
    ("validate",),
    ("verify",),
    ("sign",),
    ("agency", "import"),
    ("agency", "export"),
    ("agency", "list"),
    ("agency", "lock"),
    ("agency", "unlock"),
    ("system", "add"),
    ("system", "assign"),
    ("system", "key"),
    ("system", "revoke-key"),
    ("system", "list"),
    ("system", "lock"),
    ("system", "unlock"),
)
WANT_ARGUMENTS = (
    ("validate",),
    ("verify",),
    ("sign",),
    ("agency", "import"),
    ("agency", "lock"),
    ("agency", "unlock"),
    ("system", "add"),
    ("system", "assign"),
    ("system", "key"),
    ("system", "revoke-key"),
    ("system", "lock"),
    ("system", "unlock"),
)


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended."""

    code: object
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run the command line in this process, in an empty home."""
    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    def call(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["lienthong", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return Said(ended.value.code, said.out, said.err)

    return call


def usage_code(command: tuple[str, ...]) -> int:
    """1 and 2 are verdicts of these two."""
    return 3 if command[0] in {"verify", "validate"} else 2


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_unknown_option_is_named(run: Run, command: tuple[str, ...]) -> None:
    said = run(*command, "--no-such-option", "x")
    assert said.code == usage_code(command)
    assert "--no-such-option" in said.err
    assert "[usage]" in said.err
    assert said.out == ""


@pytest.mark.parametrize("command", WANT_ARGUMENTS, ids=" ".join)
def test_a_missing_argument_is_said(run: Run, command: tuple[str, ...]) -> None:
    said = run(*command)
    assert said.code == usage_code(command)
    assert "[usage]" in said.err
    assert len(said.err.splitlines()) == 2


@pytest.mark.parametrize("arguments", [(), ("agency",), ("system",)], ids=" ".join)
def test_without_a_command_the_help_is_shown(run: Run, arguments: tuple[str, ...]) -> None:
    said = run(*arguments)
    assert said.code == 2
    assert "Usage: lienthong" in said.out
    assert said.err == ""


@pytest.mark.parametrize("arguments", [("frob",), ("agency", "frob"), ("--frob",)], ids=" ".join)
def test_an_unknown_command_is_named(run: Run, arguments: tuple[str, ...]) -> None:
    said = run(*arguments)
    assert said.code == 2
    assert "frob" in said.err


@pytest.mark.parametrize("command", [(), ("serve",), ("verify",), ("system", "add")], ids=" ".join)
def test_help_is_not_an_error(run: Run, command: tuple[str, ...]) -> None:
    said = run(*command, "--help")
    assert said.code in {0, None}
    assert "Usage: lienthong" in said.out


def test_the_version_is_printed(run: Run) -> None:
    said = run("version")
    assert said.code in {0, None}
    assert said.out.startswith("lienthong ")


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("LIENTHONG_HTTP_PORT", "eighty", "http_port"),
        ("LIENTHONG_HTTP_PORT", "70000", "http_port"),
        ("LIENTHONG_NO_SUCH", "1", "LIENTHONG_NO_SUCH"),
        ("LIENTHONG_FAILPOINT", "somewhere", "after_temp_write"),
        ("LIENTHONG_PRODUCTION", "true", "database_url"),
        ("LIENTHONG_DATABASE_URL", "mysql://root:hush@db/x", "database_url"),
        ("LIENTHONG_LIMITS__BODY_BYTES", "0", "body_bytes"),
        ("LIENTHONG_CONFIG", "/no/such/file.toml", "/no/such/file.toml"),
    ],
)
@pytest.mark.parametrize("command", [("serve",), ("doctor",), ("migrate",), ("demo",), ("agency", "list")])
def test_a_setting_that_cannot_be_used_is_named_without_its_value(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], variable: str, value: str, named: str
) -> None:
    monkeypatch.setenv(variable, value)
    said = run(*command)
    assert said.code == 1
    assert "settings_invalid" in said.err
    assert named in said.err
    assert "hush" not in said.err


def test_a_failpoint_cannot_be_armed_in_production(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIENTHONG_PRODUCTION", "true")
    monkeypatch.setenv("LIENTHONG_DATABASE_URL", "postgresql://hub@db/hub")
    monkeypatch.setenv("LIENTHONG_FAILPOINT", "before_commit")
    said = run("serve")
    assert said.code == 1
    assert "a failpoint cannot be armed in production" in said.err


def test_a_configuration_that_is_no_toml_is_said_with_its_place(run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "hub.toml"
    broken.write_text("http_port = = 1")
    said = run("serve", "--config", str(broken))
    assert said.code == 1
    assert f"{broken}: Invalid value (at line 1" in said.err


@pytest.mark.parametrize(
    ("content", "code", "text"),
    [
        ("mã,tên".encode("utf-16"), 1, "[file_is_utf16]"),
        (b"code\n\xd4\n", 1, "[file_not_utf8]"),
        (b"PK\x03\x04", 1, "[file_is_workbook]"),
        (None, 2, "does not exist"),
    ],
    ids=["UTF-16", "not UTF-8", "workbook", "missing"],
)
def test_a_directory_file_that_cannot_be_read_is_said(
    run: Run, tmp_path: Path, content: bytes | None, code: int, text: str
) -> None:
    path = tmp_path / "agencies.csv"
    if content is not None:
        path.write_bytes(content)
    said = run("agency", "import", str(path))
    assert said.code == code
    assert text in said.err


def test_a_directory_file_with_errors_changes_nothing(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "agencies.csv"
    path.write_text("code,name\nx,y\n", encoding="utf-8")
    said = run("agency", "import", str(path))
    assert said.code == 1
    assert "[column_missing]" in said.out
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("command", ["verify", "validate"])
@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_a_file_that_cannot_be_examined_is_neither_good_nor_bad(
    run: Run, tmp_path: Path, command: str, kind: str
) -> None:
    path = tmp_path if kind == "folder" else tmp_path / "none"
    said = run(command, str(path))
    assert said.code == 3
    assert str(path) in said.err


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--at", "tomorrow"), "bad_time"),
        (("--at", "0001-01-01T00:00:00+14:00"), "bad_time"),
        (("--at", "9999-12-31T23:59:59-14:00"), "bad_time"),
        (("--existed-by", "0001-01-01T00:00:00Z"), "bad_time"),
        (("--trust", "/no/such/folder"), "trust_folder_missing"),
        (("--trust", "/", "--no-trust"), "options_conflict"),
        (("--content", "/no/such/file"), "content_missing"),
        (("--policy", "/no/such/file"), "policy_unreadable"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_senseless_options_of_verify_are_usage_errors(
    run: Run, tmp_path: Path, options: tuple[str, ...], code: str
) -> None:
    file = tmp_path / "a.pdf"
    file.write_bytes(b"%PDF-1.7\n")
    said = run("verify", *options, str(file))
    assert said.code == 3
    assert f"[{code}]" in said.err
    assert said.out == ""


def test_an_unknown_language_of_validate_is_a_usage_error(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.edxml"
    file.write_bytes(b"<a/>")
    assert run("validate", "--lang", "fr", str(file)).code == 3


@pytest.mark.parametrize(
    ("command", "large"),
    [
        ("verify", {"aiohttp", "asyncpg", "pydantic", "aio_pika", "reportlab", "hub.bootstrap", "xmlschema"}),
        ("validate", {"aiohttp", "asyncpg", "pydantic", "aio_pika", "reportlab", "hub.bootstrap"}),
        ("serve", {"reportlab", "matplotlib"}),
    ],
)
def test_no_command_waits_for_what_only_others_need(command: str, large: set[str]) -> None:
    program = f"import sys; from hub.cli.program import program; program([{command!r}]); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(loaded.stdout.split()) & large == set()


@pytest.mark.parametrize(
    ("arguments", "vi", "help_"),
    [
        (("frob",), "không có lệnh 'frob'", "lienthong --help"),
        (("agency", "imprt"), "không có lệnh 'imprt' (gần giống: 'import')", "lienthong agency --help"),
        (("serve", "--hom", "x"), "không có tùy chọn --hom (gần giống: --home, --host)", "serve --help"),
        (("serve", "--port", "x"), "giá trị của '--port' không dùng được: phải là số nguyên", "serve --help"),
        (("serve", "--processes", "0"), "'--processes' không dùng được: phải từ 1 trở lên", "serve --help"),
        (("serve", "--config"), "tùy chọn --config cần một giá trị", "--help"),
        (("serve", "--home", ""), "đường dẫn trống", "serve --help"),
        (("migrate", "--through", "x"), "phải là một trong: 'pre', 'post'", "migrate --help"),
        (("version", "x"), "thừa tham số: x", "version --help"),
        (("agency", "import", "--yes=1"), "tùy chọn --yes không nhận giá trị", "--help"),
        (("agency", "lock"), "thiếu tham số 'code'", "agency lock --help"),
        (("system", "assign", "x"), "thiếu tùy chọn '--unit'", "system assign --help"),
        (("agency", "import", "/no/such"), "không có tệp hay thư mục '/no/such'", "import --help"),
        (
            ("delivery", "refuse", "x", "--reason", "y"),
            "'delivery' không dùng được: phải là mã UUID",
            "--help",
        ),
        (("agency", "retire", "x", "--no-successor", "--on", "31/01"), "'31/01' không phải ngày", "--help"),
        (("conformance",), "cần đúng một trong hai: --system, hoặc --self", "conformance --help"),
        (("conformance", "--self", "--system", "x"), "cần đúng một trong hai", "conformance --help"),
        (("trust", "limit", "f7bc", "--until", "x"), "'x' không phải ngày dạng 2026-07-01", "limit --help"),
        (
            ("sign", "a", "--key", "k", "--asic", "b", "--out", "c"),
            "một trong: --asic, --out",
            "sign file --help",
        ),
        (("sandbox", "--hub", "truc"), "địa chỉ phải có dạng http://máy:cổng", "sandbox --help"),
        (("system", "networks", "x"), "cần các mạng, hoặc --anywhere", "networks --help"),
        (("system", "set", "x", "=y"), "không phải '=y'", "system set --help"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_arguments_are_told_in_vietnamese_and_then_in_english(
    run: Run, arguments: tuple[str, ...], vi: str, help_: str
) -> None:
    said = run(*arguments)
    assert said.code == 2
    vietnamese, english = said.err.splitlines()
    assert vietnamese.startswith("Tham số không đúng: ")
    assert vi in vietnamese
    assert f"{help_}`." in vietnamese
    assert english.startswith("Wrong arguments: ")
    assert english.endswith("[usage]")


def test_no_library_speaks_english_in_a_vietnamese_sentence(run: Run) -> None:
    for arguments in (("serve", "--port", "x"), ("serve", "--nothing"), ("agency", "lock")):
        vietnamese = run(*arguments).err.splitlines()[0]
        assert not {"Input", "such", "Missing", "Invalid", "should"} & set(vietnamese.split())


@pytest.mark.parametrize("home", ["file", "file/below"])
def test_a_home_that_is_no_folder_is_said(run: Run, tmp_path: Path, home: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    said = run("agency", "list", "--home", str(tmp_path / home))
    assert said.code == 1
    assert f"{tmp_path / 'file'} không phải thư mục" in said.err
    assert "[settings_invalid]" in said.err


def test_what_is_wrong_with_settings_is_told_in_both_languages(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIENTHONG_LOG_LEVEL", "loud")
    monkeypatch.setenv("LIENTHONG_PUSH__RETRY_BASE_S", "-1")
    said = run("serve")
    assert said.code == 1
    assert "log_level: phải là một trong: 'debug', 'info', 'warning' hoặc 'error'" in said.err
    assert "push.retry_base_s: phải lớn hơn 0\n" in said.err
    assert "log_level: Input should be 'debug', 'info', 'warning' or 'error'" in said.err


def _lienthong(*words: str | bytes, stdout: int, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "hub", *words],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
        check=False,
    )


def test_a_disk_without_room_for_what_is_printed_is_said() -> None:
    with Path("/dev/full").open("wb") as full:
        ended = _lienthong("version", stdout=full.fileno(), PYTHONUNBUFFERED="1")
    assert ended.returncode == 1
    assert "đĩa đã đầy" in ended.stderr.decode()
    assert b"Traceback" not in ended.stderr


def test_vietnamese_is_printed_in_utf8_whatever_the_locale_says() -> None:
    ended = _lienthong("frob", stdout=subprocess.PIPE, PYTHONIOENCODING="ascii")
    assert "không có lệnh" in ended.stderr.decode()


def test_a_name_that_is_no_utf8_is_told_with_its_own_bytes(tmp_path: Path) -> None:
    name = bytes(tmp_path) + b"/v\xe3n.edxml"
    ended = _lienthong("verify", name, stdout=subprocess.PIPE)
    assert ended.returncode == 3
    assert name in ended.stdout
    assert b"Traceback" not in ended.stderr


def test_a_file_that_validate_cannot_read_is_not_called_refused(run: Run, tmp_path: Path) -> None:
    said = run("validate", str(tmp_path))
    assert f"{tmp_path}: không kiểm tra được\n" in said.out
    assert "bị từ chối" not in said.out


@pytest.mark.parametrize("name", ["", " ", "QLVB ", "a\nb", "a\x1b[31mb", "x" * 201], ids=repr)
def test_a_system_is_not_given_a_name_that_nobody_can_read(name: str) -> None:
    with pytest.raises(RegistryError) as caught:
        check_name(name)
    assert caught.value.code == "system_name_invalid"


def test_a_system_is_called_what_people_call_it() -> None:
    check_name("Phần mềm QLVB & ĐH – xã “Minh Hòa”")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SecretKeyError("/srv/keys/secrets.key is open to everybody: chmod 600"), "secret_key_unusable"),
        (PkiDamaged("no root"), "pki_damaged"),
        (OSError(28, "No space left on device", "/srv/out"), "system_refuses"),
        (ExceptionGroup("start", [SecretKeyError("x")]), "secret_key_unusable"),
    ],
    ids=["open key file", "damaged PKI", "full disk", "in a group"],
)
def test_what_a_person_can_mend_is_told_in_both_languages(error: Exception, code: str) -> None:
    text = explain(error)
    assert text is not None
    vietnamese, english = text.splitlines()
    assert vietnamese != english
    assert english.endswith(f"[{code}]")


def test_a_fault_of_the_program_is_not_explained_away() -> None:
    assert explain(KeyError("x")) is None
    assert explain(ExceptionGroup("two", [SecretKeyError("x"), KeyError("x")])) is None


@pytest.mark.parametrize("content", ["", "{", "[]", "5"], ids=repr)
def test_a_damaged_file_of_demo_keys_is_as_good_as_none(tmp_path: Path, content: str) -> None:
    path = tmp_path / "api-keys.json"
    assert kept_keys(path) == {}
    path.write_text(content)
    assert kept_keys(path) == {}
    path.write_text('{"DMS": "ltk_x"}')
    assert kept_keys(path) == {"DMS": "ltk_x"}
