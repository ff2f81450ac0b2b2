"""Ports: the small Protocols through which use cases reach the outside.

Services know these and the pure packages, never a concrete class; `hub.bootstrap` chooses the
implementations. Every port with more than one implementation has a contract test class that each
implementation passes.
"""
