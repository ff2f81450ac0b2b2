"""Messages in the dialects from before QCVN 102, as their writers made them."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from schemas.edxml.read import ReadEdxml, read
from schemas.split import MessageSplitter

PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
SOAP = """<?xml version="1.0" encoding="utf-8"?>
<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"
    xmlns:edXML="http://www.e-doc.vn/Schema/" xmlns:xlink="http://www.w3.org/1999/xlink">
  <SOAP-ENV:Header>
    <Token xmlns="http://e-doc.vn/xsd">khong-ai-duoc-thay</Token>
    <edXML:MessageHeader>
      <edXML:From><edXML:OrganId>000.00.13.H99</edXML:OrganId>
        <edXML:OrganName>Sở A</edXML:OrganName></edXML:From>
      <edXML:To><edXML:OrganId>000.00.31.H99</edXML:OrganId>
        <edXML:OrganName>Huyện B</edXML:OrganName></edXML:To>
      <edXML:DocumentId>1234</edXML:DocumentId>
      <edXML:Code><edXML:CodeNumber>02</edXML:CodeNumber>
        <edXML:CodeNotation>UBND-TTTH</edXML:CodeNotation></edXML:Code>
      <edXML:PromulgationInfo><edXML:Place>Thủ Dầu Một</edXML:Place>
        <edXML:PromulgationDate>12/05/2015</edXML:PromulgationDate></edXML:PromulgationInfo>
      <edXML:DocumentType><edXML:Type>2</edXML:Type>
        <edXML:TypeName>Công văn</edXML:TypeName></edXML:DocumentType>
      <edXML:Subject>V/v báo cáo tình hình triển khai</edXML:Subject>
      <edXML:OtherInfo><edXML:Priority>1</edXML:Priority></edXML:OtherInfo>
    </edXML:MessageHeader>
    <edXML:TraceHeaderList><edXML:TraceHeader><edXML:OrganId>000.00.13.H99</edXML:OrganId>
      <edXML:Timestamp>12/05/2015 08:30:00</edXML:Timestamp></edXML:TraceHeader></edXML:TraceHeaderList>
  </SOAP-ENV:Header>
  <SOAP-ENV:Body>
    <edXML:Manifest>
      <edXML:Reference xlink:href="cid:att1@e-doc.vn">
        <edXML:AttachmentName>cong-van.pdf</edXML:AttachmentName></edXML:Reference>
    </edXML:Manifest>
  </SOAP-ENV:Body>
</SOAP-ENV:Envelope>
"""
PAIR_HEADER = """<?xml version="1.0" encoding="utf-8"?>
<soap-env:Envelope xmlns:soap-env="http://schemas.xmlsoap.org/soap/envelope/"
    xmlns:edXML="http://www.e-doc.vn/Schema/" xmlns:xlink="http://www.w3.org/1999/xlink">
<soap-env:Header>
  <edXML:MessageHeader OriginalBodyRequested="false" ImmediateResponseRequired="true">
    <edXML:From><edXML:OrganId edXML:type="edXMLString">000.00.13.H99</edXML:OrganId>
      <edXML:OrganName>Sở A</edXML:OrganName></edXML:From>
    <edXML:To><edXML:OrganId edXML:type="edXMLString">000.00.31.H99</edXML:OrganId>
      <edXML:OrganName>Huyện B</edXML:OrganName></edXML:To>
    <edXML:DocumentId>
      77
    </edXML:DocumentId>
    <edXML:Code><edXML:CodeNumber>15</edXML:CodeNumber><edXML:CodeNotation>STTTT-VP</edXML:CodeNotation></edXML:Code>
    <edXML:PromulgationInfo><edXML:Place></edXML:Place><edXML:Date>2014/11/03</edXML:Date></edXML:PromulgationInfo>
    <edXML:type><value>2</value><description>Báo cáo</description></edXML:type>
    <edXML:Subject>Báo cáo tháng 10</edXML:Subject>
    <edXML:Author><edXML:Competence>KT.</edXML:Competence><edXML:Function>Phó Giám đốc</edXML:Function>
      <edXML:FullName>Nguyễn Văn Mẫu</edXML:FullName></edXML:Author>
    <edXML:OtherInfo><edXML:Secret>Thường</edXML:Secret>
      <edXML:Priority>Thượng khẩn</edXML:Priority></edXML:OtherInfo>
  </edXML:MessageHeader>
  <edXML:TraceHeaderList><edXML:TraceHeader>
    <edXML:Sender><edXML:OrganId>000.00.13.H99</edXML:OrganId></edXML:Sender>
    <edXML:Receiver><edXML:OrganId>000.00.31.H99</edXML:OrganId></edXML:Receiver>
    <edXML:Timestamp>2014-11-03T01:19:35Z</edXML:Timestamp>
  </edXML:TraceHeader></edXML:TraceHeaderList>
</soap-env:Header>
<soap-env:Body><edXML:Manifest/></soap-env:Body>
</soap-env:Envelope>
"""


def mime(
    *parts: tuple[str, bytes], envelope: str = SOAP, boundary: str = "Boundary", newline: bytes = b"\r\n"
) -> bytes:
    """A multipart/related body: the envelope, then (headers, content) of each attachment."""
    first = ("Content-Type: text/xml; charset=utf-8\nContent-ID: <Start>", envelope.encode())
    mark = b"--" + boundary.encode()
    out = [
        mark + newline + head.encode().replace(b"\n", newline) + newline * 2 + content + newline
        for head, content in (first, *parts)
    ]
    return b"".join(out) + mark + b"--" + newline


def attached(
    content: bytes = PDF, *, cid: str = "att1@e-doc.vn", encoding: str = "binary"
) -> tuple[str, bytes]:
    """One attachment part."""
    body = base64.encodebytes(content) if encoding == "base64" else content
    return f"Content-Type: application/pdf\nContent-Transfer-Encoding: {encoding}\nContent-ID: <{cid}>", body


def pair_attachments(*files: tuple[str, bytes], declare: bool = True) -> str:
    """The `*_Attachment.xml` of a pair; some writers forgot to bind the prefix."""
    bound = ' xmlns:edXML="http://www.e-doc.vn/Schema/"' if declare else ""
    inner = "".join(
        '<edXML:attachment Content-Type="application/zip" Content-Transfer-Encoding="base64">'
        f"<name>{name}</name><value>\n{base64.b64encode(content).decode()}\n</value></edXML:attachment>"
        for name, content in files
    )
    return f"<edXML:document{bound}><edXML:attach>{inner}</edXML:attach></edXML:document>"


def zipped(entries: Iterable[tuple[str, str | bytes]]) -> bytes:
    """A ZIP of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return out.getvalue()


def pair(header: str = PAIR_HEADER, attachments: str | None = None) -> bytes:
    """The ZIP of a pair."""
    entries = [("77_header.xml", header)]
    if attachments is not None:
        entries.append(("77_Attachment.xml", attachments))
    return zipped(entries)


def read_cut(data: bytes, spool: Path, sizes: Sequence[int] = (65_536,)) -> ReadEdxml:
    """Read a message fed in pieces of these sizes, over and over."""
    spool.mkdir(exist_ok=True)
    splitter = MessageSplitter(spool=spool)
    at = turn = 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        splitter.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    return read(splitter.close())
