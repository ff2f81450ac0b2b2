"""Signing and verifying: what a signature says, whether it holds, and how ours are made.

Floor 0 of the project: knows files, certificates and keys, and nothing of agencies, documents or the hub.
Entrances: `signing.verify.verify_file`, `signing.pades.sign_pdf`, `signing.devpki.DevPki`,
`signing.command.run_verify`.
"""
