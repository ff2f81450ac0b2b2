"""Brokers behind the `Broker` port: in-process for the embedded default."""
