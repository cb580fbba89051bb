"""Kafka on this machine: one broker, or several that replicate, on loopback; each is also a controller."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infra.live.admin import KafkaUnreachable, count_brokers
from infra.live.forwarder import Forwarder
from infra.live.machine import find_java
from infra.live.ports import LOOPBACK, PortBook
from infra.live.programs import Command, LiveError, Program, run_guarded, wait_until

READY_SECONDS = 60.0
_CLUSTER = "ZXZvbHV0aW9uLXRvZG8tMQ"
"""Kafka requires 16 bytes in base64; in a private directory any value will do."""

_PROPERTIES = """\
process.roles=broker,controller
node.id={node}
log.dirs={data}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}{bound}
advertised.listeners=PLAINTEXT://{host}:{port}{advertised}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT{protocols}
controller.quorum.voters={voters}
inter.broker.listener.name=PLAINTEXT
default.replication.factor={copies}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={copies}
offsets.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={in_sync}
share.coordinator.state.topic.replication.factor={copies}
share.coordinator.state.topic.min.isr={in_sync}
auto.create.topics.enable=false
log.retention.hours=48
log.index.size.max.bytes=1048576
"""
_LOGGING = """\
rootLogger.level=WARN
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %c{1}: %m%n
"""


@dataclass
class Broker:
    """One broker with its own directory; `start` after `stop` or `kill` continues with its data."""

    program: Program
    port: int
    listeners: Mapping[str, str] = field(default_factory=dict)
    forwarder: Forwarder | None = None

    @property
    def address(self) -> str:
        """The address for clients, `host:port`."""
        return f"{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.program.start()
        self.wait_ready()

    def wait_ready(self, brokers: int = 1, seconds: float = READY_SECONDS) -> None:
        """Wait until it answers and sees so many brokers: an open port alone proves little."""

        def answers() -> bool:
            if not self.program.is_alive():
                raise LiveError(f"Kafka has ended:\n{self.program.read_end()}")
            try:
                return count_brokers(self.address, 1.0) >= brokers
            except KafkaUnreachable:
                return False

        wait_until(answers, seconds, "Kafka answers")

    def stop(self) -> None:
        """Stop it in order (SIGTERM)."""
        self.program.stop()

    def kill(self) -> None:
        """Kill it (SIGKILL)."""
        self.program.kill()

    def pause(self) -> None:
        """Freeze it (SIGSTOP)."""
        self.program.pause()

    def resume(self) -> None:
        """Continue it (SIGCONT)."""
        self.program.resume()


@dataclass
class Kafka:
    """All brokers; each method acts on every one."""

    nodes: Sequence[Broker]

    @property
    def brokers(self) -> str:
        """The bootstrap addresses for clients, `host:port[,host:port…]`."""
        return ",".join(node.address for node in self.nodes)

    @property
    def forwarders(self) -> list[Forwarder]:
        """The forwarders in front of the brokers, empty if there are none."""
        return [node.forwarder for node in self.nodes if node.forwarder]

    def start(self) -> None:
        """Start them and wait until they see each other."""
        self.begin()
        self.wait_ready()

    def begin(self) -> None:
        """Start them, without waiting."""
        for node in self.nodes:
            node.program.start()

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until each of them answers and sees all of them."""
        for node in self.nodes:
            node.wait_ready(len(self.nodes), seconds)

    def stop(self) -> None:
        """Stop them in order (SIGTERM)."""
        for node in reversed(self.nodes):
            node.stop()

    def kill(self) -> None:
        """Kill them (SIGKILL)."""
        for node in self.nodes:
            node.kill()

    def pause(self) -> None:
        """Freeze them (SIGSTOP)."""
        for node in self.nodes:
            node.pause()

    def resume(self) -> None:
        """Continue them (SIGCONT)."""
        for node in self.nodes:
            node.resume()


Listeners = Mapping[str, tuple[str, Mapping[str, str]]]
"""Additional listeners by name: the security protocol, and Kafka's settings of that listener."""
_FORWARDED = "FORWARDED"


def lay_out_kafka(
    jars: Path,
    folder: Path,
    ports: PortBook,
    count: int = 1,
    listeners: Listeners | None = None,
    *,
    forwarded: bool = False,
) -> Kafka:
    """Create and format the directories of `count` brokers; return the brokers, not yet started.

    With three or more, each record has three replicas and is acknowledged when two have it. `forwarded` adds to each
    broker a second listener behind a forwarder, which is not yet started either.
    """
    listeners = {**(listeners or {}), **({_FORWARDED: ("PLAINTEXT", {})} if forwarded else {})}
    copies, in_sync = (3, 2) if count >= 3 else (1, 1)
    places = [(ports.take(), ports.take()) for _ in range(count)]
    voters = ",".join(f"{node}@{LOOPBACK}:{controller}" for node, (_, controller) in enumerate(places, 1))
    nodes = []
    for node, (port, controller) in enumerate(places, 1):
        own = folder / str(node)
        own.mkdir(parents=True)
        properties, logging = own / "server.properties", own / "log4j2.properties"
        bound = {name: ports.take() for name in listeners}
        forwarder = Forwarder(ports.take(), bound[_FORWARDED]) if forwarded else None
        advertised = {**bound, **({_FORWARDED: forwarder.port} if forwarder else {})}
        text = _PROPERTIES.format(
            node=node,
            data=own / "data",
            host=LOOPBACK,
            port=port,
            controller=controller,
            voters=voters,
            copies=copies,
            in_sync=in_sync,
            bound=_write_listeners(bound),
            advertised=_write_listeners(advertised),
            protocols="".join(f",{name}:{protocol}" for name, (protocol, _) in listeners.items()),
        )
        for name, (_, settings) in listeners.items():
            text += "".join(f"listener.name.{name.lower()}.{key}={value}\n" for key, value in settings.items())
        properties.write_text(text, "utf-8")
        logging.write_text(_LOGGING, "utf-8")
        java: Command = [find_java(), f"-Xmx{512 if count == 1 else 320}m", "-XX:TieredStopAtLevel=1"]
        java += ["-XX:+UseSerialGC", "-Xshare:auto", f"-Dlog4j2.configurationFile={logging}", "-cp", f"{jars}/*"]
        formatting: Command = ["kafka.tools.StorageTool", "format", "-t", _CLUSTER, "-c", properties]
        run_guarded("kafka-format", [*java, *formatting], own, 60)
        ways = {name: f"{LOOPBACK}:{number}" for name, number in bound.items()}
        nodes.append(Broker(Program("kafka", [*java, "kafka.Kafka", properties], own), port, ways, forwarder))
    return Kafka(nodes)


def _write_listeners(ports: Mapping[str, int]) -> str:
    return "".join(f",{name}://{LOOPBACK}:{port}" for name, port in ports.items())
