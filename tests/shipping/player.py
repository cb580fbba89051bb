"""Plays a Compose project with podman: networks, volumes, secrets, order and health as the file says them."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.live.cache import Say, find_cache, take_turn
from infra.live.versions import RUNS
from tests.architecture.ours import ROOT
from tests.shipping.containers import LIMITS, RUN, call, draw_name, must, read_log, remove_container, require_tools

Service = dict[str, Any]
HERE = Path(__file__).parent / "stand_in"
NETWORK = "10.89.{}.0/24"
SECONDS = 120.0


def build_postgres(say: Say) -> str:
    """Build the stand-in for PostgreSQL's image of Debian's packages, once per content; return its tag."""
    require_tools()
    version = RUNS["postgresql"]
    base, tag = f"localhost/evolution-todo-base:postgresql-{version}", f"localhost/evolution-todo-postgres:{version}"
    with take_turn(find_cache() / "image.lock", lambda: say("another test builds an image; waiting ...")):
        if call("buildah", "inspect", "--type=image", base).returncode:
            say("the stand-in for PostgreSQL: making it once of Debian's packages, a minute")
            must("bash", ROOT / "infra/image/base.sh", base, f"postgresql-{version}", seconds=1_200)
        words = ("--isolation", "chroot", "--quiet", "--build-arg", f"BASE={base}", "--tag", tag, HERE)
        must("buildah", "bud", "--format", "docker", *words, seconds=600)
    return tag


@dataclass
class Player:
    """A project that runs until the end of `play`."""

    project: dict[str, Any]
    images: Mapping[str, str]
    """Stand-ins, by the images that the file names."""
    network: str
    number: int
    names: dict[str, str] = field(default_factory=dict)
    volumes: dict[str, str] = field(default_factory=dict)

    def up(self) -> None:
        """Start every service after those that it needs."""
        for name in self.list_in_order():
            for other, need in self.project["services"][name].get("depends_on", {}).items():
                self.wait_for(other, need["condition"])
            self.start(name)

    def down(self) -> None:
        """Stop and remove every service, the last one first; volumes stay."""
        for name in reversed(list(self.names)):
            must("podman", *RUN, "stop", "--time=10", self.names[name])
            remove_container(self.names.pop(name))

    def list_in_order(self) -> list[str]:
        services: dict[str, Service] = self.project["services"]
        ordered: list[str] = []
        while len(ordered) < len(services):
            free = [
                name
                for name in services
                if name not in ordered and set(services[name].get("depends_on", {})) <= {*ordered}
            ]
            assert free, "the services wait for each other"
            ordered += free
        return ordered

    def find_address(self, name: str) -> str:
        """Return the address of a service: the names are in each container's hosts file, as no resolver runs here."""
        return f"10.89.{self.number}.{10 + list(self.project['services']).index(name)}"

    def start(self, name: str) -> None:
        service: Service = self.project["services"][name]
        self.names[name] = container = draw_name()
        hosts = [f"--add-host={each}:{self.find_address(each)}" for each in self.project["services"]]
        words = [f"--name={container}", f"--network={self.network}", f"--ip={self.find_address(name)}", *hosts, *LIMITS]
        words += ["--read-only"] if service.get("read_only") else []
        words += [f"--cap-drop={each}" for each in service.get("cap_drop", ())]
        words += [f"--cap-add={each}" for each in service.get("cap_add", ())]
        words += [f"--security-opt={each.replace(':true', '')}" for each in service.get("security_opt", ())]
        words += [f"--tmpfs={each}" for each in service.get("tmpfs", ())]
        words += [f"--env={key}={value}" for key, value in (service.get("environment") or {}).items()]
        for each in service.get("volumes", ()):
            source = self.find_volume(each["source"]) if each["type"] == "volume" else each["source"]
            words.append(f"--volume={source}:{each['target']}{':ro' if each.get('read_only') else ''}")
        for each in service.get("secrets", ()):
            file = self.project["secrets"][each["source"]]["file"]
            words.append(f"--volume={file}:/run/secrets/{each['source']}:ro")
        for each in service.get("ports", ()):
            words.append(f"--publish={each['host_ip']}:{each['published']}:{each['target']}")
        if service.get("entrypoint"):
            words.append(f"--entrypoint={json.dumps(service['entrypoint'])}")
        image = self.images[service["image"]]
        must("podman", *RUN, "run", "--detach", *words, image, *(service.get("command") or ()))

    def find_volume(self, name: str) -> str:
        if name not in self.volumes:
            self.volumes[name] = draw_name()
            must("podman", *RUN, "volume", "create", self.volumes[name])
        return self.volumes[name]

    def wait_for(self, name: str, condition: str) -> None:
        """Wait until a service is what another one needs."""
        container, until = self.names[name], time.monotonic() + SECONDS
        if condition == "service_completed_successfully":
            code = must("podman", *RUN, "wait", container, seconds=SECONDS)
            assert code == "0", read_log(container)
        elif condition == "service_healthy":
            while self.check_health(name):
                assert time.monotonic() < until, read_log(container)
                time.sleep(0.2)

    def check_health(self, name: str) -> int:
        """Return the exit code of a service's own check."""
        kind, *words = self.project["services"][name]["healthcheck"]["test"]
        assert kind == "CMD"
        return self.run(name, *words)

    def run(self, name: str, *words: str) -> int:
        """Return the exit code of a command inside a service."""
        return call("podman", *RUN, "exec", self.names[name], *words).returncode


@contextmanager
def play(project: dict[str, Any], images: Mapping[str, str], number: int) -> Iterator[Player]:
    """Lend a player of a project on a network of its own; all that it made is removed."""
    player = Player(project, images, draw_name(), number)
    must("podman", *RUN, "network", "create", f"--subnet={NETWORK.format(number)}", player.network)
    try:
        yield player
    finally:
        for container in player.names.values():
            remove_container(container)
        for volume in player.volumes.values():
            call("podman", *RUN, "volume", "rm", "--force", volume)
        call("podman", *RUN, "network", "rm", "--force", player.network)
