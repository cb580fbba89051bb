"""The one place where raw JSON arguments become a request: lenient in form, strict in meaning."""

import math
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from functools import cache, partial
from types import NoneType, UnionType
from typing import Annotated, Any, Generic, NamedTuple, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, from_json, to_json

from todo.errors import InvalidArguments
from todo.requests.request import Request, check_combinations
from todo.requests.synonyms import NEAR_NAMES, SYNONYMS

MAX_DEPTH, MAX_ECHO, MAX_PROBLEMS = 32, 60, 5

_FLAGS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_NOT_GIVEN: Any = object()
_WANTED = {"string": "a text", "list": "a list", "tuple": "a list", "dict": "an object", "model": "an object"}

Path = tuple[str | int, ...]


R = TypeVar("R", bound=Request)


@dataclass(frozen=True, slots=True)
class Arguments(Generic[R]):
    """A validated request, and what the caller should know about how it was read."""

    request: R
    warnings: tuple[str, ...]


def read_arguments(model: type[R], raw: object) -> Arguments[R]:
    """Read raw JSON arguments into a request of `model`.

    A model inside a request may have a classmethod `from_text(text: str) -> dict`, which reads a bare text. Raises
    `InvalidArguments` with every problem of the call (the first five in words);
    `details["fields"]` has one sentence per field.
    """
    if not isinstance(raw, dict):
        raise InvalidArguments(
            f"The arguments must be an object, not {_show_value(raw)}.", "Send a JSON object.", fields={}
        )
    reading = _Reading()
    if reading.check_safe(raw, ()):
        values = _read_fields(_plan_model(model), raw, (), reading)
        try:
            request = model.model_validate(values)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                # A problem of the whole may only follow from the problem of a part.
                if detail["loc"] or not reading.places:
                    reading.refuse(detail["loc"], partial(_say_invalid, detail))
        if not reading.places:
            check_combinations(request)
            return Arguments(request, tuple(reading.warnings))
    raise reading.refusal()


@cache
def describe_model(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema of a model without titles, null unions, references or the model's own docstring.

    Tools, REST and the conversation share it, so it is not to be changed: made for each it was half of a start.
    """
    schema = model.model_json_schema()
    lean: dict[str, Any] = _trim_schema(schema, schema.get("$defs", {}), ())
    lean.pop("description", None)
    return {"properties": {}, **lean, "additionalProperties": False}


class _Reading:
    """The findings of reading one call: all places with a problem, words for the first of them, and warnings."""

    def __init__(self) -> None:
        self.places: set[Path] = set()
        self.fields: dict[str, str] = {}
        self.warnings: list[str] = []

    def refuse(self, path: Path, problem: str | Callable[[], str]) -> None:
        """Note a place's first problem; a callable is only called if the problem will be shown."""
        if path not in self.places:
            self.places.add(path)
            if len(self.places) <= MAX_PROBLEMS:
                name = _name_path(path)
                self.fields[name] = f'"{name}" {problem if isinstance(problem, str) else problem()}'

    def check_safe(self, value: object, path: Path) -> bool:
        """Return whether all texts and numbers in a value can be stored; walks without recursion."""
        found = len(self.places)
        stack: list[tuple[Any, Path]] = [(value, path)]
        while stack:
            value, path = stack.pop()
            if not isinstance(value, dict | list | tuple):
                if (flaw := _find_flaw(value)) is not None:
                    self.refuse(path, f"{flaw}.")
                continue
            if len(path) >= MAX_DEPTH:
                self.refuse(path[:1], f"is nested deeper than {MAX_DEPTH} levels.")
                return False
            for key in value if isinstance(value, dict) else ():
                flaw = _find_flaw(key) if isinstance(key, str) else "is no text"
                if flaw is not None:
                    self.refuse((*path, key if isinstance(key, str) else _show_value(key)), f"{flaw}, as a name.")
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            stack.extend([(item, (*path, key)) for key, item in pairs][::-1])
        return len(self.places) == found

    def refusal(self) -> InvalidArguments:
        """Return all problems as one refusal."""
        more = len(self.places) - MAX_PROBLEMS
        sentence = " ".join(self.fields.values()) + (f" And {more} more." if more > 0 else "")
        return InvalidArguments(sentence, "Nothing was done; correct this and call again.", fields=self.fields)


Reader = Callable[[Any, Path, _Reading], Any]
"""Brings a value, outer blanks dropped, into its field's form; what it cannot read it notes and returns as it is."""


class _Plan(NamedTuple):
    fields: dict[str, tuple[bool, Reader]]
    clearable: tuple[str, ...]


@cache
def _plan_model(model: type[BaseModel]) -> _Plan:
    fields: dict[str, tuple[bool, Reader]] = {}
    for name, field in model.model_fields.items():
        fields[field.alias or name] = (field.is_required(), _choose_reader(field.annotation))
    clear = fields["clear"][1] if "clear" in fields else None
    choice = clear.item if isinstance(clear, _ListReader) else None
    return _Plan(fields, choice.values if isinstance(choice, _ChoiceReader) else ())


def _choose_reader(annotation: Any) -> Reader:
    origin, arguments = get_origin(annotation) or annotation, get_args(annotation)
    if origin is Annotated:
        return _choose_reader(arguments[0])
    if origin in (Union, UnionType):
        members = [each for each in arguments if each is not NoneType]
        return _choose_reader(members[0] if len(members) == 1 else Any)
    if origin is list or (origin is tuple and arguments[1:] == (...,)):
        return _ListReader(_choose_reader(arguments[0] if arguments else Any))
    if origin is dict:
        return _read_json
    if isinstance(origin, type) and issubclass(origin, BaseModel):
        return _ModelReader(origin)
    if isinstance(origin, type) and issubclass(origin, Enum):
        arguments = tuple(each.value for each in origin)
    if arguments and all(isinstance(each, str) for each in arguments):
        return _ChoiceReader(arguments)
    return _READERS.get(origin, lambda value, _path, _reading: value)


def _read_fields(plan: _Plan, raw: dict[str, Any], path: Path, reading: _Reading) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in raw.items():
        here = (*path, name)
        if name not in plan.fields:
            reading.refuse(here, partial(_say_unknown, name, plan))
            continue
        required, reader = plan.fields[name]
        if isinstance(value, str) and not (value := value.strip()):
            # Models send empty strings by accident: nothing may be emptied by one.
            clear = f'left as it is; to empty it, use clear=["{name}"]'
            how = clear if name in plan.clearable else "taken as not given"
            if required:
                reading.refuse(here, "is empty.")
            else:
                reading.warnings.append(f'"{_name_path(here)}" was empty and so {how}.')
            continue
        if value is not None and (value := reader(value, here, reading)) is not _NOT_GIVEN:
            values[name] = value
    return values


def _read_text(value: Any, _path: Path, _reading: _Reading) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return str(int(value) if value == int(value) and abs(value) < 2**63 else value)


def _read_number(value: Any, path: Path, reading: _Reading, whole: bool = False) -> Any:
    number = value
    if isinstance(value, str):
        with suppress(ValueError):
            number = from_json(value, allow_inf_nan=False)
    if whole and isinstance(number, float) and number.is_integer():
        number = int(number)
    if isinstance(number, bool) or not isinstance(number, int if whole else int | float):
        reading.refuse(path, _say_type("a whole number" if whole else "a number", value))
    elif (flaw := _find_flaw(number)) is not None:
        reading.refuse(path, f"{flaw}.")
    return number


def _read_flag(value: Any, path: Path, reading: _Reading) -> Any:
    flag = _FLAGS.get(value.casefold()) if isinstance(value, str) else None
    if flag is None and not (isinstance(value, int | float) and value in (0, 1)):
        reading.refuse(path, _say_type("true or false", value))
    return value if flag is None else flag


def _read_json(value: Any, path: Path, reading: _Reading, opening: str = "{") -> Any:
    if not isinstance(value, str) or not value.startswith(opening):
        return value
    try:
        parsed = from_json(value, allow_inf_nan=False)
    except ValueError:
        # A text that only looks like JSON stays a text: "[urgent] call" is a good tag.
        return value
    # What was inside a text has not been looked at yet.
    return parsed if reading.check_safe(parsed, path) else _NOT_GIVEN


_read_whole = partial(_read_number, whole=True)
_READERS: dict[Any, Reader] = {str: _read_text, bool: _read_flag, int: _read_whole, float: _read_number}


class _ChoiceReader:
    """Reads one of some words, in any case, with hyphen, blank or underscore, or by a synonym."""

    def __init__(self, values: tuple[str, ...]) -> None:
        self.values = values
        self.words = {_fold(each): each for each in values}
        for each, synonyms in SYNONYMS.get(frozenset(values), {}).items():
            self.words |= dict.fromkeys(synonyms.split(), each)

    def __call__(self, value: Any, path: Path, reading: _Reading) -> Any:
        text = _read_text(value, path, reading)
        if text in self.values:
            return text
        word = self.words.get(_fold(text)) if isinstance(text, str) else None
        if word is None:
            reading.refuse(path, partial(self._say_wrong, value))
        return word or value

    def _say_wrong(self, value: Any) -> str:
        text = f"must be one of {', '.join(self.values)}, not {_show_value(value)}"
        near = get_close_matches(_fold(value[:MAX_ECHO]), self.words, 1) if isinstance(value, str) else []
        return f'{text}; did you mean "{self.words[near[0]]}"?' if near else f"{text}."


class _ListReader:
    """Reads a list, a JSON text of one, or a single value as a list of one."""

    def __init__(self, item: Reader) -> None:
        self.item = item

    def __call__(self, value: Any, path: Path, reading: _Reading) -> Any:
        value = _read_json(value, path, reading, "[")
        if value is _NOT_GIVEN or (isinstance(value, dict) and not isinstance(self.item, _ModelReader)):
            return value
        given = [each for each in (value if isinstance(value, list | tuple) else [value]) if each is not None]
        if value and not given:
            # A list of nothing but nulls says nothing; taken as empty it would empty the field.
            return _NOT_GIVEN
        return [self._read_item(each, (*path, at), reading) for at, each in enumerate(given)]

    def _read_item(self, value: Any, path: Path, reading: _Reading) -> Any:
        value = value.strip() if isinstance(value, str) else value
        return reading.refuse(path, "is empty.") if value == "" else self.item(value, path, reading)


class _ModelReader:
    """Reads an object with fields of its own, a JSON text of one, or a text that its model understands."""

    def __init__(self, model: type[BaseModel]) -> None:
        self.model = model

    def __call__(self, value: Any, path: Path, reading: _Reading) -> Any:
        value = _read_json(value, path, reading)
        if isinstance(value, str) and (from_text := getattr(self.model, "from_text", None)) is not None:
            try:
                value = from_text(value)
            except ValueError as error:
                reading.refuse(path, f"cannot be read: {error}.")
        return _read_fields(_plan_model(self.model), value, path, reading) if isinstance(value, dict) else value


def _fold(text: str) -> str:
    return re.sub(r"[\s_-]+", "_", text.casefold())


def _find_flaw(value: object) -> str | None:
    if isinstance(value, str):
        if "\0" in value:
            return "holds a NUL character"
        return "holds half of a surrogate pair" if not value.isascii() and _SURROGATE.search(value) else None
    if isinstance(value, float):
        return None if math.isfinite(value) else "must be a finite number"
    if isinstance(value, int):
        return None if -(2**63) <= value < 2**63 else "is a whole number beyond 64 bits"
    return None if value is None else "is not a JSON value"


def _show_text(text: str, limit: int) -> str:
    # isprintable() is false for controls, bidi marks, lone surrogates and every blank but the space.
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _show_value(value: object) -> str:
    if isinstance(value, str):
        return f'"{_show_text(value, MAX_ECHO - 2)}"'
    if value is None or isinstance(value, int | float):
        return to_json(value).decode() if _find_flaw(value) is None else "a number out of bounds"
    return (
        "an object"
        if isinstance(value, dict)
        else "a list"
        if isinstance(value, list | tuple)
        else "something that is not JSON"
    )


def _name_path(path: Path) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part[:MAX_ECHO]}" for part in path)
    return _show_text(text.removeprefix("."), MAX_ECHO) or "arguments"


def _say_type(wanted: str, value: object) -> str:
    return f"must be {wanted}, not {_show_value(value)}."


def _say_unknown(name: str, plan: _Plan) -> str:
    snake = _fold(name[:MAX_ECHO].strip())
    near = [each for each in plan.fields if each == snake or snake in NEAR_NAMES.get(each, "").split()]
    near += get_close_matches(snake, plan.fields, 1, 0.7)
    near += [each for each in plan.fields if len(snake) >= 3 and each.startswith(snake)]
    known = ", ".join(plan.fields) or "none"
    return f'is not an argument; did you mean "{near[0]}"?' if near else f"is not an argument; allowed: {known}."


def _say_invalid(detail: ErrorDetails) -> str:
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "missing":
        return "is missing."
    if kind.endswith(("too_long", "too_short")):
        unit = "characters" if isinstance(value, str) else "items"
        bound = f"at most {context['max_length']}" if kind.endswith("long") else f"at least {context['min_length']}"
        return f"has {len(value)} {unit}; {bound} are allowed." if value else "is empty."
    if kind == "string_pattern_mismatch":
        return _say_type(f"of the form {context['pattern']}", value)
    if kind == "value_error":
        return f"is refused: {str(context['error']).rstrip('.')}."
    if kind.removesuffix("_type") in _WANTED:
        return _say_type(_WANTED[kind.removesuffix("_type")], value)
    before, found, wanted = _show_text(detail["msg"], 200).partition("Input should be ")
    return _say_type(wanted, value) if found else f"is refused: {before}."


def _trim_schema(schema: dict[str, Any], definitions: dict[str, Any], above: tuple[str, ...]) -> dict[str, Any]:
    """Return a schema without what a reader can do without; `above` holds the models that it stands in."""
    noise = ("title", "$defs", "default" if schema.get("default") is None else "")
    schema = {key: value for key, value in schema.items() if key not in noise}
    if "$ref" in schema:
        known = schema.pop("$ref").rpartition("/")[2]
        # A model inside itself has no end: there, any object is said to do.
        inner = {"type": "object"} if known in above else definitions[known]
        return _trim_schema({**inner, **schema}, definitions, (*above, known))
    if "anyOf" in schema:
        trimmed = [_trim_schema(each, definitions, above) for each in schema.pop("anyOf") if each != {"type": "null"}]
        return {**trimmed[0], **schema} if len(trimmed) == 1 else {"anyOf": trimmed, **schema}
    for key, value in schema.items():
        if key == "properties":
            schema[key] = {name: _trim_schema(each, definitions, above) for name, each in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            schema[key] = _trim_schema(value, definitions, above)
    return schema
