"""The pinned versions of the real chain's programs, and their checksums, from `infra/versions.toml`."""

import tomllib
from pathlib import Path

_SET = tomllib.loads(Path(__file__).parents[1].joinpath("versions.toml").read_text("utf-8"))


def read_at_least(tool: str) -> tuple[int, ...]:
    """Return the oldest version of an installed tool that will do, as integers."""
    return tuple(int(part) for part in _SET["at_least"][tool].split("."))


RUNS: dict[str, str] = _SET["runs"]
"""The version of each program that runs, by its name."""
JUDGES: dict[str, str] = _SET["judges"]
"""The version of each program that judges our files, by its name."""

SUMS: dict[str, str] = _SET["sums"]
"""The checksum of each module of Go, or package of npm, whose files we take."""

DAPRD = RUNS["dapr"]
DAPRD_TAGS = "stablecomponents"
DAPRD_COMPONENTS = (
    "bindings_cron.go",
    "nameresolution_mdns.go",
    "pubsub_in-memory.go",
    "pubsub_kafka.go",
    "secretstores_local_env.go",
    "state_in-memory.go",
    "zz_notag.go",
)
"""The files kept of `cmd/daprd/components`: the whole set pulls in the clients of every cloud."""

KAFKA = RUNS["kafka"]

GO_AT_LEAST = read_at_least("go")
JAVA_AT_LEAST = read_at_least("java")
JAVA_OF_STRIMZI = read_at_least("java_of_strimzi")
POSTGRES_AT_LEAST = read_at_least("postgresql")
