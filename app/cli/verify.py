"""The comparison of topics, read from their beginning to their present end, with the published events."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from app.dapr.topics import build_security, open_topics
from app.service import open_database
from app.settings import Settings
from app.storage.port import Database
from app.system import SystemClock
from events.catalog import EventType, name_topic
from events.instants import read_instant
from events.outbox import PublishedPage, find_published_bounds, list_published
from events.topic_audit import TopicAudit
from todo.channels.queue import STATES, count_webhooks

PAGE = 2_000
MARGIN = timedelta(hours=1)
"""The clocks of the brokers and of this machine may differ."""


@dataclass(slots=True)
class Report:
    """The records read and the findings on them; `notes` say what could not be judged."""

    ledger: TopicAudit
    brokers: str
    topics: list[str]
    partitions: dict[str, int] = field(default_factory=dict)
    floors: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    webhooks: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether there are no findings."""
        return not self.ledger.counts

    def write(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        books = self.ledger
        return {
            "ok": self.ok,
            "brokers": self.brokers,
            "style": books.style,
            "topics": [
                {
                    "topic": topic,
                    "partitions": self.partitions.get(topic, 0),
                    "records": books.records.get(topic, 0),
                    "events": books.events.get(topic, 0),
                    "duplicates": books.duplicates.get(topic, 0),
                }
                for topic in self.topics
            ],
            "counts": books.counts,
            "tasks": [
                {"task_id": task_id, "findings": [each.write() for each in found]} for task_id, found in books.tasks
            ],
            "records": [each.write() for each in books.findings if each.task_id is None],
            "webhooks": self.webhooks,
            "notes": self.notes,
        }


async def verify_events(settings: Settings, brokers: str, *, use_database: bool) -> Report:
    """Read the topics of the configured style and judge them by the outbox, or without a database by version gaps.

    Raises `TopicsUnreadable`, and `StorageUnavailable` for the database.
    """
    topics = list(dict.fromkeys(name_topic(kind, settings.topic_style) for kind in EventType))
    report = Report(TopicAudit(settings.topic_style), brokers, topics)
    if not use_database:
        report.notes.append("without a database: what is missing is told by gaps in the versions")
        await asyncio.to_thread(read_topics, settings, report)
        if report.floors:
            report.notes.append("gaps are not judged, since the topics no longer hold their beginning")
        else:
            report.ledger.find_gaps()
        return report
    database, _ = await open_database(settings)
    try:
        # The outbox first, then the end of the topics: every event published by now must be there.
        oldest, newest = await database.read(find_published_bounds)
        await asyncio.to_thread(read_topics, settings, report)
        await _compare(database, report, newest)
        report.webhooks = await database.read(count_webhooks)
    finally:
        await database.close()
    since = _to_milliseconds(oldest) if oldest else 0
    if settings.kept_events is not None:
        # What was published before may be gone, though an older event that is stuck is still there.
        since = max(since, int((SystemClock().now() - settings.kept_events + MARGIN).timestamp() * 1000))
    older = report.ledger.find_unknown(since)
    if older:
        report.notes.append(f"{older} events are older than the outbox and were not compared with it")
    return report


async def _compare(database: Database, report: Report, newest: str) -> None:
    after, expired, waiting = 0, 0, 0
    while page := await database.read_apart(_page_after(after)):
        for row in page:
            topic = name_topic(EventType(row.event_type), report.ledger.style)
            published = row.published_at is not None and row.published_at <= newest
            waiting += not row.published_at
            if published and _to_milliseconds(row.published_at) <= report.floors.get(topic, -1):
                published, expired = False, expired + 1
            report.ledger.compare(row, published=published)
        after = page[-1].seq
        await asyncio.sleep(0)
    if waiting:
        report.notes.append(f"{waiting} events are not published yet and were not looked for")
    if expired:
        report.notes.append(f"{expired} events are older than what the topics still hold and may be missing there")


def _page_after(after: int) -> Any:
    def read(connection: Connection) -> PublishedPage:
        return list_published(connection, after, PAGE)

    return read


def _to_milliseconds(instant: str) -> int:
    return int(read_instant(instant).timestamp() * 1000)


def read_topics(settings: Settings, report: Report) -> None:
    """Enter every record into the ledger; blocks the thread."""
    with open_topics(report.brokers, report.topics, build_security(settings)) as topics:
        for record in topics.read():
            report.ledger.enter(record)
        report.partitions, report.floors = topics.partitions, topics.floors


def show_report(report: Report) -> None:
    """Print the report for people."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=160, highlight=False)
    table = Table(title=f"Topics at {report.brokers}", title_justify="left")
    for heading in ("topic", "partitions", "records", "events", "duplicates"):
        table.add_column(heading, justify="left" if heading == "topic" else "right")
    for row in report.write()["topics"]:
        table.add_row(*(str(row[name]) for name in ("topic", "partitions", "records", "events", "duplicates")))
    console.print(table)
    for hook in report.webhooks:
        said = ", ".join(f"{hook[state]} {state.replace('_', ' ')}" for state in STATES)
        console.print(f"webhook {hook['name']!r}: {said}", markup=False)
    for note in report.notes:
        console.print(f"note: {note}", markup=False)
    for task_id, found in report.ledger.tasks:
        console.print(f"task {task_id}", markup=False)
        for each in found:
            console.print(f"  {each.kind:<8} {each.detail}", markup=False)
    for each in report.ledger.findings:
        if each.task_id is None:
            console.print(f"{each.kind:<8}   {each.detail}", markup=False)
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(report.ledger.counts.items()))
    good = "[green]Every event is there, once or more, in order.[/green]"
    console.print(f"[red]wrong: {counts}[/red]" if counts else good)
