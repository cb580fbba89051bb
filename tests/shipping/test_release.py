"""A release holds what it says, twice the same bytes, and a wrong part is seen."""

import copy
import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters

from app.release.artefact import Lacking, ReleaseFailed
from app.release.bundle import BUNDLE, PLUGIN, check_plugin, find_faults, read_constraints
from app.release.image import MOST_BYTES, check_image, pin_base, read_base
from app.release.papers import cut_section, read_lock
from app.release.plan import PARTS, SUMS, make_release
from app.release.wheel import ENTRIES, NEEDED, check_wheel
from app.release.workshop import find_uv
from app.settings import Settings
from infra.judge.bundles import provide_manifest_schema
from infra.live.cache import Say
from tests.architecture.ours import PACKAGES, PYPROJECT, ROOT
from tests.shipping.conftest import needing_tools

PROMISES = ("release",)

VERSION = PYPROJECT["project"]["version"]
LONG = pytest.mark.long("it builds what is shipped")
Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def schema(say: Say) -> dict[str, Any]:
    with needing_tools():
        return provide_manifest_schema("0.4", say)


def test_the_bundles_manifest_is_of_its_published_schema(schema: dict[str, Any]) -> None:
    assert find_faults(json.loads(BUNDLE.read_text("utf-8")), schema) == []


HARMS: dict[str, Callable[[Manifest], object]] = {
    "no name": lambda manifest: manifest.pop("name"),
    "an older schema": lambda manifest: manifest.update(manifest_version="0.3"),
    "a kind of server that is none": lambda manifest: manifest["server"].update(type="pip"),
    "no command": lambda manifest: manifest["server"]["mcp_config"].pop("command"),
    "a field without a title": lambda manifest: manifest["user_config"]["zone"].pop("title"),
    "a word that the schema does not know": lambda manifest: manifest.update(sensitve=True),
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_mistake_in_the_bundle_would_be_seen(schema: dict[str, Any], harm: str) -> None:
    manifest = json.loads(BUNDLE.read_text("utf-8"))
    HARMS[harm](manifest)
    assert find_faults(manifest, schema)


def test_the_bundles_fields_are_settings_and_secrets_are_hidden() -> None:
    manifest = json.loads(BUNDLE.read_text("utf-8"))
    given = manifest["server"]["mcp_config"]["env"]
    fields = {f"TODO_{name.upper()}": field for name, field in Settings.model_fields.items()}
    assert given.keys() <= fields.keys()
    for variable, value in given.items():
        field = manifest["user_config"][value.removeprefix("${user_config.").removesuffix("}")]
        assert not field["required"]
        assert field.get("sensitive", False) is (fields[variable].repr is False)


PLUGIN_HARMS: dict[str, Callable[[Manifest], object]] = {
    "a name with a space": lambda manifest: manifest.update(name="evolution todo"),
    "no server": lambda manifest: manifest.update(mcpServers={}),
    "a server without a command": lambda manifest: manifest["mcpServers"]["evolution-todo"].pop("command"),
    "an author who is a text": lambda manifest: manifest.update(author="us"),
    "another version": lambda manifest: manifest.update(version="9.9.9"),
    "another version that it starts": lambda manifest: manifest["mcpServers"]["evolution-todo"].update(args=["mcp"]),
}


def test_the_plugin_for_claude_code_is_of_its_published_shape() -> None:
    manifest = json.loads((PLUGIN / ".claude-plugin/plugin.json").read_text("utf-8"))
    assert check_plugin(manifest, VERSION) == []
    for harm in PLUGIN_HARMS.values():
        harmed = copy.deepcopy(manifest)
        harm(harmed)
        assert check_plugin(harmed, VERSION)


def test_the_locks_versions_hold_in_the_bundle() -> None:
    constraints = read_constraints()
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    assert [each.split(";")[0].strip() for each in constraints] == re.findall(r"^\S+==\S+", lock, re.MULTILINE)
    assert not [each for each in constraints if "--hash" in each or each.endswith("\\")]


def write_wheel(path: Path, **changes: str) -> Path:
    about = f"evolution_todo-{VERSION}.dist-info"
    metadata = {"Name": "evolution-todo", "Version": VERSION, "License-Expression": "MIT"} | changes
    with zipfile.ZipFile(path, "w") as archive:
        modules = [f"{name}/__init__.py" for name in PACKAGES]
        for name in (*NEEDED, *modules, "evolution_todo.py", "evolution_todo_pytest.py"):
            archive.writestr(name, "")
        archive.writestr(f"{about}/METADATA", "".join(f"{name}: {value}\n" for name, value in metadata.items()))
        archive.writestr(f"{about}/entry_points.txt", "\n".join(ENTRIES))
    return path


def test_a_wrong_wheel_is_seen(tmp_path: Path) -> None:
    check_wheel(write_wheel(tmp_path / "good.whl"), VERSION)
    with pytest.raises(ReleaseFailed, match="calls itself"):
        check_wheel(write_wheel(tmp_path / "other.whl", Version="9.9.9"), VERSION)
    for name, said in (("tests/test_a.py", "tests"), ("app/todo.db", "holds"), ("infra/compose/secrets/a", "holds")):
        wheel = write_wheel(tmp_path / "more.whl")
        with zipfile.ZipFile(wheel, "a") as archive:
            archive.writestr(name, "")
        with pytest.raises(ReleaseFailed, match=said):
            check_wheel(wheel, VERSION)


def test_the_changelog_speaks_of_this_version() -> None:
    assert cut_section((ROOT / "CHANGELOG.md").read_text("utf-8"), VERSION).startswith(f"## {VERSION}")
    text = "# Changelog\n\n## 2.0\n\n- Two.\n\n## 1.0\n\n- One.\n"
    assert cut_section(text, "2.0") == "## 2.0\n\n- Two.\n"
    assert cut_section(text, "1.0") == "## 1.0\n\n- One.\n"
    for missing in ("2", "3.0"):
        with pytest.raises(ReleaseFailed, match="says nothing"):
            cut_section(text.replace("- Two.", ""), "2.0" if missing == "2" else missing)


def test_light_parts_are_made_with_their_sums_and_twice_the_same(tmp_path: Path) -> None:
    said: list[str] = []
    parts = ("changelog", "claude-code", "asyncapi")
    for name in ("one", "two"):
        assert make_release(tmp_path / name, VERSION, parts, said.append, complete=True), said
    assert (tmp_path / "one" / SUMS).read_bytes() == (tmp_path / "two" / SUMS).read_bytes()
    checked = subprocess.run(["sha256sum", "--check", SUMS], cwd=tmp_path / "one", capture_output=True, check=False)
    assert checked.returncode == 0
    assert checked.stdout.count(b"OK") == len([each for each in (tmp_path / "one").rglob("*") if each.is_file()]) - 1


def test_what_fails_or_lacks_makes_no_good_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    assert not make_release(tmp_path / "a", "9.9.9", ("changelog",), said.append, complete=False)
    assert said[-2:] == ["  FAIL  changelog: CHANGELOG.md says nothing of 9.9.9", "  the release is not good"]
    assert make_release(tmp_path / "a", VERSION, ("mcpb",), said.append, complete=False), "said, and not made"
    assert "not made here" in said[-2]
    assert not make_release(tmp_path / "a", VERSION, ("mcpb",), said.append, complete=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").touch()
    with pytest.raises(ReleaseFailed, match="holds no release"):
        make_release(tmp_path / "mine", VERSION, (), said.append, complete=False)
    assert (tmp_path / "mine/letter.txt").exists()


Change = Callable[[Manifest, Manifest], object]
LABEL = "org.opencontainers.image."


def write_image(path: Path, base: str, change: Change = lambda *_: None) -> Path:
    """Write an archive of an image as buildah does, of two layers, after a change to its settings and its bill."""
    said = {"version": VERSION, "licenses": "MIT", "base.name": base, "revision": "a" * 40}
    labels = {f"{LABEL}{name}": value for name, value in said.items()}
    config = {"User": "10001:10001", "Volumes": {"/data": {}}, "Entrypoint": ["evolution-todo"], "Labels": labels}
    packages = read_lock() | {"evolution-todo": VERSION}
    bill: Manifest = {"components": [{"name": name, "version": version} for name, version in packages.items()]}
    change(config, bill)
    blobs: dict[str, bytes] = {}

    def keep(content: bytes) -> Manifest:
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return {"digest": f"sha256:{digest}"}

    files = ({"usr/share/evolution-todo/sbom.cdx.json": json.dumps(bill).encode()}, {"data": b""})
    layers = [keep(gzip.compress(write_tar(each))) for each in files]
    manifest = keep(json.dumps({"config": keep(json.dumps({"config": config}).encode()), "layers": layers}).encode())
    path.write_bytes(write_tar({"index.json": json.dumps({"manifests": [manifest]}).encode(), **blobs}))
    return path


def write_tar(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


IMAGE_HARMS: dict[str, tuple[Change, str]] = {
    "another version": (lambda config, _: config["Labels"].update({f"{LABEL}version": "9"}), "calls itself"),
    "no revision": (lambda config, _: config["Labels"].pop(f"{LABEL}revision"), "names no revision"),
    "root": (lambda config, _: config.pop("User"), "runs as root"),
    "no volume": (lambda config, _: config.pop("Volumes"), "keeps its data elsewhere"),
    "a shell": (lambda config, _: config.update(Entrypoint=["sh"]), "starts something else"),
    "a package of its own": (
        lambda _, bill: bill["components"].append({"name": "left-pad", "version": "1"}),
        "does not name: left-pad",
    ),
    "an older package": (lambda _, bill: bill["components"][0].update(version="0.0.1"), "does not name"),
    "a bill with gaps": (lambda _, bill: bill.update(components=bill["components"][10:]), "lacks packages"),
}


def test_a_wrong_image_is_seen(tmp_path: Path) -> None:
    base = f"r.example/python@sha256:{'0' * 64}"
    check_image(write_image(tmp_path / "good.tar", base), VERSION, base)
    for harm, said in IMAGE_HARMS.values():
        with pytest.raises(ReleaseFailed, match=said):
            check_image(write_image(tmp_path / "bad.tar", base, harm), VERSION, base)
    with pytest.raises(ReleaseFailed, match="calls itself"):
        check_image(tmp_path / "good.tar", VERSION, f"r.example/other@sha256:{'0' * 64}")
    (tmp_path / "large.tar").write_bytes(b"")
    os.truncate(tmp_path / "large.tar", MOST_BYTES + 1)
    with pytest.raises(ReleaseFailed, match="weighs 130 MB"):
        check_image(tmp_path / "large.tar", VERSION, base)


def test_a_base_is_taken_by_its_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for buildah says which digest a name has now."""
    (tmp_path / "buildah").write_text(f"#!/bin/sh\n[ $1 = pull ] || echo sha256:{'1' * 64}\n", "utf-8")
    (tmp_path / "buildah").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert pin_base(read_base()) == f"docker.io/library/python@sha256:{'1' * 64}"
    assert pin_base("localhost:5000/base") == f"localhost:5000/base@sha256:{'1' * 64}"
    pinned = f"docker.io/library/python:3.13-slim@sha256:{'2' * 64}"
    assert pin_base(pinned) == pinned
    (tmp_path / "buildah").write_text("#!/bin/sh\necho no network >&2; exit 1\n", "utf-8")
    with pytest.raises(Lacking, match="cannot be had; BASE names another"):
        pin_base(read_base())


@LONG
def test_the_whole_release_is_twice_the_same_and_its_bundle_serves(tmp_path: Path, say: Say) -> None:
    parts = [name for name in PARTS if name != "image"]
    for name in ("one", "two"):
        assert make_release(tmp_path / name, VERSION, parts, say, complete=True)
    assert (tmp_path / "one" / SUMS).read_bytes() == (tmp_path / "two" / SUMS).read_bytes()
    home = tmp_path / "bundle"
    with zipfile.ZipFile(tmp_path / "one" / f"evolution-todo-{VERSION}.mcpb") as archive:
        archive.extractall(home)  # noqa: S202  # a zip archive, whose names stay inside
    manifest = json.loads((home / "manifest.json").read_text("utf-8"))
    words = [each.replace("${__dirname}", str(home)) for each in manifest["server"]["mcp_config"]["args"]]
    # A host leaves the fields empty that a person left empty.
    given = dict.fromkeys(manifest["server"]["mcp_config"]["env"], "") | {"TODO_DATA_DIR": str(tmp_path / "data")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TODO_")}
    environment = {**kept, **given, "UV_SYSTEM_CERTS": "1"}
    server = StdioServerParameters(command=find_uv(), args=words, env=environment)

    async def ask() -> int:
        async with Client(server) as client:
            made = await client.call_tool("create_task", {"title": "Milk"})
            assert not made.is_error
            return len((await client.list_tools()).tools)

    assert anyio.run(ask) == 16
    assert (tmp_path / "data/todo.db").exists()
