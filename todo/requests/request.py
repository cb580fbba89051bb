"""The base of every request, and the rules on which of its arguments go together."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from todo.errors import InvalidArguments


class Combination(Protocol):
    """A rule on several arguments of one request."""

    def check(self, request: BaseModel) -> None:
        """Raise `InvalidArguments` if the request breaks the rule."""

    def describe(self) -> str:
        """Return the rule as a sentence of the docs."""


def _list_given(request: BaseModel, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if getattr(request, name) is not None]


@dataclass(frozen=True, slots=True)
class ExactlyOne:
    """Of two arguments, one is given and the other is not."""

    one: str
    other: str
    advice: str = "Give one of the two."

    def check(self, request: BaseModel) -> None:
        """Raise `InvalidArguments` if both or neither are given."""
        if len(_list_given(request, (self.one, self.other))) != 1:
            raise InvalidArguments(f"Give exactly one of {self.one} and {self.other}.", self.advice)

    def describe(self) -> str:
        """Return the rule as a sentence of the docs."""
        return f"Exactly one of `{self.one}` and `{self.other}`."


@dataclass(frozen=True, slots=True)
class AtMostOne:
    """Of several arguments, at most one is given."""

    names: tuple[str, ...]
    advice: str = "Give one of the two."

    def check(self, request: BaseModel) -> None:
        """Raise `InvalidArguments` that names the first two that are given."""
        given = _list_given(request, self.names)
        if len(given) > 1:
            raise InvalidArguments(f"{given[0]} and {given[1]} exclude each other.", self.advice)

    def describe(self) -> str:
        """Return the rule as a sentence of the docs."""
        return f"At most one of {', '.join(f'`{name}`' for name in self.names)}."


@dataclass(frozen=True, slots=True)
class NotWith:
    """Arguments that do not go into one call with others."""

    names: tuple[str, ...]
    others: tuple[str, ...]
    advice: str

    def check(self, request: BaseModel) -> None:
        """Raise `InvalidArguments` that names the first of each side."""
        given, others = _list_given(request, self.names), _list_given(request, self.others)
        if given and others:
            raise InvalidArguments(f"{given[0]} and {others[0]} do not go into one call.", self.advice)

    def describe(self) -> str:
        """Return the rule as a sentence of the docs."""
        names, others = (", ".join(f"`{name}`" for name in each) for each in (self.names, self.others))
        return f"None of {names} together with any of {others}."


@dataclass(frozen=True, slots=True)
class Together:
    """Two arguments of which neither goes without the other."""

    one: str
    other: str
    advice: str

    def check(self, request: BaseModel) -> None:
        """Raise `InvalidArguments` if only one is given."""
        if len(_list_given(request, (self.one, self.other))) == 1:
            raise InvalidArguments(f"{self.one} and {self.other} go together.", self.advice)

    def describe(self) -> str:
        """Return the rule as a sentence of the docs."""
        return f"`{self.one}` and `{self.other}` go together."


@dataclass(frozen=True, slots=True)
class OnlyWith:
    """Arguments that go with another one alone."""

    names: tuple[str, ...]
    other: str
    advice: str

    def check(self, request: BaseModel) -> None:
        """Raise `InvalidArguments` if one of them is given without the other."""
        if getattr(request, self.other) is None and _list_given(request, self.names):
            go = "goes" if len(self.names) == 1 else "go"
            raise InvalidArguments(f"{' and '.join(self.names)} {go} with {self.other}.", self.advice)

    def describe(self) -> str:
        """Return the rule as a sentence of the docs."""
        return f"{', '.join(f'`{name}`' for name in self.names)} only with `{self.other}`."


@dataclass(frozen=True, slots=True)
class NotCleared:
    """What `clear` names is not given a value in the same call; `moved_by` is a second way to give one."""

    names: tuple[str, ...]
    moved_by: tuple[tuple[str, str], ...] = ()

    def check(self, request: BaseModel) -> None:
        """Raise `InvalidArguments` that names the field."""
        cleared = getattr(request, "clear", None) or ()
        for name, mover in self.moved_by:
            if name in cleared and getattr(request, mover) is not None:
                raise InvalidArguments(f"{name} is both moved and cleared.", "Give one of the two.")
        for name in self.names:
            if name in cleared and getattr(request, name):
                raise InvalidArguments(f"{name} is both given and cleared.", "Give one of the two.")

    def describe(self) -> str:
        """Return the rule as a sentence of the docs."""
        return "`clear` names no field that is given a value."


class Request(BaseModel):
    """What one call asks for; the base of every request model. `combinations` hold between its arguments."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)

    combinations: ClassVar[tuple[Combination, ...]] = ()


def check_combinations(request: Request) -> None:
    """Raise `InvalidArguments` if a request, or a request inside it, breaks one of its rules."""
    for combination in request.combinations:
        combination.check(request)
    for name in type(request).model_fields:
        inner = getattr(request, name)
        if isinstance(inner, Request):
            check_combinations(inner)
