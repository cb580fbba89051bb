"""The wheel runs in an environment of its own, and says so where it shares one with packages of the same names."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.release.artefact import Lacking
from app.release.wheel import make_wheel
from app.release.workshop import find_uv, run
from infra.live.cache import Say
from infra.live.ports import find_free_port
from tests.architecture.ours import PACKAGES, PYPROJECT, ROOT
from tests.integration.processes.test_ended import wait_for
from tests.shipping.conftest import refuse

PROMISES = ("wheel",)

VERSION = PYPROJECT["project"]["version"]
LONG = pytest.mark.long("it builds and installs the wheel")


def lay_out_site(folder: Path) -> Path:
    """Write what an installer would: our command, a part of each package, and the list of what was installed."""
    site = folder / "site"
    about = site / f"evolution_todo-{VERSION}.dist-info"
    about.mkdir(parents=True)
    shutil.copy(ROOT / "evolution_todo.py", site)
    for name in PACKAGES:
        (site / name).mkdir()
        (site / name / "__init__.py").touch()
    (site / "app/cli").mkdir()
    (site / "app/cli/__init__.py").touch()
    (site / "app/cli/main.py").write_text("def main(): print('it runs')\n", "utf-8")
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: evolution-todo\nVersion: {VERSION}\n", "utf-8")
    files = [path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()]
    (about / "RECORD").write_text("".join(f"{name},,\n" for name in [*files, f"{about.name}/RECORD"]), "utf-8")
    return site


def start(*places: Path) -> subprocess.CompletedProcess[str]:
    program = "import sys; sys.path[:0] = sys.argv[1:]; import evolution_todo; evolution_todo.main()"
    command = [sys.executable, "-I", "-S", "-c", program, *map(str, places)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_alone_it_runs(tmp_path: Path) -> None:
    done = start(lay_out_site(tmp_path))
    assert (done.returncode, done.stdout.strip()) == (0, "it runs"), done.stderr


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_of_the_same_name_that_comes_first_is_named(tmp_path: Path, name: str) -> None:
    other = tmp_path / "other"
    (other / name).mkdir(parents=True)
    (other / name / "__init__.py").touch()
    done = start(other, lay_out_site(tmp_path))
    assert done.returncode == 1
    assert f"other packages named {name}." in done.stderr
    assert "uvx" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_that_shares_a_folder_is_named(tmp_path: Path, name: str) -> None:
    site = lay_out_site(tmp_path)
    (site / name / "theirs.py").touch()
    done = start(site)
    assert done.returncode == 1
    assert f"other packages named {name}." in done.stderr


def test_a_package_that_was_overwritten_away_is_named(tmp_path: Path) -> None:
    site = lay_out_site(tmp_path)
    shutil.rmtree(site / "tools")
    assert "named tools." in start(site).stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, say: Say) -> Path:
    """The wheel, as a release builds and judges it."""
    try:
        (made,) = make_wheel(tmp_path_factory.mktemp("wheel"), VERSION, say).files
    except Lacking as why:
        refuse(why)
    return made


@LONG
def test_it_serves_by_uvx(wheel: Path, tmp_path: Path) -> None:
    port = find_free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TODO_")}
    environment = {**kept, "UV_SYSTEM_CERTS": "1", "TODO_DATA_DIR": str(tmp_path), "TODO_PORT": str(port)}
    uvx = [find_uv(), "tool", "run", "--python", sys.executable, "--from", str(wheel), "evolution-todo"]
    made = subprocess.run([*uvx, "migrate"], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr[-2000:]
    process = subprocess.Popen([*uvx, "serve"], env=environment, cwd=tmp_path, stderr=subprocess.DEVNULL)
    try:
        wait_for(f"http://127.0.0.1:{port}/readyz")
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


@LONG
def test_in_a_shared_environment_it_says_what_to_do(wheel: Path, tmp_path: Path) -> None:
    uv, env = find_uv(), tmp_path / "env"
    run(uv, "venv", "--python", sys.executable, str(env))
    run(uv, "pip", "install", "--python", str(env / "bin/python"), "--no-deps", str(wheel))
    (site,) = (env / "lib").glob("python3*/site-packages")
    (site / "app/my_own.py").touch()
    done = subprocess.run([env / "bin/evolution-todo", "serve"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "shares this environment with other packages named app" in done.stderr
    assert "Traceback" not in done.stderr


@LONG
def test_its_plugin_runs_the_tests_of_others(wheel: Path, tmp_path: Path) -> None:
    uv, python, theirs = find_uv(), str(tmp_path / "env/bin/python"), tmp_path / "theirs"
    run(uv, "venv", "--python", sys.executable, str(tmp_path / "env"))
    run(uv, "pip", "install", "--python", python, f"{wheel}[testing]")
    theirs.mkdir()
    (theirs / "test_milk.py").write_text(
        "def test_milk(todo):\n    todo.call('create_task', title='Milk')\n    assert len(todo.events) == 1\n", "utf-8"
    )
    command = [python, "-m", "pytest", "-q", "-W", "error", str(theirs)]
    done = subprocess.run(command, cwd=theirs, capture_output=True, text=True, check=False)
    assert "1 passed" in done.stdout, done.stdout[-2000:]
    (theirs / "app").mkdir()
    (theirs / "app/__init__.py").touch()
    done = subprocess.run(command, cwd=theirs, capture_output=True, text=True, check=False)
    assert "cannot run beside other packages named app" in done.stdout, done.stdout[-2000:]
