"""What an operator does when a metric moves; `docs/operating/metrics.md` is made from it."""

from app.watch.metrics import Metrics
from app.watch.state import GAUGES

ADVICE = {
    "todo_calls": "Rises with use. Many `failed`: see the log. Many `version_conflict`: programs overwrite each other.",
    "todo_call_seconds": "Slower with the same use: look at `todo_write_seconds` and the disk.",
    "todo_write_seconds": "Slower: the disk, another process that holds the database, or locks on PostgreSQL.",
    "todo_write_failures": "Should stay: `evolution-todo doctor`, then disk and database.",
    "todo_publish_seconds": "Slower: daprd or Kafka; see [faults](faults.md).",
    "todo_published_events": "`unknown` or `refused` instead of `published`: see [events](events.md).",
    "todo_channel_attempts": "Many `failed` of one kind: its server is away. `ended`: browsers or webhooks are gone.",
    "todo_removed_rows": "Stands still for a day: no process does the background work; see [retention](retention.md).",
    "todo_refused_requests": "401: a wrong or revoked token. 429: a program calls too much. 500: see the log.",
    "todo_open_streams": "Open pages and listeners. Falls at a restart and comes back.",
    "todo_model_calls": "Outcomes other than `ok`: the model's server; people see the reason.",
    "todo_model_seconds": "Slower answers: the model's server.",
    "todo_model_tokens": "What the model costs.",
    "todo_database_up": "0: the database is away, full or damaged: `evolution-todo doctor`.",
    "todo_outbox_events": "Rises and stays: events are not published; `/readyz` and the log say why.",
    "todo_outbox_oldest_seconds": "Above a minute: as above. Nothing is lost; it is published when the broker is back.",
    "todo_parked_events": "Above 0: find the reason by `events tail`, then `evolution-todo events replay --parked`.",
    "todo_open_deliveries": "Rises and stays: a reaction fails; the log has the reason.",
    "todo_failed_deliveries": "Above 0: GET /api/dead-letters, then `evolution-todo events replay`.",
    "todo_dead_letters": "Above 0: something foreign is on the topics: GET /api/dead-letters.",
    "todo_reminders_late_seconds": "Above 30: no process does the background work, or the database is slow.",
    "todo_scheduler_lag_seconds": "Above 60: as above.",
    "todo_channel_deliveries_waiting": "Rises and stays: a channel's server is away.",
    "todo_channel_oldest_seconds": "Above ten minutes: as above; people see the reason beside the channel.",
    "todo_lease_held": "0 for longer than two seconds: no `serve` or `worker` runs.",
    "todo_lease_epoch": "Rises with each restart. Often without one: processes that hang, or a slow database.",
    "todo_database_bytes": "Grows for months with the same use: `doctor` shows what; see [retention](retention.md).",
    "todo_disk_free_bytes": "Falls towards 0: make room before writes are refused.",
}
"""By the name of the metric, without the endings of its samples."""


def describe_metrics() -> str:
    """Return the page for operators."""
    metrics = Metrics()
    lines = [
        "# Metrics",
        "",
        "Generated from `app/watch` by `python3 -m app.cli.documents`.",
        "",
        "`GET /metrics` in Prometheus' text format. With `TODO_AUTH=local` anybody on this machine may read it, with",
        "`TODO_AUTH=token` a token with the scope `admin`. With `TODO_METRICS_PORT` it is served on a port of its own",
        "alone, without a token: keep it on loopback, or in a network of your own by `TODO_METRICS_HOST`. Elsewhere it",
        "is 404 then. No label names a person, a task or a token. What is said of the database is read at most once a",
        "second (its size once a minute), and every process of one database shows the same: take `max`.",
        "[`infra/observe`](../../infra/observe) has alert rules with their tests, and a dashboard for Grafana;",
        "[Compose](compose.md) runs both.",
        "",
        "| metric | labels | meaning | when it moves |",
        "|---|---|---|---|",
    ]
    for family in metrics.registry.collect():
        names = metrics.labels.get(family.name, ())
        labels = ", ".join(f"`{name}`" for name in names)
        lines.append(f"| `{family.name}` | {labels} | {family.documentation} | {ADVICE[family.name]} |")
    lines += [f"| `{name}` | | {meaning} | {ADVICE[name]} |" for name, meaning in GAUGES.items()]
    return "\n".join(lines) + "\n"
