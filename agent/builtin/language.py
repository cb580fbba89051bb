"""A language of the built-in commands: one file of words, sentences and answers."""

from functools import cache
from importlib import resources
from typing import Any

import yaml

from agent.builtin.sentences import Sentences
from agent.builtin.time_phrases import Phrases


class Language:
    """One language, from its file in `languages`."""

    def __init__(self, code: str) -> None:
        file = resources.files("agent.builtin") / "languages" / f"{code}.yaml"
        self.table: dict[str, Any] = yaml.load(file.read_text("utf-8"), Loader=_find_loader())  # noqa: S506 -- both are safe loaders
        self.reading: dict[str, Any] = self.table["reading"]
        self.phrases = Phrases(self.table)
        self.sentences = Sentences(self.table)

    def say(self, name: str, **values: Any) -> str:
        """Return an answer of the file, with values filled in."""
        text: str = self.table["answers"][name]
        return text.format(**values) if values else text

    def find_reply(self, intent: str) -> str | None:
        """Return the name of an intent's fixed answer, or None if it has none."""
        reply: str | None = self.table["intents"].get(intent, {}).get("reply")
        return reply

    def list_examples(self) -> dict[str, list[str]]:
        """Return the example sentences by group, in the file's order."""
        groups: dict[str, list[str]] = {}
        for intent in self.table["intents"].values():
            if intent["group"]:
                groups.setdefault(intent["group"], []).extend(intent["examples"])
        return groups


@cache
def load_language(code: str = "en") -> Language:
    """Return a language; its file is read once."""
    return Language(code)


def _find_loader() -> Any:
    # The C loader is ten times as fast, but not every build of the library has it.
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)
