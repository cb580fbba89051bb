"""The certainty that a task which was found is the one that a person means."""

import re

_WORDS = re.compile(r"\w+(?:'\w+)?")
_LIST = re.compile(r", | and | & |\+|/| plus ")
_SMALL = frozenset(("the", "a", "an", "my", "our", "to", "for", "of", "some", "at", "in", "on", "up", "with"))


def is_certain(caution: str, said: str, title: str) -> bool:
    """Return whether to act on a task without asking.

    `caution` is empty (always), `whole` (the words are the whole title), `list` (they may be a part of a title, but
    not of a list of things), `verb pay` (the title is the verb and these words), or an answer to ask in any case.
    """
    words, known = _list_words(said), _list_words(title)
    if not caution or said.casefold() == title.casefold():
        return caution != "delete_it"
    if caution == "whole":
        return words == known
    if caution == "list":
        return words == known or not _LIST.search(title)
    kind, _, verb = caution.partition(" ")
    wanted = {*_list_words(verb), *words}
    return kind == "verb" and bool(words) and not _LIST.search(title) and wanted <= known and _begins(title, verb)


def _list_words(text: str) -> set[str]:
    return {word for word in _WORDS.findall(text.casefold()) if word not in _SMALL}


def _begins(title: str, verb: str) -> bool:
    return bool(verb) and title.casefold().startswith(verb)
