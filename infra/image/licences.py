"""The list of licences of an image, from its bill of materials (CycloneDX)."""

import json
import sys
from pathlib import Path
from typing import Any

UNSAID = {"protobuf": "BSD-3-Clause"}
"""Packages that name no licence in their metadata, with that of the file which they carry."""


def list_licences(bill: dict[str, Any]) -> list[str]:
    """Return a line for each component: its name, version and licences, sorted by name."""
    return [f"{each['name']} {each['version']}: {_say_licences(each)}" for each in _sort(bill["components"])]


def _sort(components: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(components, key=lambda each: str(each["name"]).lower())


def _say_licences(component: dict[str, Any]) -> str:
    named = []
    for each in component.get("licenses", []):
        licence = each.get("license", {})
        named.append(each.get("expression") or licence.get("id") or licence.get("name") or "")
    said = ", ".join(sorted({name.splitlines()[0] for name in named if name}))
    return said or UNSAID.get(component["name"], "not named")


if __name__ == "__main__":
    sys.stdout.write("\n".join(list_licences(json.loads(Path(sys.argv[1]).read_text("utf-8")))) + "\n")
