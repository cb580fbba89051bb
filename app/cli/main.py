"""The commands and options of `evolution-todo`."""

import gc
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

from app.cli.keeping.commands import keeping_cli
from app.cli.people import person_cli, token_cli
from app.runtime import calm_collector, run_program
from app.settings import BadSettings, Settings, load_settings
from todo.errors import TodoError

if TYPE_CHECKING:
    from app.bench.rows import Row

T = TypeVar("T")

cli = typer.Typer(no_args_is_help=True, add_completion=False, help="Tasks and reminders on an event system.")
mcp_cli = typer.Typer(invoke_without_command=True, help="Serve MCP over stdio; `mcp config` prints a client's snippet.")
events_cli = typer.Typer(no_args_is_help=True, help="Look after events.")
cli.add_typer(mcp_cli, name="mcp")
live_cli = typer.Typer(no_args_is_help=True, help="The real chain on this machine: PostgreSQL, Kafka and Dapr.")
cli.add_typer(events_cli, name="events")
cli.add_typer(live_cli, name="live")
cli.add_typer(keeping_cli)  # without a name: its commands stand beside the others
cli.add_typer(person_cli, name="person")
cli.add_typer(token_cli, name="token")


def main() -> None:
    """Run the command line."""
    calm_collector()
    try:
        cli()
    except BadSettings as error:
        _fail(str(error))
    except TodoError as error:
        _fail(str(error))


@cli.command()
def serve() -> None:
    """Serve everything on one port: REST, MCP, and the work behind them."""
    _serve(_settings())


@cli.command()
def worker() -> None:
    """Relay, scheduler and event handlers without the public API; needs a broker between the processes."""
    _serve(load_settings(role="worker"))


@cli.command()
def demo(
    exit_: Annotated[bool, typer.Option("--exit", help="End after the last step; 0 only if all was seen.")] = False,
) -> None:
    """Play a real conversation over HTTP and MCP, on a temporary database and a free port."""
    from app.cli.demo import play

    if not run_program(play(stay=not exit_)):
        sys.exit(1)


@mcp_cli.callback()
def mcp(context: typer.Context) -> None:
    """Serve MCP over stdio."""
    if context.invoked_subcommand is None:
        gc.disable()
        from app.cli.stdio import serve_stdio

        settings = _settings()
        run_program(serve_stdio(settings), log=settings.log)


@mcp_cli.command("config")
def mcp_config(
    client: Annotated[
        str, typer.Option(help="claude, claude-code, vscode, cursor, codex, gemini, windsurf, zed, lmstudio, json")
    ],
    http: Annotated[bool, typer.Option(help="Connect to a running `serve` instead of starting a process.")] = False,
) -> None:
    """Print the snippet that connects a client."""
    from app.cli.clients import known_clients, write_config

    if client not in known_clients():
        _fail(f"There is no client {client[:40]!r} here; there are: {', '.join(known_clients())}.")
    settings = _settings()
    print(write_config(client, settings.url, http=http, with_token=settings.auth == "token"))


@cli.command()
def tool(name: str, arguments: Annotated[str, typer.Argument(help="JSON")] = "{}") -> None:
    """Call one tool and print its answer as JSON."""
    from app.cli.call_tool import call_tool

    try:
        answer = run_program(call_tool(_settings(), name, arguments))
    except TodoError as error:
        print(json.dumps({"code": error.code, "message": error.text}, ensure_ascii=False))
        _fail(str(error))
    print(json.dumps(answer, ensure_ascii=False))


@cli.command()
def add(line: Annotated[str, typer.Argument(help="water the plants every monday at 18:00 #home !high")]) -> None:
    """Add a task from one line: title, time, repetition, #tags, !priority."""
    from app.cli.add_task import add_task

    try:
        answer, unread = run_program(add_task(_settings(), line))
    except TodoError as error:
        _fail(str(error))
    print(answer["message"])
    for reason in [*unread, *answer.get("warnings", [])]:
        print(reason, file=sys.stderr)


@cli.command()
def stats(
    days: Annotated[int, typer.Option(min=1, max=366, help="How many days up to today.")] = 14,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show what was added and done on each day, and what each list holds."""
    from rich.console import Console

    from app.cli.stats import read_stats, show_stats

    found = run_program(read_stats(_settings(), days))
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        show_stats(found, Console(highlight=False, markup=False))


@cli.command()
def chat(
    message: Annotated[str | None, typer.Option("-m", "--message", help="Say this one thing and end.")] = None,
    conversation: Annotated[str | None, typer.Option(help="Go on with this conversation.")] = None,
    model: Annotated[str | None, typer.Option(help="tasks-agent or offline-commands")] = None,
) -> None:
    """Talk to the assistant in this terminal."""
    from app.cli.terminal import talk

    if not run_program(talk(_settings(), message, conversation, model)):
        sys.exit(1)


@cli.command()
def migrate() -> None:
    """Bring the database to this version's schema."""
    from app.migrations import HEAD
    from app.service import migrate_database

    settings = _settings()
    done = run_program(migrate_database(settings))
    print(f"{settings.database_place} {'is now' if done else 'was already'} at schema {HEAD}.")


@cli.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="A list of {check, ok, detail}.")] = False) -> None:
    """Check this installation; exit code 1 if something is not well."""
    from app.cli.doctor import examine

    checks = run_program(examine(_settings()))
    if as_json:
        print(json.dumps(checks))
    else:
        for each in checks:
            print(f"{'ok  ' if each['ok'] else 'BAD '} {each['check']:<14}{each['detail']}")
    if not all(each["ok"] for each in checks):
        sys.exit(1)


@cli.command()
def health() -> None:
    """Ask the running process whether it is ready; exit code 1 if it is not."""
    from app.cli.health import ask_health

    ready, words = ask_health(_settings())
    if not ready:
        _fail(words)
    print(words)


@cli.command()
def bench(
    as_json: Annotated[
        bool, typer.Option("--json", help="A list of {name, value, unit, ratio?, target, met}.")
    ] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Only show that it runs; the figures do not count.")] = False,
    live: Annotated[bool, typer.Option("--live", help="The real chain, beside raw daprd, with outages.")] = False,
    write: Annotated[Path | None, typer.Option("--write", help="Also write the table to a Markdown file.")] = None,
) -> None:
    """Measure this machine: every surface beside a server that does nothing; exit code 1 if a target is missed."""
    if live:
        _call_live(lambda: _bench_live(as_json=as_json, quick=quick))
        return
    from app.bench.rows import write_rows
    from app.bench.run import Plan, measure_all
    from app.system import SystemClock

    plan = Plan(quick=quick)
    rows = run_program(measure_all(plan))
    if write is not None:
        write.write_text(write_rows(rows, plan.note, SystemClock().now()), "utf-8")
    _print_rows(rows, plan.note, as_json=as_json)


def _bench_live(*, as_json: bool, quick: bool) -> None:
    from app.bench.live import LivePlan, measure_live

    plan = LivePlan.make(quick=quick)
    _print_rows(run_program(measure_live(plan)), plan.note, as_json=as_json)


def _print_rows(rows: Sequence["Row"], note: str, *, as_json: bool) -> None:
    from app.bench.rows import show_rows

    if as_json:
        print(json.dumps([row.write() for row in rows]))
    else:
        show_rows(rows, note)
    if not note and any(row.met is False for row in rows):
        sys.exit(1)


@cli.command()
def faults(
    rounds: Annotated[int, typer.Option(min=1, help="Of every fault; some four minutes each on two cores.")] = 1,
    seed: Annotated[int, typer.Option(help="The same number gives the same orders and moments again.")] = 1,
    only: Annotated[list[str] | None, typer.Option(help="A fault by its name, as the table has it; repeat it.")] = None,
    soak: Annotated[float, typer.Option(help="Instead: minutes at twice the load, a random fault every 20 s.")] = 0,
) -> None:
    """Kill, stop and hang every part of the real chain under load, and print what was lost; exit code 1 if anything."""
    from app.faults.soak import soak_product, write_soak
    from app.faults.strikes import FAULTS
    from app.faults.table import fill_table, write_table

    chosen = [fault for fault in FAULTS if not only or fault.name in only]
    if unknown := set(only or ()) - {fault.name for fault in chosen}:
        _fail(f"No fault is called {', '.join(sorted(unknown))}; there are: {', '.join(each.name for each in FAULTS)}.")

    def say(words: str) -> None:
        print(words, file=sys.stderr, flush=True)

    problems: list[str] = []

    def play() -> None:
        if soak:
            soaked = soak_product(soak, seed, say, chosen)
            print(write_soak(soaked))
            problems.extend(soaked.problems)
        else:
            rows = fill_table(rounds, seed, say, chosen)
            print(write_table(rows))
            problems.extend(problem for row in rows for problem in row.problems)

    _call_live(play)
    if problems:
        sys.exit(1)


@events_cli.command()
def replay(
    parked: Annotated[bool, typer.Option("--parked", help="Events that the broker refused permanently.")] = False,
) -> None:
    """Set parked events, or failed reactions, free for another round of attempts."""
    from app.cli.replay import replay_events

    count = run_program(replay_events(_settings(), parked=parked))
    print(f"{count} set free.")


@events_cli.command()
def tail(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with those that come, until Ctrl-C.")] = False,
    count: Annotated[int, typer.Option("--count", "-n", min=0, help="How many of the last ones come first.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="The whole CloudEvents, one a line.")] = False,
) -> None:
    """Print events as they are recorded, and whether they are published."""
    from app.cli.tail import tail_events

    async def print_all() -> None:
        async for line in tail_events(_settings(), count, follow=follow, as_json=as_json):
            print(line, flush=True)

    run_program(print_all())


@events_cli.command()
def verify(
    brokers: Annotated[
        str | None, typer.Option(envvar="TODO_KAFKA_BROKERS", help="Kafka's addresses: host:port, with commas between.")
    ] = None,
    database: Annotated[
        bool, typer.Option("--database/--no-database", help="Compare with the database's outbox, if there is one.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="The whole report.")] = False,
) -> None:
    """Read the topics and tell what is missing, doubled, out of order or foreign; exit code 1 if anything is."""
    from app.cli.verify import show_report, verify_events

    settings = load_settings(**({"kafka_brokers": brokers} if brokers else {}))
    if settings.kafka_brokers is None:
        _fail("Name Kafka's addresses: --brokers host:port, or TODO_KAFKA_BROKERS.")
    # The embedded broker publishes to no topic.
    here = settings.broker == "dapr" and (settings.on_server or settings.database_path.exists())
    report = run_program(verify_events(settings, settings.kafka_brokers, use_database=database and here))
    if as_json:
        print(json.dumps(report.write(), ensure_ascii=False))
    else:
        show_report(report)
    if not report.ok:
        sys.exit(1)


@live_cli.command()
def up(
    detach: Annotated[bool, typer.Option("--detach", help="Return when it is ready; `live down` ends it.")] = False,
    port: Annotated[int, typer.Option(envvar="TODO_PORT", help="Where the product listens.")] = 8000,
    consumer_port: Annotated[
        int | None, typer.Option(help="Where the example consumer listens: a second daprd beside it.")
    ] = None,
    style: Annotated[str, typer.Option(envvar="TODO_TOPIC_STYLE", help="type, convention, single")] = "type",
    partitions: Annotated[int, typer.Option(min=1, help="Of each new topic.")] = 6,
) -> None:
    """Start it, built and fetched once, and keep it until Ctrl-C; everything ends with this process."""
    from infra.live import service
    from infra.live.topics import STYLES

    styles = [each for each in STYLES if each == style]
    if not styles:
        _fail(f"There is no style of topics {style[:40]!r}; there are: {', '.join(STYLES)}.")
    wish = service.Wish(port, consumer_port, styles[0], partitions)
    _call_live(lambda: service.detach(wish, print) if detach else service.keep_up(wish, print))


@live_cli.command()
def down() -> None:
    """End what `live up` started."""
    from infra.live import service

    _call_live(lambda: print("It is down." if service.take_down(print) else "Nothing was up."))


@live_cli.command()
def status() -> None:
    """Print what runs and where, and the settings that point the product at it."""
    from infra.live import service

    _call_live(lambda: print(service.show_status()))


def _call_live(work: Callable[[], None]) -> None:
    from infra.live.programs import LiveError

    try:
        work()
    except LiveError as error:
        _fail(str(error))


def _serve(settings: Settings) -> None:
    gc.disable()  # nothing that is imported is garbage; `calm_collector` enables it again
    from app.http import server as serving

    try:
        run_program(serving.serve(settings), log=settings.log)
    except serving.PortTaken as error:
        _fail(str(error))


def _settings() -> Settings:
    return load_settings()


def _fail(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(1)
