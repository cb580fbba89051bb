"""The judges' programs: built by Go once per version, and kept beside those of the real chain."""

from pathlib import Path

from infra.live.builds import gently, run_long
from infra.live.cache import Say, provide
from infra.live.machine import find_go
from infra.live.programs import ToolsMissing
from infra.live.versions import JUDGES

_MODULES = {
    "apiextensions-apiserver": ("k8s.io/apiextensions-apiserver", "apiextensions_apiserver"),
    "kube-score": ("github.com/zegl/kube-score/cmd/kube-score", "kube_score"),
    "kubeconform": ("github.com/yannh/kubeconform/cmd/kubeconform", "kubeconform"),
    "kustomize": ("sigs.k8s.io/kustomize/kustomize/v5", "kustomize"),
}
"""The Go package of each program, and its entry in the set of versions."""
LONG_BUILDS = frozenset({"apiextensions-apiserver"})
"""Minutes of processor time: built on the first long test run alone."""


def provide_judge(name: str, say: Say) -> Path:
    """Return the path of a judge, built on the first call; raises `ToolsMissing` without a Go that can."""
    package, entry = _MODULES[name]
    version = JUDGES[entry]

    def build(draft: Path) -> None:
        say(f"{name} {version}: building it once")
        # Go checks what it downloads against its public checksum database.
        environment = {"CGO_ENABLED": "0", "GOBIN": str(draft), "GOWORK": "off"}
        command = [*gently(), find_judging_go(), "install", f"{package}@v{version}"]
        run_long(f"{name}-build", command, draft, environment, say)

    return provide(f"{name}-{version}", build, say) / name


def find_judging_go() -> Path:
    """Return the path of a Go that builds the judges; raises `ToolsMissing`."""
    try:
        return find_go()
    except ToolsMissing as error:
        raise ToolsMissing(str(error).replace("to build daprd", "to build what judges our files, and daprd")) from None
