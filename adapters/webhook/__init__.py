"""The adapter `webhook`: the hub posts each document to an address of the recipient's system."""
