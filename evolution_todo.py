"""The installed command: it starts the product where it has an environment of its own, and else says what to do."""

import gc
import sys
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

PACKAGES = ("agent", "app", "events", "infra", "todo", "tools")
REMEDY = (
    "Install it with `uvx evolution-todo` or `pipx install evolution-todo`: each gives it an environment of its own."
)


def find_clashes(home: Path) -> list[str]:
    """Return our packages that are not ours here: found elsewhere first, or shared with files of another package."""
    return [name for name in PACKAGES if not _is_ours(name, home)]


def _is_ours(name: str, home: Path) -> bool:
    spec = PathFinder.find_spec(name)
    places = list((spec and spec.submodule_search_locations) or ())
    if [Path(place).resolve() for place in places] != [home / name]:
        return False
    try:
        installed = distribution("evolution-todo").files or []
    except PackageNotFoundError:
        return True  # run from its sources
    known = {path.parts[1] for path in installed if path.parts[0] == name and len(path.parts) > 1}
    # An editable install lists none of its files.
    return not known or {each.name for each in (home / name).iterdir()} <= known | {"__pycache__"}


def main() -> None:
    """Run the command line, or end with a sentence."""
    clashes = find_clashes(Path(__file__).parent.resolve())
    if clashes:
        sys.exit(f"evolution-todo shares this environment with other packages named {', '.join(clashes)}. {REMEDY}")
    # Nothing that is made while the program is imported is garbage: without passes over it, it starts a fifth sooner.
    gc.disable()
    from app.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
