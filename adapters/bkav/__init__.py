"""The Bkav eDoc REST dialect, served by the hub."""
