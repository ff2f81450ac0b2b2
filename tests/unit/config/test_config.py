from __future__ import annotations

import errno
import os
from datetime import timedelta
from pathlib import Path

import pytest

from hub.config import MIB, Deadlines, Leases, Limits, SettingsInvalid, load_settings
from hub.config.reasons import OTHERWISE, system_reason
from tools.settings_reference import TARGET, render

DSN = "postgresql://hub:s3cret@db/lienthong"


def problems(**environment: str) -> dict[str, str]:
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(environment=environment)
    return {fault.option: fault.reason.en for fault in caught.value.faults}


def test_without_any_source_the_defaults_hold(tmp_path: Path) -> None:
    settings = load_settings(environment={"LIENTHONG_HOME": str(tmp_path)})
    assert settings.home == tmp_path
    assert settings.blobs_path == tmp_path / "blobs"
    assert settings.keys_path == tmp_path / "keys"
    assert settings.database_url is None
    assert not settings.production
    assert settings.pool_size == 16
    assert settings.statement_timeout_s == 5
    assert settings.lock_timeout_s == 2
    assert settings.api_key_grace_days == 7
    assert settings.intake_key_days == 400


def test_limits_are_those_of_the_design() -> None:
    assert Limits().model_dump() == {
        "body_bytes": 150 * MIB,
        "attachment_bytes": 100 * MIB,
        "attachments": 100,
        "recipients": 2_000,
        "unzipped_bytes": 200 * MIB,
        "unzip_ratio": 100,
        "skeleton_bytes": 2 * MIB,
        "depth": 32,
        "elements": 50_000,
        "intake_per_node": 32,
        "intake_per_system": 4,
        "calls_per_minute": 60_000,
        "empty_polls_per_minute": 3_000,
        "min_rate_bytes": 10 * 1024,
        "min_rate_window_s": 30,
        "request_s": 600,
        "drain_s": 10,
        "disk_free_ratio": 0.05,
        "disk_free_bytes": 2048 * MIB,
        "verify_backlog": 20_000,
        "verify_per_system": 3,
        "verify_backlog_age_s": 600,
        "long_poll_s": 25,
        "inbox_page": 100,
        "parked_status_s": 86_400,
    }


def test_retries_leases_and_deadlines_are_those_of_the_design() -> None:
    assert Leases().model_dump() == {
        "worker_s": 60,
        "renew_s": 20,
        "recipient_s": 300,
        "recipient_min_s": 30,
        "recipient_max_s": 3600,
        "sweep_after_s": 30,
    }
    hours = [(8, 72), (2, 24), (1, 12), (0.25, 4), (0.25, 4)]
    for priority, (alert, evidence) in enumerate(hours):
        assert Deadlines().of(priority) == (timedelta(hours=alert), timedelta(hours=evidence))


@pytest.mark.parametrize(("priority", "counts_as"), [(-1, 0), (5, 4), (99, 4)])
def test_a_priority_beyond_the_table_counts_as_its_nearest(priority: int, counts_as: int) -> None:
    assert Deadlines().of(priority) == Deadlines().of(counts_as)


def test_the_environment_wins_over_the_file_option_by_option(tmp_path: Path) -> None:
    (tmp_path / "lienthong.toml").write_text(
        "http_port = 1\npool_size = 5\n[limits]\ndepth = 7\nelements = 8\n"
    )
    settings = load_settings(
        environment={
            "LIENTHONG_HOME": str(tmp_path),
            "LIENTHONG_POOL_SIZE": "6",
            "LIENTHONG_LIMITS__DEPTH": "9",
        }
    )
    assert (settings.http_port, settings.pool_size) == (1, 6)
    assert (settings.limits.depth, settings.limits.elements) == (9, 8)
    assert settings.limits.recipients == 2_000


def test_the_command_line_wins_over_all_and_none_is_not_given(tmp_path: Path) -> None:
    environment = {"LIENTHONG_HOME": str(tmp_path), "LIENTHONG_HTTP_PORT": "2", "LIENTHONG_HTTP_HOST": "::1"}
    settings = load_settings(environment=environment, http_port=3, http_host=None)
    assert (settings.http_port, settings.http_host) == (3, "::1")


def test_a_named_file_is_read_and_may_set_the_home(tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.toml"
    file.write_text(f'home = "{tmp_path}/h"\n', encoding="utf-8")
    assert load_settings(environment={"LIENTHONG_CONFIG": str(file)}).home == tmp_path / "h"
    assert load_settings(config=file, environment={}).home == tmp_path / "h"


def test_a_list_is_given_with_commas() -> None:
    settings = load_settings(
        environment={"LIENTHONG_DEADLINES__ALERT_S": "5,4,3,2,1", "LIENTHONG_PROVINCE_CODES": "H09, H29"}
    )
    assert settings.deadlines.alert_s == (5, 4, 3, 2, 1)
    assert settings.province_codes == ("H09", "H29")


def test_an_empty_variable_is_not_set() -> None:
    assert load_settings(environment={"LIENTHONG_DATABASE_URL": ""}).database_url is None


def test_a_home_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_settings(environment={"LIENTHONG_HOME": "h"}).home == tmp_path / "h"
    assert load_settings(environment={"LIENTHONG_HOME": "~/h"}).home == tmp_path / "h"


def test_variables_of_the_tests_are_not_options() -> None:
    load_settings(environment={"LIENTHONG_SHARED": "/x", "LIENTHONG_TEST_DATABASE_URL": "x", "OTHER": "x"})


@pytest.mark.parametrize(
    "variable", ["LIENTHONG_DATABSE_URL", "LIENTHONG_LIMITS__DEEPTH", "LIENTHONG_LIMITS", "LIENTHONG_HOME__X"]
)
def test_a_misspelt_variable_is_refused(variable: str) -> None:
    assert problems(**{variable: "1"}) == {variable: "no option has this name"}


def test_a_misspelt_option_in_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lienthong.toml").write_text("[limits]\ndeepth = 3\n")
    assert list(problems(LIENTHONG_HOME=str(tmp_path))) == ["limits.deepth"]


def test_a_broken_file_is_told_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "lienthong.toml").write_text("= 3\n")
    assert list(problems(LIENTHONG_HOME=str(tmp_path))) == [str(tmp_path / "lienthong.toml")]


def test_a_named_file_that_is_missing_is_refused() -> None:
    assert "there is no file" in problems(LIENTHONG_CONFIG="/nonexistent/x.toml")["LIENTHONG_CONFIG"]


def test_the_file_in_the_home_cannot_move_the_home(tmp_path: Path) -> None:
    (tmp_path / "lienthong.toml").write_text('home = "/elsewhere"\n')
    assert list(problems(LIENTHONG_HOME=str(tmp_path))) == ["home"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://u:s3cret@h/d"),
        ("BROKER_URL", "http://u:s3cret@h"),
        ("DATABASE_URL", "postgresql://u:s3cret@h:5432,h2:x/d"),
        ("DATABASE_URL", "postgresql://u:s3cret@h:70000/d"),
        ("DATABASE_URL", "postgresql:///d?host=h&port=s3cret"),
        ("BROKER_URL", "amqp://u:s3cret@h:x/"),
        ("REVOCATION__HOSTS", '["ca.gov.vn","rootca.gov.vn"]'),
        ("REVOCATION__HOSTS", "http://ca.gov.vn"),
        ("HTTP_PORT", "70000"),
        ("POOL_SIZE", "1"),
        ("FAILPOINT", "s3cret"),
        ("LIMITS__DEPTH", "0"),
        ("LEASES__RENEW_S", "31"),
        ("LEASES__RECIPIENT_S", "29"),
        ("DEADLINES__ALERT_S", "1,2,3"),
        ("DEADLINES__ALERT_S", "999999,1,1,1,1"),
        ("PUBLIC_URL", "hub.example.vn"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_without_being_repeated(name: str, value: str) -> None:
    found = problems(**{f"LIENTHONG_{name}": value})
    assert len(found) == 1
    assert "s3cret" not in str(found)


@pytest.mark.parametrize(
    "address",
    [DSN, "postgresql://u@h:5432,h2/d", "postgres://[::1]:5432/d", "postgresql:///d?host=/run/pg&port=5433"],
)
def test_addresses_of_databases_are_taken_in_all_their_forms(address: str) -> None:
    url = load_settings(environment={"LIENTHONG_DATABASE_URL": address}).database_url
    assert url is not None
    assert url.get_secret_value() == address


def test_production_needs_a_database_of_its_own() -> None:
    assert "database_url" in problems(LIENTHONG_PRODUCTION="true")["settings"]
    assert load_settings(
        environment={"LIENTHONG_PRODUCTION": "true", "LIENTHONG_DATABASE_URL": DSN}
    ).production


def test_production_refuses_a_failpoint() -> None:
    found = problems(
        LIENTHONG_PRODUCTION="1", LIENTHONG_DATABASE_URL=DSN, LIENTHONG_FAILPOINT="before_commit"
    )
    assert "failpoint" in found["settings"]


def test_a_secret_is_not_in_the_settings_text() -> None:
    settings = load_settings(environment={"LIENTHONG_DATABASE_URL": DSN})
    assert "s3cret" not in f"{settings!r} {settings}"
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == DSN


def test_settings_do_not_change() -> None:
    settings = load_settings(environment={})
    with pytest.raises(ValueError, match="frozen"):
        settings.http_port = 1  # type: ignore[misc]  # the point of the test


def test_the_reference_page_is_that_of_the_settings() -> None:
    assert TARGET.read_text(encoding="utf-8") == render(), "run: python -m tools.settings_reference"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HTTP_PORT", "x"),
        ("HTTP_PORT", "70000"),
        ("PROCESSES", "0"),
        ("POOL_SIZE", "9" * 5000),
        ("BLOBS_SHARED", "perhaps"),
        ("LEASES__WORKER_S", "long"),
        ("LEASES__WORKER_S", "0"),
        ("LOG_LEVEL", "loud"),
        ("PUBLIC_URL", "hub"),
        ("NODE_NAME", "x" * 201),
        ("HUB_CODE", "x" * 51),
        ("DATABASE_URL", "mysql://h"),
        ("DATABASE_URL", "postgresql://h:x"),
        ("LIMITS", "5"),
        ("NO_SUCH", "5"),
    ],
)
def test_every_reason_has_its_vietnamese(variable: str, value: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(environment={f"LIENTHONG_{variable}": value})
    (fault,) = caught.value.faults
    assert fault.reason.vi not in {OTHERWISE, fault.reason.en}


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.EISDIR, errno.ENOTDIR, errno.ENOSPC])
def test_what_the_system_says_is_told_in_vietnamese_too(number: int) -> None:
    reason = system_reason(OSError(number, os.strerror(number), "/srv/x"))
    assert reason.en == os.strerror(number)
    assert reason.vi != reason.en


def test_what_has_no_vietnamese_is_told_as_the_system_says_it() -> None:
    assert system_reason(OSError(errno.EXDEV, "odd")).vi == "odd"
    assert system_reason(TimeoutError()).en == "TimeoutError"
