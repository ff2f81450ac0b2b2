"""edXML messages of QCVN 102:2016/BTTTT: splitting, reading and writing.

Bytes -> `split` (streaming; attachments go to files, the rest becomes a small skeleton) -> `read` (skeleton
into frozen models, with findings) -> `write` (models into the one strict dialect). `model` holds the types.
"""
