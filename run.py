"""The bootstrap: makes the locked environment once, outside the repository, and runs the product or its tests in it."""
# ruff: noqa: S603, S606 - it starts what it was asked to start

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT, WINDOWS = Path(__file__).resolve().parent, sys.platform == "win32"
TESTS = "pytest -n 3 --no-loadscope-reorder"  # on two cores: a third of a worker's time is waiting
CHECKS = ("ruff check", "ruff format --check", "mypy", "lint-imports", TESTS)  # the tests' closing line comes last
LINT_IMPORTS = "import sys, importlinter.cli as cli; sys.exit(cli.lint_imports_command())"  # it has no `-m` form


def find_cache():
    """Return the product's folder in the user's cache directory; it may be deleted at any time."""
    homes = {"win32": ("LOCALAPPDATA", "AppData/Local"), "darwin": ("", "Library/Caches")}
    variable, folder = homes.get(sys.platform, ("XDG_CACHE_HOME", ".cache"))
    named = Path(os.environ.get(variable, ""))
    return (named if named.is_absolute() else Path.home() / folder) / "evolution-todo"


def attempt(*command, **defaults):
    """Return whether a step of the set-up succeeded, and what it printed; stdin is left to the product."""
    environ = {**defaults, **os.environ, "PYTHONPATH": "", "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    try:
        done = subprocess.run([str(word) for word in command], cwd=str(find_cache()), env=environ, check=False, **pipes)
    except OSError as error:
        return False, str(error)
    return done.returncode == 0, done.stdout.strip()


def find_uv(pip):
    """Return a uv of at least 0.5: the one on PATH, else the pinned wheel, fetched by pip; None where neither runs."""
    version = attempt("uv", "--version")[1].split()
    if version[:1] == ["uv"] and [int(part) for part in version[1].split(".")[:2]] >= [0, 5]:
        return "uv"
    pin = ROOT / "requirements-uv.lock"
    folder = find_cache() / pin.read_text("utf-8").split()[0].replace("==", "-")
    uv = folder / "bin" / ("uv.exe" if WINDOWS else "uv")
    if not attempt(uv, "--version")[0]:
        attempt(*pip, "install", "--only-binary=:all:", "--require-hashes", "--upgrade", "--target", folder, "-r", pin)
    return uv if attempt(uv, "--version")[0] else None


def build(env, python, lock):
    """Fill `env` with exactly what `lock` names, by uv, else by pip; where neither can, end with one sentence."""
    has_pip = attempt(sys.executable, "-m", "pip", "--version")[0]
    pip = (sys.executable if has_pip else python, "-m", "pip", "--disable-pip-version-check", "--no-input")
    made, said = attempt(sys.executable, "-m", "venv", "--clear", "--without-pip", env)
    if made and not has_pip:
        has_pip, said = attempt(python, "-m", "ensurepip")
    uv = made and find_uv(pip)
    if uv:  # any index will do, the hashes decide: uv gets pip's, and trusts what the machine trusts
        index = os.environ.get("PIP_INDEX_URL") or attempt(*pip, "config", "get", "global.index-url")[1]
        known = {"UV_SYSTEM_CERTS": "1", "UV_NATIVE_TLS": "1"} | ({"UV_DEFAULT_INDEX": index} if "://" in index else {})
        options = ("--require-hashes", "--compile-bytecode", "--index-strategy=unsafe-best-match")
        if attempt(uv, "pip", "sync", "--python", python, *options, lock, **known)[0]:
            return
    if not (made and has_pip):
        sys.exit(f"run.py: this Python makes no environments: try `apt install python3-venv`, or install uv. {said}")
    sys.stderr.write("run.py: uv cannot do it here; going on with pip (about a minute) ...\n")
    done, said = attempt(*pip, "--python", python, "install", "--no-deps", "--require-hashes", "-r", lock)
    if not done:
        sys.exit(f"run.py: cannot install the dependencies; is the package index reachable? {said.splitlines()[-1]}")


def find_python(lock):
    """Return the Python of the environment that `lock` describes, made first where there is none."""
    key = lock.read_bytes() + repr((sys.version, sys.base_prefix, sys.platform)).encode()
    env = find_cache() / f"env-{hashlib.sha256(key).hexdigest()[:16]}"
    python = Path("Scripts/python.exe" if WINDOWS else "bin/python")
    if not (env / python).exists():
        import sqlite3  # its lock works everywhere, waits, and ends with its process: nothing stale can remain
        from shutil import rmtree

        env.parent.mkdir(parents=True, exist_ok=True)
        turn = sqlite3.connect(str(env.parent / "setup.lock"), timeout=600, isolation_level=None)
        turn.execute("BEGIN EXCLUSIVE")
        if not (env / python).exists():  # another process may have made it in between
            sys.stderr.write("run.py: setting up once (about 20 s) ...\n")
            for unfinished in (env, *env.parent.glob("env-*.*")):
                rmtree(str(unfinished), ignore_errors=True)
            draft = env.with_suffix(f".{os.getpid()}")  # renamed when it is whole: half an environment is never seen
            build(draft, draft / python, lock)
            draft.rename(env)
        turn.close()
    return str(env / python)


def main(arguments):
    """Run the tests, a release, or else the product's CLI, `serve` by default; return what `sys.exit` takes."""
    first = (arguments or ["serve"])[0]
    python = find_python(ROOT / ("requirements-dev.lock" if first == "test" else "requirements.lock"))
    # PYTHONPATH, unlike a .pth file, lets checkouts share an environment; -P keeps out an `app` folder that lies there.
    own = {"PYTHONPATH": str(ROOT), "PYTHONTZPATH": "", "PYTHONDONTWRITEBYTECODE": ""}  # the locked tzdata; bytecode
    own["MYPY_CACHE_DIR"] = str(find_cache() / "mypy")  # a clean clone has the same modules
    os.environ.update({**own, "TODO_TEST_LONG": "1"} if "--long" in arguments else own)
    if first != "test":
        words = ["app.release"] if first == "release" else ["evolution_todo", first]
        command = [python, "-P", "-m", *words, *arguments[1:]]
        if WINDOWS:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the child too, which ends in its own time
        return subprocess.call(command) if WINDOWS else os.execv(python, command)
    failed, rest = [], [word for word in arguments[1:] if word != "--long"]
    for name in CHECKS:
        print(f"== {name}", flush=True)
        words = ["-c", LINT_IMPORTS] if name == "lint-imports" else ["-m", *name.split()]
        failed += [name] if subprocess.call([python, *words, *(rest if name == TESTS else [])], cwd=str(ROOT)) else []
    return f"run.py: failed: {', '.join(failed)}" if failed not in ([], [TESTS]) else len(failed)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]) if sys.version_info >= (3, 11) else "run.py: Python 3.11 or newer is needed.")
    except OSError as error:
        sys.exit(f"run.py: cannot set up ({error}); XDG_CACHE_HOME may name another cache folder")
