"""The kind of adapter `sftp`: the folder adapter on a server of the peer's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import asyncssh

from adapters.folder.handover import FolderExit
from adapters.folder.kind import common_problems, options_of, refuse, seconds, unknown_settings
from adapters.sftp.connection import SftpAccount, SftpConnection
from adapters.sftp.files import SftpFiles
from hub.ports.exits import Exit, SettingProblem
from hub.ports.records import SystemRecord

SFTP: Final = "sftp"
PASSWORD: Final = "password"  # noqa: S105 (a name)
PRIVATE_KEY: Final = "private_key"
KNOWN: Final = frozenset({"host", "port", "user", "path", "host_keys"})
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:-]{0,250}[A-Za-z0-9])?")
_USER: Final = re.compile(r"[^\s\x00-\x1f]{1,100}")
_PATH: Final = re.compile(r"/?[A-Za-z0-9][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9][A-Za-z0-9._-]{0,99}){0,9}|/")
_KEY: Final = re.compile(r"((?:sk-)?(?:ssh|ecdsa)-[A-Za-z0-9@.-]+)\s+([A-Za-z0-9+/=]{20,})")


class SftpKind:
    """Implements `ExitKind` for folders on an SFTP server."""

    name = SFTP
    secret_names: tuple[str, ...] = (PASSWORD, PRIVATE_KEY)

    def check(self, settings: Mapping[str, str]) -> tuple[SettingProblem, ...]:
        """Say what is wrong with settings."""
        problems = [*unknown_settings(settings, set(KNOWN)), *common_problems(settings)]
        if not _HOST.fullmatch(settings.get("host", "")):
            problems.append(
                _problem("host", "là tên hoặc địa chỉ máy chủ", "is the server's name or address")
            )
        port = settings.get("port", "22")
        if not (port.isascii() and port.isdecimal() and 0 < int(port) < 65_536):
            problems.append(_problem("port", "là số từ 1 đến 65535", "is 1 to 65535"))
        if not _USER.fullmatch(settings.get("user", "")):
            problems.append(_problem("user", "là tên tài khoản", "is the name of the account"))
        if not _PATH.fullmatch(settings.get("path", "")):
            problems.append(
                _problem(
                    "path",
                    "là thư mục gốc trên máy chủ, ví dụ “van-ban” hoặc “/van-ban”",
                    "is the root on the server, such as van-ban or /van-ban",
                )
            )
        if not _host_keys(settings.get("host_keys", "")):
            problems.append(
                _problem(
                    "host_keys",
                    "là khóa của máy chủ, như `ssh-keyscan` in ra; hai khóa khi đang thay",
                    "is the server's key as ssh-keyscan prints it; two while it is being changed",
                )
            )
        return tuple(problems)

    def open(
        self,
        system: SystemRecord,  # noqa: ARG002 (the settings say it all)
        settings: Mapping[str, str],
        secrets: Mapping[str, tuple[bytes, ...]],
    ) -> Exit:
        """Build the exit of a system; nothing is connected yet. Raises ValueError."""
        refuse(self.check(settings))
        keys = tuple(_private_key(key) for key in secrets.get(PRIVATE_KEY, ()))
        passwords = tuple(_text(password) for password in secrets.get(PASSWORD, ()))
        if not keys and not passwords:
            raise ValueError(f"{PASSWORD} or {PRIVATE_KEY}: one of these secrets is needed")
        host, port, user = settings["host"], int(settings.get("port", "22")), settings["user"]
        account = SftpAccount(
            host=host,
            port=port,
            user=user,
            host_keys=_host_keys(settings["host_keys"]),
            keys=keys,
            passwords=passwords,
            call_s=seconds(settings, "call_s"),
        )
        files = SftpFiles(SftpConnection(account), settings["path"])
        return FolderExit(files, options_of(settings, f"sftp://{user}@{host}:{port}/{settings['path']}"))


def _host_keys(text: str) -> tuple[asyncssh.SSHKey, ...]:
    # Lines of ssh-keyscan, of known_hosts or of a .pub file: the key is what looks like one.
    found = []
    for kind, data in _KEY.findall(text):
        try:
            found.append(asyncssh.import_public_key(f"{kind} {data}"))
        except asyncssh.KeyImportError:
            return ()
    return tuple(found)


def _private_key(content: bytes) -> asyncssh.SSHKey:
    try:
        return asyncssh.import_private_key(content)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError):
        raise ValueError(
            f"{PRIVATE_KEY}: not a private key without passphrase in OpenSSH or PEM form"
        ) from None


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{PASSWORD}: not UTF-8") from None


def _problem(name: str, vi: str, en: str) -> SettingProblem:
    return SettingProblem(name=name, vi=vi, en=en)
