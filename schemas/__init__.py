"""The national document format: pure codecs between bytes and frozen models.

Nothing here knows the hub: no clock, no network, no settings. Files are written only into the spool
folder that the caller gives. All XML of the project is parsed by `schemas.safe_xml`.
"""
