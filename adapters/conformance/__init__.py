"""Judging a vendor's system by what it does: calls are recorded on their way to the hub."""
