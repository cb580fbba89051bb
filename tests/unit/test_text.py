"""Text folded for search, and user text embedded in sentences."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from todo.text.display import quote_title, show_text
from todo.text.normal import normalize
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


HOSTILE = {
    "marks in turn": "a" + "\u0301\u0316" * 9_999,
    "marks that decompose": "a" + "\u0344\u0316" * 9_999,
    "marks that are made by NFKD": "a" + "\uff9e\u0301" * 9_999,
    "many short runs": ("a" + "\u0301\u0316" * 5) * 1_800,
    "ligatures of eighteen letters": "\ufdfa" * 20_000,
    "Hebrew points": "\u05d0" + "\u05b0\u0591" * 9_999,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_x15_no_text_takes_much_longer_to_fold_than_an_ordinary_one_of_its_length(name: str) -> None:
    def measure(text: str) -> float:
        spent = []
        for _ in range(5):
            begun = time.process_time()
            fold_task("title", text, [])
            fold_tag(text)
            spent.append(time.process_time() - begun)
        return min(spent)

    assert measure(HOSTILE[name]) < 10 * measure("é " * 10_000), "cut, it is two or three times; whole, fifty"


def test_x15_words_are_found_whatever_hangs_on_their_letters() -> None:
    assert fold_words("Zalgo" + "\u0301\u0316" * 5_000 + " ends here") == [
        "zalgo",
        *fold_words("\u0316"),
        "ends",
        "here",
    ]
    assert fold_words("שָׁל֥וֹם") == fold_words("שָׁל֥וֹם "), "Hebrew with points and accents keeps them"
    for form in ("NFC", "NFKC", "NFKD"):
        text = "e\u0323\u0302\u0301 각 ﬁ \u05e9\u05c1\u05b8 " + "\u0bb8\u0bcd\u0bb0\u0bc0"
        assert normalize(form, text) == unicodedata.normalize(form, text)


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
