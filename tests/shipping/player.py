"""Plays a Compose project with podman: networks, volumes, secrets, order and health as the file says them."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.shipping.containers import LIMITS, RUN, call, draw_name, must, read_log, remove_container

Service = dict[str, Any]
SECONDS = 120.0


@dataclass
class Player:
    """A project that runs until the end of `play`."""

    project: dict[str, Any]
    images: Mapping[str, str]
    """What runs, by the images that the file names."""
    network: str
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

    def start(self, name: str) -> None:
        service: Service = self.project["services"][name]
        self.names[name] = container = draw_name()
        words = [f"--name={container}", *self.join_network(name), *LIMITS]
        words += [f"--restart={service['restart']}"] if "restart" in service else []
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

    def join_network(self, name: str) -> list[str]:
        """Return the options by which a service is found under its name, or shares another one's network."""
        kind, _, other = self.project["services"][name].get("network_mode", "").partition(":")
        if kind == "service":
            return [f"--network=container:{self.names[other]}"]
        assert not kind, f"{name}: the player does not know the network {kind}"
        return [f"--network={self.network}", f"--network-alias={name}"]

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

    def read(self, name: str, *words: str) -> str:
        """Return what a command inside a service prints."""
        return must("podman", *RUN, "exec", self.names[name], *words)


@contextmanager
def play(project: dict[str, Any], images: Mapping[str, str]) -> Iterator[Player]:
    """Lend a player of a project on a network of its own; all that it made is removed."""
    player = Player(project, images, draw_name())
    must("podman", *RUN, "network", "create", player.network)
    try:
        yield player
    finally:
        for container in reversed(player.names.values()):
            remove_container(container)
        for volume in player.volumes.values():
            call("podman", *RUN, "volume", "rm", "--force", volume)
        call("podman", *RUN, "network", "rm", "--force", player.network)
