"""The chain that `live up` runs, `live status` describes and `live down` stops."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, NoReturn

from events.catalog import TopicStyle
from infra.live.cache import Say, find_cache
from infra.live.chain import LiveChain, Plan
from infra.live.guard import list_tree, send
from infra.live.programs import LiveError, Program, wait_until
from infra.live.resources import CONSUMER, PRODUCT
from infra.live.sidecar import App, Daprd

_STOP_SECONDS = 40.0
_LOOK_EVERY = 1.0
_GO = "go\n"


@dataclass(frozen=True, slots=True)
class Wish:
    """The options of `live up`: the ports of the product and of the example consumer, and the topics."""

    port: int = 8000
    consumer_port: int | None = None
    style: TopicStyle = "type"
    partitions: int = 6


def _find_state() -> Path:
    return find_cache() / "up.json"


@contextmanager
def _own() -> Iterator[None]:
    """Hold the lock of this user's one chain; raises `LiveError` if a chain is up."""
    with _open_lock() as lock:
        if not _try_lock(lock):
            raise LiveError("The chain is up already: `live status` describes it, `live down` ends it.")
        yield


def _open_lock() -> IO[bytes]:
    path = find_cache() / "up.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("ab")


def _try_lock(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_up() -> bool:
    """Return whether a chain is up or starting."""
    with _open_lock() as lock:
        return not _try_lock(lock)


def keep_up(wish: Wish, say: Say, ready: threading.Event | None = None) -> None:
    """Start the chain and keep it until SIGINT or SIGTERM; raises `LiveError` if it cannot start."""
    before = signal.signal(signal.SIGTERM, _end)
    try:
        _keep_up(wish, say, ready)
    finally:
        signal.signal(signal.SIGTERM, before)


def _keep_up(wish: Wish, say: Say, ready: threading.Event | None) -> None:
    with _own():
        state = _find_state()
        _write_state(state, {"pid": os.getpid()})  # so that `live down` can end it while it still builds
        try:
            with LiveChain(Plan(partitions=wish.partitions), say) as chain:
                daprds = _start_daprds(chain, wish)
                _write_state(state, _describe(chain, daprds, wish))
                say(show_status())
                if ready is not None:
                    ready.set()
                _watch(chain, say)
        except KeyboardInterrupt:
            say("ending ...")
        finally:
            state.unlink(missing_ok=True)


def _end(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _start_daprds(chain: LiveChain, wish: Wish) -> list[Daprd]:
    app_token, dapr_token = os.environ.get("APP_API_TOKEN"), os.environ.get("DAPR_API_TOKEN")
    apps = [(PRODUCT, wish.port), (CONSUMER, wish.consumer_port)]
    daprds = [
        chain.add_daprd(App(app_id, port, app_token=app_token, dapr_token=dapr_token), wish.style)
        for app_id, port in apps
        if port is not None
    ]
    for daprd in daprds:
        daprd.begin()
    for daprd in daprds:
        daprd.wait_ready()
    return daprds


def _list_programs(chain: LiveChain) -> list[Program]:
    nodes = chain.kafka.nodes if chain.kafka else ()
    stores = [chain.postgres.program] if chain.postgres else []
    return [*stores, *(node.program for node in nodes), *(daprd.program for daprd in chain.daprds)]


def _watch(chain: LiveChain, say: Say) -> None:
    """Wait for a signal; report programs that have ended, since only daprd is restarted."""
    reported: set[str] = set()
    never = threading.Event()
    while not never.wait(_LOOK_EVERY):
        for program in _list_programs(chain):
            if not program.is_alive() and program.name not in reported:
                reported.add(program.name)
                say(f"{program.name} has ended:\n{program.read_end()}")


def _describe(chain: LiveChain, daprds: list[Daprd], wish: Wish) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    if chain.postgres:
        parts.append(_describe_part("postgres", f"127.0.0.1:{chain.postgres.port}", chain.postgres.program))
    if chain.kafka:
        parts += [_describe_part("kafka", node.address, node.program) for node in chain.kafka.nodes]
    parts += [_describe_part(f"daprd of {daprd.app.app_id}", daprd.url, daprd.program) for daprd in daprds]
    settings = {
        "TODO_BROKER": "dapr",
        "TODO_DAPR_HTTP": daprds[0].url,
        "TODO_DATABASE_URL": chain.database_url,
        "TODO_KAFKA_BROKERS": chain.brokers,
        "TODO_TOPIC_STYLE": wish.style,
        "TODO_PORT": str(wish.port),
    }
    return {"pid": os.getpid(), "parts": parts, "settings": settings, "wish": asdict(wish)}


def _describe_part(name: str, where: str, program: Program) -> dict[str, Any]:
    return {"name": name, "where": where, "guard": program.guard_pid, "log": str(program.log)}


def _write_state(path: Path, state: dict[str, Any]) -> None:
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    draft.touch(0o600)  # it holds the database's password
    draft.write_text(json.dumps(state), "utf-8")
    draft.replace(path)


def read_state() -> dict[str, Any] | None:
    """Return the state of the chain that is up, at first only its `pid`; None if none is up."""
    with suppress(OSError, ValueError):
        state: dict[str, Any] = json.loads(_find_state().read_text("utf-8"))
        return state if is_up() else None
    return None


def show_status() -> str:
    """Return shell text: the running parts as comments, then the settings that point the product at them.

    Raises `LiveError` if no chain is up.
    """
    state = read_state()
    if state is None:
        raise LiveError("Nothing is up: `live up` starts it.")
    if "parts" not in state:
        raise LiveError("The chain is on its way.")
    lines = []
    for part in state["parts"]:
        running = list_tree(part["guard"])[:1]
        how = f"process {running[0]}" if running else "not running (`live down` and `live up` begin anew)"
        lines.append(f"# {part['name']:<24}{part['where']:<26}{how}, says into {part['log']}")
    lines += [f"{name}='{value}'" for name, value in state["settings"].items()]
    return "\n".join(lines)


def take_down(say: Say) -> bool:
    """Stop the chain that is up or starting, by its process id; return whether there was one."""
    state = read_state()
    if state is None:
        return False
    say("ending ...")
    send(state["pid"], signal.SIGTERM)
    try:
        wait_until(lambda: not is_up(), _STOP_SECONDS, "the chain's end")
    except LiveError:
        send(state["pid"], signal.SIGKILL)  # the guards notice and clean up
        wait_until(lambda: not is_up(), _STOP_SECONDS, "the chain's end")
    return True


def detach(wish: Wish, say: Say) -> None:
    """Start the chain in its own process and return when it is ready; raises `LiveError` if it does not come up."""
    with subprocess.Popen(  # noqa: S603  # this module, in a process of its own
        [sys.executable, "-m", "infra.live.service", json.dumps(asdict(wish))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as child:
        assert child.stdout is not None  # noqa: S101  # asked for
        assert child.stdin is not None  # noqa: S101
        heard: list[str] = []
        for line in child.stdout:
            if line == _GO:
                child.stdin.write(_GO)
                child.stdin.close()
                child.returncode = 0  # it stays up; leaving the block must not wait for it
                return
            heard.append(line.rstrip())
            say(heard[-1])
        code = child.wait()
    raise LiveError(f"The chain did not come up (exit code {code}).")


def main() -> None:
    """Run as the process that `detach` starts; end if the starter ends before the chain is up."""
    ready = threading.Event()

    def say(words: str) -> None:
        with suppress(OSError):
            print(words, flush=True)

    def hear() -> None:
        if sys.stdin.readline() != _GO:
            os.kill(os.getpid(), signal.SIGTERM)

    def tell() -> None:
        ready.wait()
        say(_GO.rstrip())

    for work in (hear, tell):
        threading.Thread(target=work, daemon=True).start()
    try:
        keep_up(Wish(**json.loads(sys.argv[1])), say, ready)
    except LiveError as error:
        say(str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
