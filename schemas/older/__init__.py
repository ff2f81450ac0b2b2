"""Dialects from before QCVN 102:2016, read and never written.

Two of them are still met: the SOAP messages of the e-doc.vn exchange (`soap`, with attachments as MIME parts:
`mime`), and the pair of files of the 512/BTTTT era in one ZIP (`pair`). Each is taken apart into the skeleton
that the reader of QCVN 102 knows (`translate`), so that rules, limits and refusals are the same for all.
A recipient never gets such a message as it was sent but the strict rendition. [QCVN 102:2016]
"""
