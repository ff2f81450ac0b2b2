"""What can be wrong with an administrator's order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hub.services.verification_facts import parse_policy

NAME_MOST: Final = 200


class RegistryError(Exception):
    """Root of what can be wrong with an administrator's order; `code` is stable, texts say what to do."""

    def __init__(self, code: str, vi: str, en: str) -> None:
        super().__init__(f"{code}: {en}")
        self.code = code
        self.vi = vi
        self.en = en


def system_unknown(name: str) -> RegistryError:
    """Return the error that no system has a name."""
    return RegistryError(
        "system_unknown",
        f"Không có phần mềm tên “{name}”. Xem danh sách bằng lệnh `lienthong system list`.",
        f"There is no system {name!r}: `lienthong system list` shows all.",
    )


def check_name(name: str) -> None:
    """Raise RegistryError `system_name_invalid` unless people can read a system's name and tell it apart."""
    if not 0 < len(name) <= NAME_MOST or name != name.strip() or not name.isprintable():
        raise RegistryError(
            "system_name_invalid",
            f"Tên phần mềm có từ 1 đến {NAME_MOST} ký tự in được, không bắt đầu hay kết thúc bằng dấu cách.",
            f"A system's name has 1 to {NAME_MOST} printable characters, with no blank at either end.",
        )


def check_policy(policy: Sequence[tuple[str, str]]) -> None:
    """Raise RegistryError `policy_invalid` unless an acceptance policy can be made of these settings."""
    try:
        parse_policy(policy)
    except ValueError as error:
        raise RegistryError(
            "policy_invalid",
            "Chính sách không hợp lệ: on_failed và on_other_signer là hold, refuse hoặc warn; "
            "on_missing và on_indeterminate là warn hoặc hold.",
            "The policy cannot be used: on_failed and on_other_signer are hold, refuse or warn; "
            "on_missing and on_indeterminate are warn or hold.",
        ) from error
