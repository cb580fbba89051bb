"""The provisioning: builds daprd and fetches Kafka, once per version."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infra.live.builds import LONGEST, gently, run_long
from infra.live.cache import Say, find_cache, provide, remove_tree
from infra.live.machine import (
    ask,
    find_go,
    find_installed_daprd,
    find_java,
    find_maven,
    find_postgres,
    read_version,
)
from infra.live.programs import Command, LiveError, Program, ToolsMissing
from infra.live.versions import DAPRD, DAPRD_COMPONENTS, DAPRD_TAGS, KAFKA, SUMS

_SUMS = Path(__file__).with_name("kafka.sha256")
_POM = Path(__file__).with_name("kafka-pom.xml")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The parts of the chain to start here, instead of using running ones."""

    kafka: bool = True
    postgres: bool = True
    daprd: bool = True


def find_missing(wanted: Wanted) -> list[str]:
    """Return one sentence for each missing tool, with the remedy."""
    finders: list[Callable[[], object]] = []
    if wanted.daprd and find_installed_daprd() is None and _find_built_daprd() is None:
        finders.append(find_go)
    if wanted.kafka:
        finders.append(find_java)
    if wanted.kafka and not (find_cache() / _name_kafka()).is_dir():
        finders.append(find_maven)
    if wanted.postgres:
        finders.append(find_postgres)
    missing = []
    for find in finders:
        try:
            find()
        except ToolsMissing as error:
            missing.append(str(error))
    return missing


def provide_daprd(say: Say) -> Path:
    """Return the path of daprd: the one on PATH if it has the pinned version, else one built on the first call."""
    installed = find_installed_daprd()
    if installed:
        return installed
    try:
        go = find_go()
    except ToolsMissing:
        built = _find_built_daprd()
        if built:
            return built
        raise
    version = ".".join(map(str, read_version(ask(go, "version"), "go version go")))
    return provide(f"{_name_daprd()}-go{version}", lambda draft: _build_daprd(go, draft, say), say) / "daprd"


def _name_daprd() -> str:
    key = repr((DAPRD_TAGS, sorted(DAPRD_COMPONENTS)))
    return f"daprd-{DAPRD}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def _find_built_daprd() -> Path | None:
    """Return a daprd that any version of Go has built here; None if there is none."""
    return next(iter(sorted(find_cache().glob(f"{_name_daprd()}-go*[0-9]/daprd"))), None)


def _build_daprd(go: Path, draft: Path, say: Say) -> None:
    say(f"daprd {DAPRD}: building it once, two to four minutes; Go keeps 3 GB of modules and objects in its own caches")
    module = download_module(go, draft, "github.com/dapr/dapr", DAPRD, SUMS["dapr"])
    source = draft / "source"
    shutil.copytree(module, source)
    for path in (source, *source.rglob("*")):  # Go keeps its modules read-only
        path.chmod(path.stat().st_mode | 0o200)
    components = source / "cmd/daprd/components"
    missing = [name for name in DAPRD_COMPONENTS if not (components / name).exists()]
    if missing:
        raise LiveError(f"dapr {DAPRD} has no {', '.join(missing)}.")
    for path in components.iterdir():
        if path.name not in DAPRD_COMPONENTS:
            path.unlink()
    # Built from inside the module: `go install …@version` refuses a module with replace directives.
    flags = f"-s -w -X github.com/dapr/dapr/pkg/buildinfo.version={DAPRD}"
    command: Command = [
        go,
        "build",
        "-v",
        "-trimpath",
        "-buildvcs=false",
        "-tags",
        DAPRD_TAGS,
        "-ldflags",
        flags,
        "-o",
        draft / "daprd",
    ]
    environment = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOWORK": "off"}
    run_long("daprd-build", [*gently(), *command, "./cmd/daprd"], source, environment, say)
    if DAPRD not in ask(draft / "daprd", "--version").split():
        raise LiveError(f"The daprd that was built does not say that it is {DAPRD}.")
    remove_tree(source)


def download_module(go: Path, draft: Path, path: str, version: str, checksum: str) -> Path:
    """Return the folder of a Go module in Go's own cache, which is read-only; raises `LiveError`."""
    name = path.split("/")[1]
    download = Program(f"{name}-download", [go, "mod", "download", "-json", f"{path}@v{version}"], draft)
    download.start()
    try:
        download.wait(LONGEST)
    finally:
        download.kill()
    said = download.log.read_text("utf-8", "replace")
    try:
        answer = json.loads(said[said.index("{") :])  # skip the progress lines of Go
    except ValueError:
        answer = {"Error": said.strip()}
    if "Dir" not in answer:
        raise ToolsMissing(
            f"Go cannot download {name} {version}; is its module proxy reachable (GOPROXY)? {answer.get('Error')}"
        )
    if answer["Sum"] != checksum:
        raise LiveError(f"{name} {version} has another checksum than expected: {answer['Sum']}.")
    return Path(answer["Dir"])


def provide_kafka(say: Say) -> Path:
    """Return the folder of Kafka's jars, fetched by Maven on the first call."""
    return provide(_name_kafka(), lambda draft: _fetch_kafka(draft, say), say)


def _name_kafka() -> str:
    return f"kafka-{KAFKA}-{hashlib.sha256(_SUMS.read_bytes() + _POM.read_bytes()).hexdigest()[:12]}"


def _fetch_kafka(draft: Path, say: Say) -> None:
    say(f"Kafka {KAFKA}: fetching it once through Maven, 50 MB")
    fetch_jars("kafka-fetch", _POM, draft, f"-Dkafka.version={KAFKA}", say)
    check_sums(draft)


def fetch_jars(name: str, pom: Path, draft: Path, version: str, say: Say) -> None:
    """Let Maven put the jars that a POM names, and all that they need, into a folder."""
    goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
    command: Command = [find_maven(), "--batch-mode", "--no-transfer-progress", "--strict-checksums"]
    command += [f"--file={pom}", goal, f"-DoutputDirectory={draft}", "-DincludeScope=runtime", version]
    java_home = {"JAVA_HOME": str(find_java().resolve().parent.parent)}
    run_long(name, command, draft, java_home, say)
    (draft / f"{name}.log").unlink()


def check_sums(folder: Path) -> None:
    """Raise `LiveError` unless the folder holds exactly the jars that are expected."""
    lines = (line.split() for line in _SUMS.read_text("utf-8").splitlines())
    expected = {name: digest for digest, name in lines}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.jar")}
    strange = sorted(name for name, _ in expected.items() ^ found.items())
    if strange:
        raise LiveError(f"Kafka {KAFKA} is not what was expected: {', '.join(dict.fromkeys(strange))}.")
