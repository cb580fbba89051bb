"""The page of metrics as Prometheus reads it: what stays the same from one time to the next is written once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

_write_value: Callable[[float], str] = floatToGoString


@dataclass(frozen=True, slots=True, eq=False)
class _One(Collector):
    """A registry that holds one metric."""

    metric: Metric

    def collect(self) -> Iterator[Metric]:
        yield self.metric


@dataclass(slots=True)
class Page:
    """All metrics of a registry in the text format, byte for byte as the library writes them.

    The library writes each heading and each series' name once, and its value from then on is put behind it: half of
    the time for a page went into the escaping of the same labels.
    """

    registry: CollectorRegistry
    _headings: dict[str, str] = field(default_factory=dict)
    _names: dict[tuple[str, ...], str] = field(default_factory=dict)

    def write(self) -> bytes:
        """Return the page as it is now."""
        lines: list[str] = []
        for metric in self.registry.collect():
            keys = [(sample.name, *sample.labels.values()) for sample in metric.samples]
            if metric.name not in self._headings or not all(key in self._names for key in keys):
                self._learn(metric, keys)
            lines.append(self._headings[metric.name])
            lines += [
                f"{self._names[key]}{_write_value(sample.value)}\n"
                for key, sample in zip(keys, metric.samples, strict=True)
            ]
        return "".join(lines).encode()

    def _learn(self, metric: Metric, keys: list[tuple[str, ...]]) -> None:
        """Keep what the library writes of a metric besides its values."""
        described, typed, *rest = generate_latest(_One(metric)).decode().split("\n")[:-1]
        self._headings[metric.name] = f"{described}\n{typed}\n"
        self._names |= {key: line[: line.rindex(" ") + 1] for key, line in zip(keys, rest, strict=True)}
