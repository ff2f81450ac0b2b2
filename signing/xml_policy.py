"""The signature policy a XAdES signature commits to [EN 319 132-1 §5.2.8].

The policy document is rarely in the file. If it is (SignaturePolicyStore), its digest must match;
transforms on it other than canonicalisation cannot be reproduced. A policy that is only named is taken as
named.
"""

from __future__ import annotations

from signing.algorithms import digest
from signing.judgement import Judgement
from signing.messages import Code
from signing.xades import V141, Properties
from signing.xml_c14n import is_method
from signing.xmldsig import decode, digest_name, ds, text_of


def judge_policy(judgement: Judgement, read: Properties) -> None:
    """Compare the stated digest with the stored policy, where both are there."""
    identifier = read.first("SignaturePolicyId")
    if identifier is None:
        return
    if any(not is_method(t.get("Algorithm", "")) for t in identifier.iter(ds("Transform"))):
        return
    entry = identifier.find(f"{{{read.namespace}}}SigPolicyHash")
    if entry is None or read.unsigned is None:
        return
    method = entry.find(ds("DigestMethod"))
    name = digest_name(method.get("Algorithm") if method is not None else None)
    stated = decode(text_of(entry.find(ds("DigestValue"))))
    for store in read.unsigned.iter(f"{{{V141}}}SignaturePolicyDocument"):
        document = decode(text_of(store))
        if name and document is not None and digest(name, document) != stated:
            judgement.note(Code.SIGNATURE_POLICY_DIFFERS, detail=name)
