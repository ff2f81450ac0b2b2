"""The account under which the embedded PostgreSQL runs: PostgreSQL refuses to run as root.

An ordinary user runs it as itself. Root runs it as
1. the owner of the cluster, where one exists (it may have been made under another account),
2. `lienthong-pg`, a system account without shell or home, made where `useradd` is there to make it,
3. an existing account that serves no one, with the reason in the log: `postgres`, then `nobody`.
A bare number will not do: initdb looks its user up in the password database.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict

import structlog

from hub.config.reasons import Reason
from hub.embedded.errors import HomeUnusable

ACCOUNT_NAME: Final = "lienthong-pg"
FALLBACKS: Final = ("postgres", "nobody")
USERADD_TIMEOUT_S: Final = 30

_log = structlog.get_logger(__name__)


class Identity(TypedDict, total=False):
    """What `subprocess` is told so that a child becomes somebody else."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Whom the server runs as; `drop` when that is not who we are."""

    name: str
    uid: int
    gid: int
    drop: bool

    @property
    def identity(self) -> Identity:
        """What makes a child run as this account; nothing where it is our own."""
        return Identity(user=self.uid, group=self.gid, extra_groups=[]) if self.drop else Identity()


def choose_account(cluster: Path) -> Account:
    """Return the account for the cluster at `cluster`, which need not exist yet."""
    if os.geteuid() != 0:
        return Account(name=str(os.geteuid()), uid=os.geteuid(), gid=os.getegid(), drop=False)
    owner = _owner_of(cluster)
    if owner is not None:
        return owner
    existing = _named(ACCOUNT_NAME) or _made()
    if existing is not None:
        return existing
    for name in FALLBACKS:
        account = _named(name)
        if account is not None:
            _log.warning("postgres_account_shared", account=name, reason=f"{ACCOUNT_NAME} could not be made")
            return account
    raise HomeUnusable(
        cluster,
        Reason(
            "không có tài khoản nào để chạy PostgreSQL và không tạo được tài khoản mới",
            "no account to run PostgreSQL under, and none could be made",
        ),
    )


def _owner_of(cluster: Path) -> Account | None:
    try:
        uid = cluster.stat().st_uid
    except FileNotFoundError:
        return None
    if uid == 0:
        raise HomeUnusable(
            cluster,
            Reason(
                "thư mục thuộc root, mà PostgreSQL không chạy dưới tài khoản này",
                "it belongs to root, under which PostgreSQL does not run",
            ),
        )
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise HomeUnusable(
            cluster,
            Reason(f"thư mục thuộc tài khoản lạ {uid}", f"it belongs to the unknown account {uid}"),
        ) from None
    return Account(name=entry.pw_name, uid=uid, gid=entry.pw_gid, drop=True)


def _named(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid, drop=True) if entry.pw_uid else None


def _made() -> Account | None:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        return None
    command = [useradd, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    command += ["--shell", "/usr/sbin/nologin", "--comment", "Lien thong embedded PostgreSQL", ACCOUNT_NAME]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=USERADD_TIMEOUT_S)  # noqa: S603 (no input)
    except (OSError, subprocess.SubprocessError) as error:
        _log.warning("postgres_account_not_made", account=ACCOUNT_NAME, reason=str(error))
    else:
        _log.info("postgres_account_made", account=ACCOUNT_NAME)
    return _named(ACCOUNT_NAME)  # another hub may have made it at the same moment
