"""One Kafka broker on this machine, its own controller, on loopback and on a directory of its own."""

from dataclasses import dataclass
from pathlib import Path

from infra.live.machine import find_java
from infra.live.ports import LOOPBACK, PortBook
from infra.live.programs import Command, LiveError, Program, run_guarded, wait_until
from infra.live.wire import WireError, read_metadata

READY_SECONDS = 60.0
_CLUSTER = "ZXZvbHV0aW9uLXRvZG8tMQ"
"""Kafka wants 16 bytes in base64; which ones does not matter on a private directory."""

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
log.dirs={data}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{advertised}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
controller.quorum.bootstrap.servers={host}:{controller}
inter.broker.listener.name=PLAINTEXT
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
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
class Kafka:
    """A broker of its own directory; `start` after `stop` or `kill` goes on with what it had."""

    program: Program
    port: int

    @property
    def brokers(self) -> str:
        """Where clients begin, `host:port`."""
        return f"{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.begin()
        self.wait_ready()

    def begin(self) -> None:
        """Start it, without waiting."""
        self.program.start()

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until a metadata request is answered: an open port alone says little."""

        def answers() -> bool:
            if not self.program.is_alive():
                raise LiveError(f"Kafka has ended:\n{self.program.read_end()}")
            try:
                return bool(read_metadata(self.brokers, 1.0).brokers)
            except WireError:
                return False

        wait_until(answers, seconds, "Kafka answers")

    def stop(self) -> None:
        """End it in order."""
        self.program.stop()

    def kill(self) -> None:
        """End it with SIGKILL; `start` brings it back with what it had."""
        self.program.kill()

    def pause(self) -> None:
        """Hold it still (SIGSTOP)."""
        self.program.pause()

    def resume(self) -> None:
        """Let it go on."""
        self.program.resume()


def lay_out_kafka(jars: Path, folder: Path, ports: PortBook, advertised: int | None = None) -> Kafka:
    """Make a broker's directory, formatted, and return the broker, not yet started."""
    folder.mkdir(parents=True)
    port, controller = ports.take(), ports.take()
    properties, logging = folder / "server.properties", folder / "log4j2.properties"
    properties.write_text(
        _PROPERTIES.format(
            data=folder / "data", host=LOOPBACK, port=port, controller=controller, advertised=advertised or port
        ),
        "utf-8",
    )
    logging.write_text(_LOGGING, "utf-8")
    java: Command = [find_java(), "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"]
    java += [f"-Dlog4j2.configurationFile={logging}", "-cp", f"{jars}/*"]
    formatting: Command = ["kafka.tools.StorageTool", "format", "--standalone", "-t", _CLUSTER, "-c", properties]
    run_guarded("kafka-format", [*java, *formatting], folder, 60)
    return Kafka(Program("kafka", [*java, "kafka.Kafka", properties], folder), port)
