"""What a hub tells about itself: logs, metrics, and the failpoints that tests arm."""

from __future__ import annotations
