"""Options of trust: what verification asks of authorities over the network."""

from __future__ import annotations

import re
from typing import Final

from pydantic import Field, field_validator

from hub.config.base import MIB, Count, Group, Seconds
from hub.config.reasons import refusal

_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


class Revocation(Group):
    """What verification may ask of certification authorities over the network, and how long that may take."""

    online: bool = Field(
        default=True,
        description="Ask OCSP responders, lists and issuers' certificates that certificates name. Without it "
        "only what is in the file and in the trust folder counts.",
    )
    fetch_s: Seconds = Field(5, description="Longest wait for one answer.")
    document_s: Seconds = Field(15, description="Longest wait for all answers about one document.")
    document_fetches: Count = Field(12, description="Most requests for one document.")
    list_bytes: Count = Field(20 * MIB, description="Largest revocation list that is fetched.")
    hosts: tuple[str, ...] = Field(
        (),
        description="Hosts, with all below them, that alone may be asked. Empty: any public host.",
    )
    allow_private: bool = Field(
        default=False,
        description="Ask addresses of private networks and of this machine too; best together with `hosts`.",
    )
    ports: tuple[int, ...] = Field(
        (80, 443, 8080, 8443), description="Ports that may be asked. Empty: any port."
    )
    nonce: bool = Field(default=True, description="Send a nonce with OCSP requests.")

    @field_validator("hosts")
    @classmethod
    def _names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        # What is no name matches no host, and would silently shut all of them out.
        if not all(_HOST.fullmatch(host) for host in value):
            raise refusal(
                "phải là tên máy, cách nhau bằng dấu phẩy", "must be names of hosts, comma-separated"
            )
        return value
