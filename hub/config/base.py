"""What all groups of settings are made of."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from hub.config.reasons import refusal

KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB

# A host, perhaps an IPv6 address in brackets, and perhaps its port.
_PORT: Final = re.compile(
    r"(\[[^]]*\]|[^:]*)(:(|0*[1-9]\d{0,3}|0*[1-5]\d{4}|0*6[0-4]\d{3}|0*65[0-4]\d\d|0*655[0-2]\d|0*6553[0-5]))?"
)

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]


class Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


def require_address(value: SecretStr | None, schemes: tuple[str, ...]) -> SecretStr | None:
    """Refuse a secret address of another kind, and one whose ports are no ports."""
    if value is None:
        return value
    address = value.get_secret_value()
    if not address.startswith(schemes):
        raise refusal(
            f"phải bắt đầu bằng {' hoặc '.join(schemes)}", f"must begin with {' or '.join(schemes)}"
        )
    hosts = re.split(r"[/?#]", address.partition("://")[2], maxsplit=1)[0].rpartition("@")[2].split(",")
    hosts += [f":{port}" for port in re.findall(r"[?&]port=([^&#]*)", address)]
    if not all(_PORT.fullmatch(host) for host in hosts):
        raise refusal("cổng phải là số từ 1 đến 65535", "a port is a number from 1 to 65535")
    return value
