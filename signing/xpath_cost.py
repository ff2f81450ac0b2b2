"""What an XPath expression out of a signature may cost: it cannot be interrupted once it runs.

Counted is how many times over the expression may look at all of the document, and that against its size: two
bare steps to the children of the root, asked of each of twenty thousand nodes, took twenty seconds.
"""

from __future__ import annotations

import re

from lxml import etree

MAX_XPATH, MAX_XPATH_WORK, EXPRESSION_SHARE = 2_000, 5_000_000, 100
"""Characters of an expression, and nodes that it may have to look at: it cannot be interrupted."""
_WIDE = re.compile(
    r"//|\b(?:descendant|following|preceding)(?:-or-self|-sibling)?\s*::"
    r"|\b(?:string|contains|normalize-space|translate|concat|substring|starts-with|sum|id)\s*\("
)
# In a filter every node is the only one of its context; asked all at once, they are not.
_PLACE = re.compile(r"\b(?:position|last)\s*\(")
# What costs the same in a document of any size: words, and steps to the node itself, upwards, to attributes.
_STEP = (
    r"(?:@[\w.:*-]+|\b(?:self|parent|attribute|namespace|ancestor|ancestor-or-self)\s*::\s*"
    r"(?:\*|[\w.:-]+(?:\s*\(\s*\))?))"
)
_NEAR = re.compile(rf"""'[^']*'|"[^"]*"|(?:\bhere\s*\(\s*\)\s*/\s*)?{_STEP}(?:\s*/\s*{_STEP})*""")
_NEARBY = " § "
_COMPARED = re.compile(r"[<>=]")
_NEAR_COMPARED = re.compile(r"§\s*[!<>=]+\s*§")
_WORD = re.compile(r"[\w/.*:@-]+(\s*\()?")
_NO_PATH = re.compile(r"and|or|div|mod|[\d.]*\d[\d.]*|-+|[A-Za-z][\w-]*\s*\(")


def is_costly(text: str, apex: etree._Element, *, each: bool) -> bool:
    """Whether an expression could take long, by what it may look at in a document of this size.

    `each`: it is asked of every node by itself, as a filter is.
    """
    if len(text) > MAX_XPATH or _PLACE.search(text):
        return True
    elements = sum(1 for _ in apex.getroottree().iter())
    reach = max(len(_WIDE.findall(text)), _reach(text, each=each))
    # As a power it would be a number of thousands of digits.
    times = min(reach, 8) + (1 if each else 0)
    return (1 + len(text) // EXPRESSION_SHARE) * float(elements) ** times > MAX_XPATH_WORK


def _reach(text: str, *, each: bool) -> int:
    """How many times over an expression may look at all of the document.

    Paths that are put together are looked at one after another; compared, or inside a predicate, again and
    again.
    """
    rest = _NEAR.sub(_NEARBY, text)
    if each or _COMPARED.search(_NEAR_COMPARED.sub("", rest)):
        return _paths(rest)
    inside, depth = [], 0
    for letter in rest:
        depth += {"[": 1, "]": -1}.get(letter, 0)
        inside.append(letter if depth > 0 else " ")
    return min(1, _paths(rest)) + _paths("".join(inside))


def _paths(text: str) -> int:
    return sum(1 for word in _WORD.finditer(text) if not _NO_PATH.fullmatch(word.group()))
