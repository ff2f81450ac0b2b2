"""A message as exchanges write it anew: the same words in other bytes. [national format, 1.2, 3.6]"""

from __future__ import annotations

import random
import re

from lxml import etree

NAMESPACE = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
SIGNATURE = b"<Signature><SignedInfo/><SignatureValue>bm8=</SignatureValue></Signature>"
_E = f"{{{NAMESPACE}}}"


def rewritten(body: bytes, chance: random.Random) -> bytes:
    """Return the message written anew, each habit of the exchanges by chance."""
    root = etree.fromstring(body)
    header = root.find(f".//{_E}MessageHeader")
    assert header is not None
    traces = root.find(f".//{_E}TraceHeaderList")
    if chance.random() < 0.5:
        _to_the_end(header, "ToPlaces")
    if traces is not None:
        _rewrite_traces(traces, chance)
    if chance.random() < 0.5:
        etree.indent(root)
    text = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    if chance.random() < 0.5:
        text = text.replace(b"\n", b"\r\n")
    if traces is not None and chance.random() < 0.3:
        text = text.replace(b"</edXML:edXMLHeader>", SIGNATURE + b"</edXML:edXMLHeader>", 1)
    if chance.random() < 0.2:
        text = re.sub(rb"<edXML:Reference>", b'<edXML:Reference xlink:href="cid:1">', text)
    if chance.random() < 0.2:
        text = text.replace(b"ContentType>application/pdf<", b"ContentType>text/plain<")
    if chance.random() < 0.15:
        text = b"\x00\x17\x2a\x01" + text
    return text


def _rewrite_traces(traces: etree._Element, chance: random.Random) -> None:
    business = traces.find(f"{_E}Bussiness")
    if business is not None:
        kind = business.findtext(f"{_E}BussinessDocType")
        if kind == "0" and chance.random() < 0.3:
            traces.remove(business)
        elif chance.random() < 0.5:
            traces.append(business)
    for name in ("null", None, "00.00.W00"):
        if chance.random() < 0.4:
            hop = etree.SubElement(traces, f"{_E}TraceHeader")
            if name is not None:
                etree.SubElement(hop, f"{_E}OrganId").text = name
            etree.SubElement(hop, f"{_E}Timestamp").text = f"2026/11/02 08:{chance.randrange(60):02}:00"


def _to_the_end(parent: etree._Element, name: str) -> None:
    child = parent.find(f"{_E}{name}")
    if child is not None:
        parent.append(child)
