"""Adapters: how systems outside the province's hub are spoken to, and simulated ones for trying it out."""
