"""Parts that documents and statuses share: organisations, staff, references to a document."""

from __future__ import annotations

import re
from typing import Final

from schemas.edxml.fields import Section
from schemas.edxml.model import Organization, ResponseFor, StaffInfo, normal_id

ORGANIZATION: Final = frozenset(
    {"OrganId", "OrganizationInCharge", "OrganName", "OrganAdd", "Email", "Telephone", "Fax", "Website"}
)
RESPONSE_FOR: Final = frozenset({"OrganId", "Code", "DocumentId", "PromulgationDate"})
STAFF: Final = frozenset({"Department", "DepartmentId", "Staff", "StaffId", "Mobile", "Email"})
_MAX_CODE: Final = 50
# Both code schemes, their mixed forms on the live axis, connection centres, tax-code ids of enterprises.
_USUAL_CODE: Final = re.compile(
    r"(?:\d{2,3}\.){0,3}[A-Z]\d{2}|[A-Z]\d{2}(?:\.[0-9A-Z]{2,3}){1,3}|\d{12,13}", re.ASCII
)


def read_organization(section: Section) -> Organization:
    """From or To; the caller judges a missing code."""
    organ_id = section.raw("OrganId").strip("\t\r\n")
    code = normal_id(organ_id)
    if code != organ_id:
        section.findings.add("spaces_stray", section.path, value="OrganId")
    if code and (len(code) > _MAX_CODE or _USUAL_CODE.fullmatch(code) is None):
        section.findings.add("organ_id_unusual", section.path, value=code)
    name = section.text("OrganName")
    if not name and code:
        section.findings.add("organ_name_missing", section.path)
    elif normal_id(name) != name:
        section.findings.add("spaces_stray", section.path, value="OrganName")
    return Organization(
        organ_id=organ_id,
        organization_in_charge=section.text("OrganizationInCharge"),
        organ_name=name,
        organ_add=section.text("OrganAdd"),
        email=section.text("Email"),
        telephone=section.text("Telephone"),
        fax=section.text("Fax"),
        website=section.text("Website"),
    )


def read_sender(header: Section) -> Organization:
    """The From of a message; the error `from_missing` is noted in the findings."""
    section = header.sub("From", single=ORGANIZATION)
    organization = read_organization(section) if section is not None else Organization(organ_id="")
    if not organization.code:
        header.findings.add("from_missing", f"{header.path}/From/OrganId")
    return organization


def read_staff(section: Section) -> StaffInfo:
    """A StaffInfo element."""
    return StaffInfo(
        department=section.text("Department"),
        department_id=section.text("DepartmentId"),
        staff=section.text("Staff"),
        staff_id=section.text("StaffId"),
        mobile=section.text("Mobile"),
        email=section.text("Email"),
    )


def read_response_for(section: Section) -> ResponseFor:
    """A ResponseFor element."""
    return ResponseFor(
        organ_id=section.identifier("OrganId"),
        code=section.identifier("Code"),
        document_id=section.identifier("DocumentId"),
        promulgation_date=section.date("PromulgationDate"),
    )
