"""A NUL is shown as its symbol, and nothing else of a text or of a JSON document is touched."""

from __future__ import annotations

import json

from hypothesis import example, given
from hypothesis import strategies as st

from morningline.kit.nul import show_nul, show_nul_in_json

TEXT = st.text(st.sampled_from('\0\\"u0a␀\n') | st.characters(codec="utf-8"), max_size=20)


@given(text=TEXT)
@example("\\u0000")
@example("\\\0\\\\u0000")
def test_json_shows_what_the_text_shows(text: str):
    for ascii_only in (True, False):
        assert json.loads(show_nul_in_json(json.dumps([text], ensure_ascii=ascii_only))) == [show_nul(text)]


@given(text=TEXT)
def test_no_nul_is_left_and_all_else_stays(text: str):
    assert "\0" not in show_nul(text)
    assert "␀".join(text.split("\0")) == show_nul(text)
