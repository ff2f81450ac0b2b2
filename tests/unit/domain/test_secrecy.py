from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.secrecy import NOT_SECRET, PAGE_FIELD, Mark, find_mark, find_mark_on_page

TEXT_FIELDS = ("Subject", "Content", "SphereOfPromulgation")
NOTATIONS = ("CodeNotation", "TyperNotation", "CodeNumber", "MessageHeader/Code/CodeNotation")
SECRET_ELEMENTS = ("Secret", "OtherInfo.Secret", "edXML:OtherInfo/edXML:Secret", "other_info.secret", "DoMat")


def mark_of(field: str, value: str) -> Mark | None:
    found = find_mark([(field, value)])
    return None if found is None else found.mark


MARKED = [
    ("MẬT", Mark.MAT),
    ("TỐI MẬT", Mark.TOI_MAT),
    ("TUYỆT MẬT", Mark.TUYET_MAT),
    ("  MẬT\n", Mark.MAT),
    ("TỐI\u00a0MẬT", Mark.TOI_MAT),
    ("TỐI  \t MẬT", Mark.TOI_MAT),
    ("M\u200bẬT", Mark.MAT),
    ("\ufeffTUYỆT MẬT", Mark.TUYET_MAT),
    (unicodedata.normalize("NFD", "TUYỆT MẬT"), Mark.TUYET_MAT),
    ("MA\u0323\u0302T", Mark.MAT),
    ("MA\u0302\u0323T", Mark.MAT),
    ("MẬT.", Mark.MAT),
    ("* TỐI MẬT *", Mark.TOI_MAT),
    ("“MẬT”", Mark.MAT),
    ("(MẬT)", Mark.MAT),
    ("MẬT - HỎA TỐC", Mark.MAT),
    ("HOẢ TỐC / TỐI MẬT", Mark.TOI_MAT),
    ("KHẨN, MẬT", Mark.MAT),
    ("[MẬT] V/v bổ nhiệm cán bộ", Mark.MAT),
    ("(TỐI MẬT) Kế hoạch diễn tập", Mark.TOI_MAT),
    ("{TUYỆT MẬT} Phương án", Mark.TUYET_MAT),
    (" [ MẬT ]V/v", Mark.MAT),
    ("<MẬT> Báo cáo", Mark.MAT),
    ("【MẬT】Báo cáo", Mark.MAT),
    ("（MẬT） Báo cáo", Mark.MAT),  # full-width brackets
    ("[MẬT - KHẨN] Báo cáo", Mark.MAT),
]

CLEAN = [
    "",
    "   ",
    "-",
    "V/v thử nghiệm liên thông văn bản",
    "V/v bảo mật hệ thống thông tin",
    "Bảo mật",
    "BẢO MẬT",
    "BẢO MẬT THÔNG TIN",
    "AN TOÀN, BẢO MẬT",
    "BẢO-MẬT",
    "[BẢO MẬT] V/v cập nhật phần mềm",
    "BÍ MẬT",
    "BÍ MẬT NHÀ NƯỚC",
    "V/v tập huấn bảo vệ bí mật nhà nước",
    "Danh mục tài liệu MẬT",
    "V/v giải mật tài liệu TỐI MẬT",
    "MẬT ONG",
    "MẬT ONG RỪNG U MINH",
    "[MẬT ONG] Hội chợ nông sản",
    "MẬT TRẬN",
    "MẶT TRẬN TỔ QUỐC VIỆT NAM",
    "MẶT",
    "Mặt trận",
    "MẤT",
    "MÂT",
    "MAT",
    "TOI MAT",
    "Mật",
    "mật",
    "Tối mật",
    "[Mật] V/v",
    "MẬT ĐỘ DÂN SỐ",
    "MẬT KHẨU",
    "MẬT MÃ",
    "MẬT VỤ",
    "ĐƯỜNG MẬT",
    "TÚI MẬT",
    "SỎI MẬT",
    "V/v khám túi mật [MẬT]",
    "TRỰC MẬT",
    "THÂN MẬT",
    "HỎA TỐC",
    "KHẨN",
    "[KHẨN] V/v phòng chống bão",
    "MẬT ONG - KHẨN",
    "MẬT VÀ SÁP ONG",
    "TUYỆT",
    "TỐI",
    "TUYỆT MẬT ONG",
    "GẤU - MẬT",
    "MẬT/ONG",
    "XEM XONG TRẢ LẠI",
    "LƯU HÀNH NỘI BỘ",
    "Lưu hành nội bộ",
    "Liên thông văn bản",
]


@pytest.mark.parametrize(("value", "mark"), MARKED)
def test_a_mark_alone_or_bracketed_at_the_start_is_seen(value: str, mark: Mark) -> None:
    assert [mark_of(field, value) for field in TEXT_FIELDS] == [mark] * len(TEXT_FIELDS)


@pytest.mark.parametrize("value", CLEAN)
def test_ordinary_words_are_no_mark(value: str) -> None:
    for field in TEXT_FIELDS:
        assert mark_of(field, value) is None
        assert mark_of(field, unicodedata.normalize("NFD", value)) is None


@pytest.mark.parametrize(
    ("value", "mark"),
    [
        ("MẬT", Mark.MAT),
        ("UBND-MẬT", Mark.MAT),
        ("MẬT/UBND-VP", Mark.MAT),
        ("12/BC-TỐI MẬT", Mark.TOI_MAT),
        ("QĐ-UBND-TUYỆT  MẬT", Mark.TUYET_MAT),
        ("QĐ-UBND(MẬT)", Mark.MAT),
        ("UBND–MẬT", Mark.MAT),
        ("KH_MẬT", Mark.MAT),
        (unicodedata.normalize("NFD", "UBND-MẬT"), Mark.MAT),
    ],
)
def test_a_mark_as_a_token_of_a_notation_is_seen(value: str, mark: Mark) -> None:
    assert [mark_of(field, value) for field in NOTATIONS] == [mark] * len(NOTATIONS)


ORDINARY_NOTATIONS = [
    *("", "VPCP-TTĐT", "UBND-MẬT TRẬN", "MTTQ-BTT", "MẶT TRẬN-BTT", "UBND-VP", "BMNN", "TVC", "VT", "CĐ-TƯ"),
    *("QĐ-BẢO-MẬT", "KH-BẢO MẬT", "BÍ-MẬT", "UBND-Mật", "UBND-mật", "HĐ-MẬTONG", "UBNDMẬT", "MẬT ONG-HTX"),
]


@pytest.mark.parametrize("value", ORDINARY_NOTATIONS)
def test_an_ordinary_notation_is_no_mark(value: str) -> None:
    assert mark_of("CodeNotation", value) is None


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("MẬT.pdf", Mark.MAT),
        ("MẬT.signed.pdf", Mark.MAT),
        ("TỐI MẬT.DOCX", Mark.TOI_MAT),
        ("[MẬT] công văn 12.pdf", Mark.MAT),
        ("(TUYỆT MẬT)12.pdf", Mark.TUYET_MAT),
        (r"C:\văn bản\MẬT.pdf", Mark.MAT),
        ("MẬT", Mark.MAT),
    ],
)
def test_a_mark_in_a_files_name_is_seen(name: str, mark: Mark) -> None:
    assert mark_of("AttachmentName", name) is mark
    assert mark_of("attachment_name", name) is mark


ORDINARY_NAMES = [
    *("vanban.pdf", "bao mat.pdf", ".pdf", "MẬT ONG.pdf", "MẬT.ONG.pdf", "MẬT_ONG.pdf", "MẬT MÃ.docx"),
    *("BẢO MẬT.pdf", "BẢO_MẬT.pdf", "GIẢI MẬT.pdf", "Mật.pdf", "TÀI LIỆU MẬT.pdf"),
]


@pytest.mark.parametrize("name", ORDINARY_NAMES)
def test_an_ordinary_file_name_is_no_mark(name: str) -> None:
    assert mark_of("AttachmentName", name) is None


@pytest.mark.parametrize(
    ("value", "mark"),
    [
        ("1", Mark.STATED),
        ("true", Mark.STATED),
        ("Mật", Mark.MAT),
        ("mật", Mark.MAT),
        ("TỐI MẬT", Mark.TOI_MAT),
        ("tuyệt  mật", Mark.TUYET_MAT),
        ("Có", Mark.STATED),
        ("A", Mark.STATED),
        ("3", Mark.STATED),
        ("lưu hành hạn chế", Mark.STATED),
    ],
)
def test_an_element_that_states_secrecy_counts_with_any_meaning_value(value: str, mark: Mark) -> None:
    assert [mark_of(field, value) for field in SECRET_ELEMENTS] == [mark] * len(SECRET_ELEMENTS)


@pytest.mark.parametrize(
    "value", [*sorted(NOT_SECRET), " 0 ", "00", "0.0", "False", "THƯỜNG", "Không.", "\u200b"]
)
def test_an_element_that_states_no_secrecy_is_no_mark(value: str) -> None:
    assert mark_of("OtherInfo.Secret", value) is None
    assert mark_of("OtherInfo.Secret", unicodedata.normalize("NFD", value)) is None


def test_the_first_field_with_a_mark_is_named_and_nothing_of_its_content() -> None:
    found = find_mark([("Subject", "Kế hoạch"), ("Content", "[MẬT] Hồ sơ của A"), ("CodeNotation", "X-MẬT")])
    assert found is not None
    assert (found.field, found.mark.label) == ("Content", "MẬT")
    assert "Hồ sơ" not in repr(found)


@pytest.mark.parametrize(
    ("line", "mark"),
    [
        ("MẬT", Mark.MAT),
        ("  TỐI MẬT  ", Mark.TOI_MAT),
        ("M Ậ T", Mark.MAT),
        ("T U Y Ệ T   M Ậ T", Mark.TUYET_MAT),
        ("| MẬT |", Mark.MAT),
        (unicodedata.normalize("NFD", "TUYỆT MẬT"), Mark.TUYET_MAT),
    ],
)
def test_a_line_of_the_page_that_is_only_a_mark_is_seen(line: str, mark: Mark) -> None:
    found = find_mark_on_page(["ỦY BAN NHÂN DÂN", line, "Số: 12/UBND-VP"])
    assert found is not None
    assert (found.field, found.mark) == (PAGE_FIELD, mark)


def test_a_page_that_speaks_of_secrets_is_no_secret() -> None:
    page = [
        "ỦY BAN NHÂN DÂN     CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
        "Số: 12/UBND-VP",
        "V/v bảo vệ bí mật nhà nước",
        "MẬT ONG",
        "Tài liệu đóng dấu MẬT, TỐI MẬT, TUYỆT MẬT phải được gửi theo đường riêng.",
        "Mật",
        "HỎA TỐC",
        "",
    ]
    assert find_mark_on_page(page) is None


@pytest.mark.parametrize("before", ["QUY CHẾ BẢO", "TÀI LIỆU BÍ", "VỀ VIỆC GIẢI", "PHẪU THUẬT TÚI"])
def test_a_broken_line_of_a_title_is_no_mark(before: str) -> None:
    assert find_mark_on_page([before, "", "MẬT"]) is None
    assert find_mark_on_page([before, "TỐI MẬT"]) is not None


def test_a_mark_in_the_brackets_of_a_line_is_not_a_line_that_is_only_a_mark() -> None:
    assert find_mark_on_page(["[MẬT] trong danh mục"]) is None


def test_a_field_of_megabytes_is_read_at_its_ends_only() -> None:
    assert mark_of("Content", "[MẬT] " + "a" * 2_000_000) is Mark.MAT
    assert mark_of("Content", "a" * 2_000_000) is None
    assert mark_of("Content", " " * 2_000_000 + "MẬT") is Mark.MAT
    assert mark_of("CodeNotation", "A-" * 500_000 + "MẬT") is Mark.MAT


@given(
    st.text(alphabet="ABCĐEGHIK abcđ,.;()[]-/", max_size=80), st.sampled_from([*TEXT_FIELDS, "CodeNotation"])
)
def test_text_without_the_letter_of_the_marks_is_never_one(text: str, field: str) -> None:
    assert mark_of(field, text) is None


@given(st.text(max_size=60), st.text(max_size=20))
def test_no_text_makes_the_search_fail(text: str, field: str) -> None:
    find_mark([(field, text), ("CodeNotation", text), ("AttachmentName", text), ("Secret", text)])
    find_mark_on_page([text])
