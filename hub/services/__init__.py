"""Use cases: what the hub does, in terms of ports and pure knowledge."""
