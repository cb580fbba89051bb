"""`python3 run.py release`: makes and checks everything that is shipped."""

import os
import sys
import tomllib
from pathlib import Path
from typing import Annotated

import typer

from app.release.artefact import ReleaseFailed
from app.release.plan import PARTS, make_release
from app.settings import REPOSITORY


def release(
    into: Annotated[Path, typer.Option(help="The folder; what is in it is replaced.")] = REPOSITORY / "dist",
    only: Annotated[list[str] | None, typer.Option(help=f"Parts alone: {', '.join(PARTS)}.")] = None,
    without: Annotated[list[str] | None, typer.Option(help="All parts but these.")] = None,
) -> None:
    """Make the wheel, the image and all that goes with them into `dist/`, check each part, and write their sums.

    Exit code 1 if a part is wrong; with `CI=true` also if one could not be made or judged here.
    """
    unknown = sorted({*(only or ()), *(without or ())} - PARTS.keys())
    if unknown:
        typer.echo(f"There is no part {', '.join(unknown)}; there are: {', '.join(PARTS)}.", err=True)
        raise typer.Exit(2)
    parts = [name for name in (only or PARTS) if name not in (without or ())]
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    typer.echo(f"Evolution Todo {version}")
    try:
        is_good = make_release(into, version, parts, typer.echo, complete=os.environ.get("CI") == "true")
    except ReleaseFailed as why:
        sys.exit(str(why))
    if not is_good:
        sys.exit(1)


if __name__ == "__main__":
    typer.run(release)
