"""Checks and helpers for those who work on the code; not part of the product."""

from __future__ import annotations
