"""Settings of trust turned into what verifying processes are given."""

from __future__ import annotations

from hub.config import Settings
from signing.addresses import AddressRules
from signing.online import OnlineRules


def online_rules(settings: Settings) -> OnlineRules:
    """What may be asked of authorities, whether or not it is asked."""
    chosen = settings.revocation
    return OnlineRules(
        addresses=AddressRules(
            hosts=frozenset(h.strip(".").lower() for h in chosen.hosts),
            allow_private=chosen.allow_private,
            ports=frozenset(chosen.ports),
        ),
        fetch_seconds=chosen.fetch_s,
        document_seconds=chosen.document_s,
        document_fetches=chosen.document_fetches,
        list_bytes=chosen.list_bytes,
        nonce=chosen.nonce,
        cache_folder=settings.authorities_cache_path,
    )
