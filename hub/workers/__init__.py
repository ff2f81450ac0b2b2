"""The hub's own motion: named loops that call use cases, and the processes that verify signatures."""
