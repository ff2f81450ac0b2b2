"""Options of trust: what verification asks of authorities over the network."""

from __future__ import annotations

from pydantic import Field

from hub.config.base import MIB, Count, Group, Seconds


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
