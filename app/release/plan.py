"""The parts of a release in their order, and the sums of their files."""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from app.release.artefact import Artefact, Lacking, ReleaseFailed, Say
from app.release.bundle import make_bundle, make_plugin
from app.release.image import make_image
from app.release.papers import make_asyncapi, make_bill, make_entry, make_news, make_openapi
from app.release.wheel import make_wheel
from infra.live.programs import LiveError

Make = Callable[[Path, str, Say], Artefact]
PARTS: dict[str, Make] = {
    "changelog": make_news,
    "wheel": make_wheel,
    "mcpb": make_bundle,
    "claude-code": make_plugin,
    "registry": make_entry,
    "asyncapi": make_asyncapi,
    "openapi": make_openapi,
    "sbom": make_bill,
    "image": make_image,
}
SUMS = "SHA256SUMS"


def make_release(folder: Path, version: str, parts: Sequence[str], say: Say, *, complete: bool) -> bool:
    """Make the parts into an emptied folder and say of each how it went; return whether the release is good.

    What this machine lacks the programs for is named; with `complete` it makes the release bad. Raises `ReleaseFailed`
    for a folder that holds something else than a release.
    """
    empty(folder)
    files: list[Path] = []
    is_good = True
    for name in parts:
        try:
            made = PARTS[name](folder, version, say)
        except Lacking as why:
            say(f"  -     {name}: not made here: {why}")
            is_good &= not complete
            continue
        except (ReleaseFailed, LiveError) as why:
            say(f"  FAIL  {name}: {why}")
            is_good = False
            continue
        files += made.files
        say(f"  ok    {name}: {', '.join(each.name for each in made.files[:3])}; judged by {made.judged_by}")
        if made.lacking:
            say(f"  -     {name}: {made.lacking}")
            is_good &= not complete
    write_sums(folder, files)
    say(f"  ok    {SUMS}: {len(files)} files in {folder}" if is_good else "  the release is not good")
    return is_good


def empty(folder: Path) -> None:
    """Make a folder, or empty one that holds an earlier release; raises `ReleaseFailed` for any other."""
    if folder.exists():
        if any(folder.iterdir()) and not (folder / SUMS).exists():
            raise ReleaseFailed(f"{folder} holds no release: name an empty folder with --into")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / SUMS).touch()


def write_sums(folder: Path, files: Sequence[Path]) -> None:
    """Write the sums of the files as `sha256sum --check` reads them."""
    lines = [f"{hashlib.sha256(each.read_bytes()).hexdigest()}  {each.relative_to(folder)}\n" for each in sorted(files)]
    (folder / SUMS).write_text("".join(lines), "utf-8")
