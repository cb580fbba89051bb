"""Text folded for search, and user text embedded in sentences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from todo.text.display import quote_title, show_text
from todo.text.search_words import TITLE_END, fold_tag, fold_task, fold_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Café, BUY", ["cafe", "buy"]),
        ("", []),
        ("!?_-", []),
        ("snake_case e-mail", ["snake", "case", "e", "mail"]),
        ("Straße Ⅻ ﬁn", ["strasse", "xii", "fin"]),
        ("İstanbul", ["istanbul"]),
        ("e\u0301te\u0301", ["ete"]),
        ("買牛奶 now", ["買", "牛", "奶", "now"]),
        ("हिन्दी", ["हिन्दी"]),
        ("한국어 한글", ["한국어", "한글"]),
        ("12:30 v2.0", ["12", "30", "v2", "0"]),
        ("Łódź Øresund Đakovo", ["lodz", "oresund", "dakovo"]),
        ("Ǿ æsir Œuvre ısı", ["o", "aesir", "oeuvre", "isi"]),
        ("ไปซื้อของ", ["ไ", "ป", "ซื้", "อ", "ข", "อ", "ง"]),
        ("ສະບາຍດີ", ["ສ", "ະ", "ບ", "າ", "ຍ", "ດີ"]),
        ("C++ C# c++17 a+b eggs+milk #tag", ["c++", "c#", "c++", "17", "a", "b", "eggs", "milk", "tag"]),
    ],
)
def test_words_are_folded_without_case_and_accents(text: str, words: list[str]) -> None:
    assert fold_words(text) == words


@given(st.text())
def test_folding_is_stable_and_yields_neither_spaces_nor_the_separator(text: str) -> None:
    words = fold_words(text)
    assert all(word and " " not in word and TITLE_END not in word for word in words)
    assert fold_words(" ".join(words)) == words


def test_a_task_has_a_key_and_words_that_each_follow_a_space() -> None:
    assert fold_task("Buy MILK", "two bottles", ["Home", "à la carte"]) == (
        "buy milk",
        f" buy milk {TITLE_END} two bottles home a la carte ",
    )
    assert fold_task("Buy", "", []) == ("buy", f" buy {TITLE_END}  ")


def test_tags_are_compared_without_case_but_with_accents() -> None:
    assert fold_tag("Home") == fold_tag("ＨＯＭＥ") == "home"
    assert fold_tag("Straße") == fold_tag("STRASSE")
    assert fold_tag("Café") != fold_tag("cafe")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("línea", "línea"),
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("a\nb\u2028c", "a⟨U+000A⟩b⟨U+2028⟩c"),
        ("a\u200bb", "a⟨U+200B⟩b"),
        ("\U000e0041", "⟨U+E0041⟩"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("a\u200db", "a⟨U+200D⟩b"),
        ("\u200dé", "⟨U+200D⟩é"),
        ("é\u200d", "é⟨U+200D⟩"),
    ],
)
def test_invisible_characters_are_shown_by_their_code_points(text: str, shown: str) -> None:
    assert show_text(text) == shown


@given(st.text())
def test_the_end_of_a_quoted_title_is_unambiguous(title: str) -> None:
    quoted = quote_title(title)
    assert quoted[0] == quoted[-1] == '"'
    assert '"' not in quoted[1:-1]
    assert len(quoted.splitlines()) == 1
