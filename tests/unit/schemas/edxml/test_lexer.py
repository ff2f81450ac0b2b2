"""The lexer in front of the parser."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.edxml.lexer import JUNK_WINDOW, Lexer
from schemas.issues import EdxmlRefused
from schemas.limits import FormatLimits

LIMITS = FormatLimits(markup_bytes=1000)
XLINK = 'xmlns:xlink="http://www.w3.org/1999/xlink"'
EDXML = 'xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016"'


def run(text: str | bytes, step: int = 10_000, limits: FormatLimits = LIMITS) -> tuple[str, Lexer]:
    data = text.encode() if isinstance(text, str) else text
    lexer = Lexer(limits)
    out = b"".join(lexer.feed(data[at : at + step]) for at in range(0, len(data), step))
    return (out + lexer.feed(b"", final=True)).decode(), lexer


def code_of(text: str | bytes, step: int = 10_000) -> str:
    with pytest.raises(EdxmlRefused) as caught:
        run(text, step)
    return caught.value.code


EVERYTHING = (
    "<?xml version='1.0'?><!-- a > b --><edXML xmlns='u'><?pi x > y?>"
    '<e:b xmlns:e="v" c=\'>\' d="\'>">t</e:b>'
    "<!-- - -- > --><c/>Kính gửi 𠀀 &amp; <![CDATA[ <x> ]] > ]]]]><d>]]</d></edXML>\n"
)


@pytest.mark.parametrize("step", [1, 2, 3, 5, 8, 13, 10_000])
def test_everything_but_the_repairs_goes_through_wherever_it_is_cut(step: int) -> None:
    out, _ = run(EVERYTHING, step)
    out = out.replace("]]><![CDATA[", "")
    assert out == EVERYTHING.replace("<edXML ", f"<edXML {XLINK} {EDXML} ")


@pytest.mark.parametrize("step", [1, 4, 10_000])
def test_names_are_noted_with_their_literal_prefix(step: int) -> None:
    _, lexer = run(EVERYTHING, step)
    assert lexer.names() == {("", "edXML"), ("e", "b"), ("", "c"), ("", "d")}


@pytest.mark.parametrize("step", [1, 100, 10_000])
@pytest.mark.parametrize(("length", "accepted"), [(511, True), (512, False)])
@pytest.mark.parametrize("rest", [">", " b=''>", "/>"])
def test_the_length_of_a_name_is_bounded_wherever_it_is_cut(
    length: int, accepted: bool, rest: str, step: int
) -> None:
    text = "<a><" + "x" * length + rest + "y" * 1000
    if accepted:
        run(text, step)
    else:
        assert code_of(text, step) == "not_xml"


def test_names_beyond_counting_leave_a_mark() -> None:
    _, lexer = run("<a>" + "".join(f"<b{number}/>" for number in range(2_500)) + "</a>")
    assert (":", "From") in lexer.names()


@pytest.mark.parametrize("step", [1, 10_000])
@pytest.mark.parametrize("before", ["1212", "\n", "HTTP/1.1 200 OK\r\n\r\n", "x" * JUNK_WINDOW])
def test_junk_before_the_declaration_is_trimmed_and_counted(before: str, step: int) -> None:
    out, lexer = run(before + '<?xml version="1.0"?><a/>', step)
    assert out.startswith('<?xml version="1.0"?><a')
    assert lexer.junk_bytes == len(before)


def test_space_before_a_root_without_declaration_is_no_junk() -> None:
    assert run("\n  <a/>")[1].junk_bytes == 0


@pytest.mark.parametrize("step", [1, 10_000])
@pytest.mark.parametrize("text", ["", "no tag at all", "x" * (JUNK_WINDOW + 1) + "<a/>", "%PDF-1.4"])
def test_too_much_junk_is_not_xml(text: str, step: int) -> None:
    assert code_of(text, step) == "not_xml"


@pytest.mark.parametrize("step", [1, 10_000])
def test_the_declared_encoding_is_read(step: int) -> None:
    assert run("<?xml version='1.0' encoding='UTF-16LE'?><a/>", step)[1].declared_encoding == "utf-16le"


def test_an_instruction_that_starts_like_a_declaration_is_none() -> None:
    assert run('<?xml-stylesheet encoding="x"?><a/>')[1].declared_encoding == ""


@pytest.mark.parametrize("step", range(1, 12))
@pytest.mark.parametrize("text", ["<!DOCTYPE a><a/>", "<!doctype html><a/>", "<a><!DOCTYPE b></a>"])
def test_a_doctype_is_refused_wherever_it_is_cut(text: str, step: int) -> None:
    assert code_of(text, step) == "doctype_forbidden"


def test_a_doctype_in_a_comment_or_section_is_text() -> None:
    run("<a><!-- <!DOCTYPE a> --><![CDATA[<!DOCTYPE b>]]><?p <!DOCTYPE c>?></a>")


@pytest.mark.parametrize("text", ["<a><!ELEMENT b></a>", "<a><![INCLUDE[x]]></a>", "<a><" + "x" * 600])
def test_a_construct_that_is_no_tag_is_not_xml(text: str) -> None:
    assert code_of(text) == "not_xml"


@pytest.mark.parametrize("step", [7, 10_000])
@pytest.mark.parametrize(
    "text",
    [
        "<a b='" + "x" * 2000 + "'/>",
        "<a " + "b='' " * 500 + "/>",
        "<a" + " " * 2000 + "/>",
        "<a><!--" + "x" * 2000 + "--></a>",
        "<a><?p " + "x" * 2000 + "?></a>",
        "<a b='" + "x" * 2000,
    ],
)
def test_a_long_piece_of_markup_is_refused_before_its_end(text: str, step: int) -> None:
    assert code_of(text, step) == "skeleton_too_large"


@pytest.mark.parametrize("step", [100, 200, 1000])
def test_a_long_section_is_handed_on_in_parts(step: int) -> None:
    content = "Kính gửi ]] ]]]" * 500
    out, lexer = run(f"<a><![CDATA[{content}]]></a>", step)
    assert out.replace("]]><![CDATA[", "").endswith(f"><![CDATA[{content}]]></a>")
    assert max(len(part) for part in out.split("<![CDATA[")) <= step + 20
    assert lexer.markup_bytes < 1000


@pytest.mark.parametrize(
    ("text", "undeclared"),
    [
        ("<a><b xlink:href=''/></a>", {"xlink"}),
        (f"<a {XLINK}><b xlink:href=''/></a>", set()),
        (f"<a><b {XLINK} xlink:href=''/></a>", set()),
        (f"<a><b {XLINK}/><c xlink:href=''/></a>", {"xlink"}),
        (f"<a><b {XLINK}></b><c xlink:href=''/></a>", {"xlink"}),
        (f"<a><b {XLINK}><c><d xlink:href=''/></c></b></a>", set()),
        (f"<a><edXML:b {EDXML}/><edXML:c/></a>", {"edXML"}),
        (f"<a><edXML:b {EDXML}><edXML:c/></edXML:b></a>", set()),
        ("<a>xlink: edXML:</a>", set()),
        ("<a></a></a></a><b xlink:href=''>", {"xlink"}),
    ],
)
def test_the_use_of_an_undeclared_prefix_is_noted(text: str, undeclared: set[str]) -> None:
    assert run(text, 3)[1].undeclared() == undeclared


def test_a_root_that_declares_a_prefix_keeps_its_own_declaration() -> None:
    out, _ = run('<a xmlns:xlink = "mine"/>')
    assert out.count("xmlns:xlink") == 1


def test_pure_text_inside_an_element_is_known_as_such() -> None:
    lexer = Lexer(LIMITS)
    lexer.feed(b"<a><x:b>te")
    assert lexer.is_in_text_of(b"b")
    lexer.feed(b"xt<!-- ")
    assert not lexer.is_in_text_of(b"b")
    lexer.feed(b"--></x:b>")
    assert not lexer.is_in_text_of(b"b")


PARTS = "<a>", "</a>", "<", ">", "'", '"', "<!--", "-->", "<![CDATA[", "]]>", "]", "é", "x"


@given(st.lists(st.sampled_from(PARTS)))
def test_any_cutting_gives_the_same(parts: list[str]) -> None:
    text = "<r>" + "".join(parts)

    def outcome(step: int) -> str:
        try:
            return run(text, step)[0].replace("]]><![CDATA[", "")
        except EdxmlRefused as refused:
            return refused.code

    assert outcome(1) == outcome(3) == outcome(10_000)
