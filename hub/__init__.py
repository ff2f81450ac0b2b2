"""Liên thông: the e-document exchange and signing hub of a province."""

from __future__ import annotations

__version__ = "0.1.0"
