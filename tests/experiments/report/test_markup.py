"""Every text is escaped, JSON cannot end its script element, numbers read well."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.report.markup import (
    Markup,
    element,
    escape,
    json_text,
    number,
    span_text,
    table,
)


@given(st.text())
def test_escaped_text_holds_no_character_that_html_reads(text):
    shown = escape(text)
    assert not set("<>\"'") & set(shown)
    assert "&" not in shown.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "").replace(
        "&quot;", ""
    ).replace("&#x27;", "")


@given(st.text())
def test_json_reads_back_and_holds_no_tag(text):
    shown = json_text({"name": text})
    assert "<" not in shown and ">" not in shown
    assert json.loads(shown) == {"name": text}


def test_markup_is_not_escaped_twice_and_attributes_are_quoted():
    made = element("b", Markup("<i>x</i>"), "<y>", title='a"b', hidden=True, class_=None)
    assert made == '<b title="a&quot;b" hidden><i>x</i>&lt;y&gt;</b>'


def test_json_has_null_where_a_number_is_missing():
    assert json.loads(json_text([math.nan, math.inf, 1.5])) == [None, None, 1.5]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (0.012345, "0.0123"),
        (1000.0, "1000"),
        (1234.5, "1234"),
        (-2.5, "−2.5"),
        (math.nan, "–"),
        (2e-5, "2.00×10^−5"),
    ],
)
def test_numbers_keep_three_digits(value, shown):
    assert number(value) == shown
    assert span_text(value, value) == f"{shown} to {shown}"


def test_table_marks_columns_of_numbers_and_escapes_cells():
    made = table(["name", "value"], [["<b>", 1.5]], caption="units: mL", right=[1])
    assert "&lt;b&gt;" in made and '<th scope="col" class="number">value</th>' in made
    assert '<td class="number">1.5</td>' in made and "<figcaption>units: mL</figcaption>" in made
