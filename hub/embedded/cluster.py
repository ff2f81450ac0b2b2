"""The folder of an embedded cluster: what lies where, who may read it, how it comes to be.

    <home>/postgres/            0711 when the server runs under an account of its own, else 0700
        owner.lock              flock of the hub that runs this home; its pid inside
        credentials.json        0600, two random passwords: the administrator's and the hub's
        data/                   0700, the server's account: the cluster
        data.new/               a cluster being made; renamed to data/ when it is whole and on the disk
        run/                    0700, the server's account: the socket, where its path is short enough
        socket                  where the socket is instead: a private random folder in /tmp
        server.log              what the server says

Process dies: before the rename the next start throws `data.new` away and begins again; after it the cluster
is whole. The passwords are on the disk before the cluster exists that wants them.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import stat
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from hub.config.reasons import Reason
from hub.embedded.account import Account
from hub.embedded.errors import CredentialsLost, HomeInUse, HomeUnusable

SOCKET_NAME: Final = ".s.PGSQL.5432"
SOCKET_PATH_MAX: Final = 107  # sockaddr_un.sun_path less its final NUL
LOG_KEPT_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Passwords of the two roles."""

    admin: str
    hub: str


class ClusterFolder:
    """`<home>/postgres`. Every method that can fail on the disk raises OSError unless it says otherwise."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / "postgres"
        self.data = self.root / "data"
        self.draft = self.root / "data.new"
        self.log = self.root / "server.log"
        self._run = self.root / "run"
        self._socket = self.root / "socket"
        self._credentials = self.root / "credentials.json"
        self._lock = self.root / "owner.lock"

    @property
    def exists(self) -> bool:
        """Say whether there is a whole cluster."""
        return (self.data / "PG_VERSION").is_file()

    @property
    def major(self) -> int:
        """Return the major version that made the cluster."""
        return int((self.data / "PG_VERSION").read_text().strip())

    def lock(self) -> int:
        """Make the folders and claim the home for this process; returns what to close to let go of it."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.root.mkdir(mode=0o700, exist_ok=True)
        if self.root.is_symlink() or self.root.stat().st_uid != os.geteuid():
            raise HomeUnusable(
                self.root, Reason("thư mục thuộc tài khoản khác", "it belongs to another account")
            )
        handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            written = os.pread(handle, 32, 0).strip()
            os.close(handle)
            raise HomeInUse(self.home, int(written) if written.isdigit() else None) from None
        except OSError:
            os.close(handle)
            raise
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        return handle

    def open_to(self, account: Account) -> None:
        """Let the server's account pass through this folder (names only, no listing), and no other folder."""
        self.root.chmod(0o711 if account.drop else 0o700)

    def credentials(self) -> Credentials:
        """Return the passwords; made, and on the disk, before there is a cluster. Raises CredentialsLost."""
        try:
            return Credentials(**json.loads(self._credentials.read_text()))
        except FileNotFoundError as error:
            if self.exists:
                raise CredentialsLost(self._credentials, error.strerror or "") from None
        except (ValueError, TypeError):
            if self.exists:
                raise CredentialsLost(self._credentials, "not as it was written") from None
        made = Credentials(admin=secrets.token_urlsafe(32), hub=secrets.token_urlsafe(32))
        write_durably(self._credentials, json.dumps(asdict(made)).encode())
        return made

    def new_draft(self, account: Account) -> None:
        """Make an empty folder for a cluster, in place of one that was never finished."""
        if self.draft.exists():
            shutil.rmtree(self.draft)
        self.draft.mkdir(mode=0o700)
        own(self.draft, account)

    def finish_draft(self) -> None:
        """Make the draft the cluster. initdb has fsynced what is inside."""
        if self.data.exists():  # without PG_VERSION: an empty or foreign folder
            self.data.rmdir()
        self.draft.rename(self.data)
        sync_folder(self.root)

    def socket_folder(self, account: Account) -> Path:
        """Return the private folder of the socket, made if need be."""
        if len(os.fsencode(self._run / SOCKET_NAME)) <= SOCKET_PATH_MAX:
            self._run.mkdir(mode=0o700, exist_ok=True)
            own(self._run, account)
            return self._run
        known = self.known_socket_folder()
        if known is not None:
            return known
        made = Path(tempfile.mkdtemp(prefix="lt-", dir="/tmp"))
        own(made, account)
        write_durably(self._socket, os.fsencode(made))
        return made

    def known_socket_folder(self) -> Path | None:
        """Return where the socket of a server started earlier is; None if nowhere, or not private any more.

        Whoever could put a socket of his own in that place would be told the hub's password.
        """
        if len(os.fsencode(self._run / SOCKET_NAME)) <= SOCKET_PATH_MAX:
            folder = self._run
        else:
            try:
                folder = Path(os.fsdecode(self._socket.read_bytes()))
            except FileNotFoundError:
                return None
        try:
            info, owner = folder.lstat(), self.data.stat().st_uid
        except FileNotFoundError:
            return None
        private = stat.S_ISDIR(info.st_mode) and info.st_uid == owner and not info.st_mode & 0o077
        return folder if private else None

    def clear_socket(self) -> None:
        """Remove the socket of a server that is gone, and the lock file beside it."""
        folder = self.known_socket_folder()
        if folder is not None:
            for name in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):
                (folder / name).unlink(missing_ok=True)

    def drop_socket_folder(self, folder: Path) -> None:
        """Remove a socket folder outside the home once the server is gone."""
        if folder == self._run:
            return
        with suppress(OSError):  # what is left is an empty folder in /tmp
            folder.rmdir()
            self._socket.unlink()

    def open_log(self) -> int:
        """Open the server's log for appending; a long one is put aside first."""
        with suppress(FileNotFoundError):
            if self.log.stat().st_size > LOG_KEPT_BYTES:
                self.log.replace(self.log.with_suffix(".log.1"))
        return os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def own(folder: Path, account: Account) -> None:
    """Give one of our own folders to the server's account."""
    if account.drop:
        os.chown(folder, account.uid, account.gid, follow_symlinks=False)


def write_durably(path: Path, content: bytes) -> None:
    """Replace a small private file so that after a power cut it is the old one or the new one."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with open(handle, "wb") as file:  # noqa: PTH123 (a descriptor)
            file.write(content)
            file.flush()
            os.fsync(handle)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Put a folder's entries on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
