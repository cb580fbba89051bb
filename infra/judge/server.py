"""The API server's own code for custom resources, on etcd, and without a cluster: it judges them as a cluster does."""

import json
import shutil
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from infra.judge.programs import provide_judge
from infra.live.cache import Say
from infra.live.ports import LOOPBACK, PortBook
from infra.live.programs import Command, LiveError, Program, ToolsMissing, wait_until

Manifest = dict[str, Any]

_READY_SECONDS = 120.0
_ESTABLISHED_SECONDS = 60.0
_NO_PLUGINS = (
    "NamespaceLifecycle,MutatingAdmissionWebhook,ValidatingAdmissionWebhook,ValidatingAdmissionPolicy,"
    "MutatingAdmissionPolicy"
)
"""Admission that asks other servers, which do not run here."""
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class _Core(BaseHTTPRequestHandler):
    """What the server asks of a cluster's core: whether a caller may, which every caller may here."""

    def do_POST(self) -> None:  # the base class asks for this name
        self.rfile.read(int(self.headers.get("content-length", 0)))
        allowed = self.path.startswith("/apis/authorization.k8s.io/v1/subjectaccessreviews")
        review = {"kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "status": {"allowed": True}}
        self._answer(201 if allowed else 404, review if allowed else {})

    def do_GET(self) -> None:  # the base class asks for this name
        self._answer(404, {})

    def log_message(self, *_: object) -> None:
        """Stay silent."""

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class ResourceServer:
    """A running API server for custom resources; `folder` holds its data, which end with it."""

    def __init__(self, folder: Path, say: Say) -> None:
        self._folder = folder
        self._say = say
        self._stack = ExitStack()
        self._url = ""
        self._trust = ssl.create_default_context()
        self._trust.check_hostname = False
        self._trust.verify_mode = ssl.CERT_NONE  # it makes a certificate for itself

    def __enter__(self) -> Self:
        """Start it and wait until it answers; raises `LiveError` or `ToolsMissing`."""
        etcd, server = find_etcd(), provide_judge("apiextensions-apiserver", self._say)
        with ExitStack() as stack:
            book = PortBook()
            stack.callback(book.close)
            store = self._start_etcd(stack, etcd, book)
            core = self._start_core(stack)
            port = book.take()
            self._url = f"https://{LOOPBACK}:{port}"
            program = Program("apiserver", self._write_command(server, store, core, port), self._folder)
            stack.callback(program.kill)
            program.start()
            self._wait_ready(program)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End it and all that it needs."""
        self._stack.close()

    def define(self, definitions: Sequence[Manifest]) -> None:
        """Make custom resources known, and wait until they are served; raises `LiveError` with the server's reason."""
        for definition in definitions:
            self._must(*self._call("POST", _DEFINITIONS, definition))
        for definition in definitions:
            name = definition["metadata"]["name"]
            wait_until(lambda name=name: self._is_established(name), _ESTABLISHED_SECONDS, f"{name} is served")  # type: ignore[misc]  # a default binds the loop's value

    def create(self, manifest: Manifest) -> str:
        """Create an object, strictly; return the server's reason if it refuses, "" if it takes it."""
        group, plural = self._find_resource(manifest)
        if not plural:
            return f"there is no {manifest['kind']} in {manifest['apiVersion']}"
        namespace = manifest["metadata"].get("namespace", "default")
        path = f"/apis/{group}/namespaces/{namespace}/{plural}?fieldValidation=Strict"
        status, answer = self._call("POST", path, manifest)
        return "" if status == 201 else str(answer.get("message", status))

    def _find_resource(self, manifest: Manifest) -> tuple[str, str]:
        group = manifest["apiVersion"]
        _, answer = self._call("GET", f"/apis/{group}", None)
        kinds = {each["kind"]: each["name"] for each in answer.get("resources", []) if "/" not in each["name"]}
        return group, kinds.get(manifest["kind"], "")

    def _is_established(self, name: str) -> bool:
        _, answer = self._call("GET", f"{_DEFINITIONS}/{name}", None)
        conditions = {each["type"]: each["status"] for each in answer.get("status", {}).get("conditions", [])}
        if conditions.get("Established") != "True":
            return False
        spec = answer["spec"]
        served = [version["name"] for version in spec["versions"] if version["served"]]
        return all(self._call("GET", f"/apis/{spec['group']}/{version}", None)[0] == 200 for version in served)

    def _start_etcd(self, stack: ExitStack, etcd: Path, book: PortBook) -> str:
        url, peers = (f"http://{LOOPBACK}:{book.take()}" for _ in range(2))
        command: Command = [etcd, f"--data-dir={self._folder / 'etcd'}", f"--listen-client-urls={url}"]
        command += [f"--advertise-client-urls={url}", f"--listen-peer-urls={peers}", "--unsafe-no-fsync"]
        program = Program("etcd", command, self._folder)
        stack.callback(program.kill)
        program.start()
        return url

    def _start_core(self, stack: ExitStack) -> str:
        core = ThreadingHTTPServer((LOOPBACK, 0), _Core)
        thread = threading.Thread(target=core.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        stack.callback(thread.join, 10)
        stack.callback(core.server_close)
        stack.callback(core.shutdown)
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "core", "cluster": {"server": f"http://{LOOPBACK}:{core.server_port}"}}],
            "users": [{"name": "judge", "user": {}}],
            "contexts": [{"name": "core", "context": {"cluster": "core", "user": "judge"}}],
            "current-context": "core",
        }
        path = self._folder / "kubeconfig"
        path.write_text(yaml.safe_dump(config), "utf-8")
        return str(path)

    def _write_command(self, server: Path, store: str, kubeconfig: str, port: int) -> Command:
        return [
            server,
            f"--etcd-servers={store}",
            f"--secure-port={port}",
            f"--bind-address={LOOPBACK}",
            f"--cert-dir={self._folder / 'certificates'}",
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            "--authentication-skip-lookup",
            "--enable-priority-and-fairness=false",
            f"--disable-admission-plugins={_NO_PLUGINS}",
        ]

    def _wait_ready(self, program: Program) -> None:
        def is_ready() -> bool:
            if not program.is_alive():
                raise LiveError(f"the API server for custom resources has ended:\n{program.read_end()}")
            # Not `/readyz`: it also waits for services, which a server for custom resources alone never has.
            return self._call("GET", _DEFINITIONS, None)[0] == 200

        wait_until(is_ready, _READY_SECONDS, "the API server for custom resources is ready")

    def _call(self, method: str, path: str, body: Manifest | None) -> tuple[int, dict[str, Any]]:
        """Return the status and the answer; 0 if there is none."""
        content = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", "accept": "application/json"}
        request = urllib.request.Request(self._url + path, content, headers, method=method)  # noqa: S310  # our own address
        try:
            with urllib.request.urlopen(request, timeout=30, context=self._trust) as answer:  # noqa: S310  # our own address
                return answer.status, _read(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _read(error.read())
        except OSError:
            time.sleep(0.1)
            return 0, {}

    def _must(self, status: int, answer: dict[str, Any]) -> None:
        if status != 201:
            raise LiveError(f"a definition is refused: {answer.get('message', status)}")


def find_etcd() -> Path:
    """Return the path of etcd; raises `ToolsMissing`."""
    found = shutil.which("etcd")
    if found is None:
        raise ToolsMissing("etcd is needed to judge custom resources: `apt install etcd-server`.")
    return Path(found)


def _read(content: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(content)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
