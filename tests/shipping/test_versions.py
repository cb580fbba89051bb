"""Every file that names a version names the one of `infra/versions.toml`."""

import re
import tomllib

import pytest

from infra.live import versions
from infra.live.versions import JUDGES, RUNS
from tests.architecture.ours import PYPROJECT, ROOT, list_files

PROMISES = ("one-set-of-versions",)

NAMED = {
    "dapr": r"daprd? |DAPR_VERSION=|daprio/\w+:|--runtime-version[ =]|runtimeVersion\W+|dapr/dapr@v",
    "kafka": r"Kafka |apache/kafka:|<kafka\.version>|^ *version: (?=\d+\.\d+\.\d+$)",
    "kafka_metadata": r"metadataVersion: ",
    "postgresql": r"library/postgres:|PostgreSQL (?=1[67]\b)",
    "strimzi": r"Strimzi |strimzi/(?:operator|kafka):|strimzi-kafka-operator[^\n]*--version ",
    "keda": r"KEDA |kedacore/keda[^\n]*--version |keda:",
    "gateway_api": r"Gateway API v?|gateway-api/releases/download/v",
    "prometheus": r"prom/prometheus:",
    "grafana": r"grafana/grafana:",
    "collector": r"otel/opentelemetry-collector:",
    "prometheus_operator": r"Prometheus Operator ",
    "python": r"python:(?=\d)|PYTHON=",
}
"""What stands before the version of each program, wherever a file names one."""
VERSION = r"(v?\d+(?:\.\d+)+(?:-IV\d+)?|(?<=library/postgres:)\d+|(?<=PostgreSQL )\d+)"
PLACES = ("infra/", "docs/", "examples/", ".ci/", ".github/", "README.md", "CONTRIBUTING.md")
ELSEWHERE = re.compile(r"^docs/decisions/|^docs/tools\.md$|^docs/asyncapi\.yaml$|\.(?:png|sum|sha256)$")
"""Decisions tell what was so when they were taken."""
ALSO = {("infra/dapr/components/pubsub.yaml", "2.0")}
"""Versions that a page names on purpose beside ours."""


PAGES = [name for name in list_files() if name.startswith(PLACES) and not ELSEWHERE.search(name)]


def find_named(name: str) -> list[tuple[str, str]]:
    """Return the programs and versions that a file names."""
    text = (ROOT / name).read_text("utf-8")
    found = [
        (program, match[1].removeprefix("v"))
        for program, before in NAMED.items()
        for match in re.finditer(f"(?:{before})v?{VERSION}", text, re.MULTILINE)
    ]
    return [each for each in found if (name, each[1]) not in ALSO]


@pytest.mark.parametrize("name", PAGES)
def test_a_file_names_the_versions_that_run(name: str) -> None:
    assert [each for each in find_named(name) if each[1] != RUNS[each[0]]] == []


@pytest.mark.parametrize("program", RUNS)
def test_each_version_is_named_where_an_operator_meets_it(program: str) -> None:
    assert [name for name in PAGES if (program, RUNS[program]) in find_named(name)]


def test_the_live_chain_runs_on_them() -> None:
    assert (RUNS["dapr"], RUNS["kafka"]) == (versions.DAPRD, versions.KAFKA)
    assert f"<kafka.version>{RUNS['kafka']}</kafka.version>" in (ROOT / "infra/live/kafka-pom.xml").read_text("utf-8")
    jars = (ROOT / "infra/live/kafka.sha256").read_text("utf-8")
    assert f" kafka_2.13-{RUNS['kafka']}.jar" in jars


def test_kafkas_metadata_is_of_its_release() -> None:
    assert RUNS["kafka"].startswith(RUNS["kafka_metadata"].partition("-")[0] + ".")


def test_the_schemas_are_those_of_the_release_that_is_judged() -> None:
    assert JUDGES["kubernetes_validate"].startswith(JUDGES["kubernetes"] + ".")


def test_the_image_is_tagged_with_the_products_version() -> None:
    tags = {
        (name, tag)
        for name in list_files(".yaml")
        if name.startswith("infra/")
        for tag in re.findall(r"newTag: (\S+)|evolution-todo:(\d\S*?)[\"}\s]", (ROOT / name).read_text("utf-8"))
    }
    assert tags
    assert {next(filter(None, tag)) for _, tag in tags} == {PYPROJECT["project"]["version"]}


def test_what_this_machine_needs_at_least_is_what_the_pages_say() -> None:
    at_least = tomllib.loads((ROOT / "infra/versions.toml").read_text("utf-8"))["at_least"]
    page = (ROOT / "infra/README.md").read_text("utf-8")
    for words in (f"Go {at_least['go']} or newer", f"Java {at_least['java']} or newer"):
        assert words in page
    assert f"PostgreSQL {at_least['postgresql']} or newer" in page
