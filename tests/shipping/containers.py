"""The image on this machine: built on a base of Debian's packages, and run by podman and runc without any service."""

import hashlib
import itertools
import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.live.cache import Say, find_cache, take_turn
from infra.live.ports import PortBook
from infra.live.programs import ToolsMissing
from tests.architecture.ours import PACKAGES, ROOT, list_files

UID = 10001
"""The user of the image."""
BASE = "localhost/evolution-todo-base:trixie"
TOOLS = ("buildah", "iptables", "mmdebstrap", "podman", "runc")
RESOLVER = Path("/usr/lib/podman/aardvark-dns")
RUN = ("--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", "runc", "--network-backend", "netavark")
"""Debian 12's crun cannot run where control groups are mixed; without systemd there is no journal. Netavark has a
resolver for the names of services."""
LIMITS = ("--memory=512m", "--ulimit=nofile=20000:20000", "--ulimit=nproc=20000:20000")
TIGHT = ("--read-only", "--tmpfs=/tmp", "--cap-drop=all", "--security-opt=no-new-privileges", *LIMITS)
"""As an operator runs it: read-only, without capabilities, and with seccomp, which podman adds by itself."""
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


_numbers = itertools.count()
_ports = PortBook()


def draw_port() -> int:
    """Return a port below those that outgoing connections take, which stays this run's own."""
    return _ports.take()


def draw_name() -> str:
    """Return a name that no other container has."""
    return f"evolution-todo-test-{os.getpid()}-{next(_numbers)}"


def require_tools() -> None:
    """Raise `ToolsMissing` unless images can be built and run here."""
    missing = [name for name in TOOLS if shutil.which(name) is None]
    missing += [] if RESOLVER.exists() else ["netavark", RESOLVER.name]
    if missing:
        raise ToolsMissing(f"Images are built and run by {', '.join(missing)}: `apt install {' '.join(missing)}`.")
    if os.geteuid() != 0:
        raise ToolsMissing("Images are built and run by root here.")


def call(*words: str | Path, seconds: float = 120, **extra: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "STORAGE_DRIVER": "overlay", **extra}
    given = [str(word) for word in words]
    return subprocess.run(
        given, env=environment, capture_output=True, text=True, timeout=seconds, check=False, cwd=ROOT
    )


def must(*words: str | Path, seconds: float = 120, **extra: str) -> str:
    done = call(*words, seconds=seconds, **extra)
    assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout.strip()


def build_image(say: Say) -> str:
    """Build the image of this working tree by the script that operators use, unless it is there; return its tag."""
    require_tools()
    repository = "localhost/evolution-todo-test"
    tag = f"{repository}:{name_content()}"
    with take_turn(find_cache() / "image.lock", lambda: say("another test builds the image; waiting ...")):
        if call("buildah", "inspect", "--type=image", BASE).returncode:
            say("the image's base: making it once of Debian's packages, a minute")
            must("bash", "infra/image/base.sh", BASE, seconds=1_200)
        if call("buildah", "inspect", "--type=image", tag).returncode:
            older = must("buildah", "images", "--quiet", "--filter", f"reference={repository}").split()
            if older:
                call("buildah", "rmi", "--force", *older)
            say("the image: building it")
            lent = {"CA": str(CERTIFICATES)} if CERTIFICATES.exists() else {}
            must("bash", "infra/image/build.sh", tag, seconds=2_400, BASE=BASE, ENGINE="buildah", **lent)
    return tag


def name_content() -> str:
    """Return a name for what the image is built from: it changes with every file of it."""
    places = (*PACKAGES, "evolution_todo", "requirements", "pyproject.toml", "README.md", "LICENSE", ".dockerignore")
    digest = hashlib.sha256()
    for name in list_files():
        if name.startswith(places):
            digest.update(name.encode() + (ROOT / name).read_bytes())
    return digest.hexdigest()[:16]


@dataclass
class Container:
    """A running container of the product, on this machine's own network."""

    name: str
    port: int
    base: str = field(init=False)

    def __post_init__(self) -> None:
        self.base = f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: Any = None, token: str = "") -> tuple[int, Any]:
        """Return the status and the answer; 0 while nothing answers."""
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, content, method=method)  # noqa: S310  # ours
        request.add_header("content-type", "application/json")
        if token:
            request.add_header("authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # ours
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"null")
        except (OSError, ValueError):
            return 0, None

    def wait_ready(self, seconds: float) -> float:
        """Return the seconds until `/readyz` answers 200."""
        began = time.monotonic()
        while self.ask("GET", "/readyz")[0] != 200:
            assert time.monotonic() - began < seconds, read_log(self.name)
            time.sleep(0.05)
        return time.monotonic() - began

    def sign_up(self) -> str:
        """Return the token of a new person."""
        self.wait_ready(60)
        added = self.run("evolution-todo", "person", "add", "anna")
        assert added.returncode == 0, added.stderr
        made = self.run("evolution-todo", "token", "create", "--user", "anna", "--name", "test")
        (token,) = re.findall(r"etp_\S+", made.stdout)
        return str(token)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command inside."""
        return call("podman", *RUN, "exec", self.name, *words)


def start_container(tag: str, name: str, port: int, volume: Path, **settings: str) -> Container:
    options = list_options(volume, {"TODO_PORT": str(port), "TODO_HOST": "127.0.0.1", **settings})
    must("podman", *RUN, "run", "--detach", f"--name={name}", *options, tag)
    return Container(name, port)


def run_once(tag: str, volume: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a container of its own to its end; one that does not end is removed."""
    name = draw_name()
    try:
        return call("podman", *RUN, "run", f"--name={name}", *list_options(volume, settings), tag, *words)
    finally:
        remove_container(name)


def run_shell(tag: str, script: str) -> str:
    """Return what a shell prints in a container of its own."""
    words = ("--rm", "--network=host", "--entrypoint=sh", *LIMITS)
    return must("podman", *RUN, "run", *words, tag, "-c", script)


def list_options(volume: Path, settings: Mapping[str, str]) -> list[str]:
    environment = [f"--env={key}={value}" for key, value in settings.items()]
    return ["--network=host", *TIGHT, f"--volume={volume}:/data", *environment]


def stop_container(name: str, seconds: int = 10) -> tuple[float, int]:
    """Send SIGTERM; return the seconds until its end, and its exit code."""
    began = time.monotonic()
    must("podman", *RUN, "stop", f"--time={seconds}", name)
    took = time.monotonic() - began
    return took, int(must("podman", *RUN, "inspect", "--format={{.State.ExitCode}}", name))


def read_log(name: str) -> str:
    done = call("podman", *RUN, "logs", name)
    return done.stdout + done.stderr


def remove_container(name: str) -> None:
    with suppress(subprocess.TimeoutExpired):
        call("podman", *RUN, "rm", "--force", "--volumes", "--time=0", name)
