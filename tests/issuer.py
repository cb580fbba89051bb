"""An OpenID Connect issuer of the tests on a loopback port: it logs in whom a test wants; its answers can be bent."""

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic_core import to_json

CLIENT = "todo"
SECRET = "client secret, 100% +/= secret"  # noqa: S105  # made up; its characters must be escaped
PATH = "/realms/home"
KEY = rsa.generate_private_key(65537, 2048)


@dataclass
class OutsideIssuer:
    """What it does and what it saw; `claims`, `about` and `answer` change what it says, `token_status` what it does."""

    url: str
    now: Callable[[], datetime]
    redirect: str = "http://127.0.0.1:8000/login/callback"
    subject: str = "ann-1"
    secret: str = SECRET
    key: Any = KEY
    algorithm: str = "RS256"
    header: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=dict)
    token_status: int = 200
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    forms: list[dict[str, str]] = field(default_factory=list)
    by_header: list[bool] = field(default_factory=list)

    def log_in(self, address: str) -> str:
        """Log the person in who was sent here, as the issuer's own page does; return where the browser goes."""
        asked = dict(parse_qsl(urlsplit(address).query))
        assert address.startswith(f"{self.url}/auth?"), address
        assert (asked["response_type"], asked["client_id"], asked["redirect_uri"]) == ("code", CLIENT, self.redirect)
        assert "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256"
        assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) == 43
        code = f"code-{len(self.codes) + 1}"
        self.codes[code] = {**asked, "subject": self.subject}
        answer = {"code": code, "state": asked["state"], "iss": self.url, **self.answer}
        return f"{self.redirect}?{urlencode({name: value for name, value in answer.items() if value is not None})}"

    def describe(self) -> dict[str, Any]:
        """Return the metadata."""
        about = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/auth",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "authorization_response_iss_parameter_supported": True,
            **self.about,
        }
        return {name: value for name, value in about.items() if value is not None}

    def publish(self) -> dict[str, Any]:
        """Return the public key."""
        public: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
        return {"keys": [{**public, "kid": "one", "use": "sig"}]}

    def redeem(self, form: dict[str, str], authorization: str) -> tuple[int, Any]:
        """Return status and answer for a code; it works once, for its client, verifier and redirect."""
        self.forms.append(form)
        self.by_header.append(bool(authorization))
        client, secret = form.get("client_id", ""), form.get("client_secret", "")
        if authorization:
            pair = base64.b64decode(authorization.removeprefix("Basic ")).decode()
            client, secret = (unquote_plus(part) for part in pair.split(":"))
        asked = self.codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=")
        if self.token_status != 200:
            return self.token_status, {"error": "server_error"}
        if (client, secret) != (CLIENT, self.secret):
            return 401, {"error": "invalid_client"}
        if (
            asked is None
            or form.get("grant_type") != "authorization_code"
            or form.get("redirect_uri") != asked["redirect_uri"]
            or challenge.decode() != asked["code_challenge"]
        ):
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "opaque", "token_type": "Bearer", "id_token": self.sign(asked)}

    def sign_by(self, key: Any, algorithm: str) -> None:
        """Sign in another way from here on."""
        self.key, self.algorithm = key, algorithm

    def sign(self, asked: dict[str, str]) -> str:
        """Return the ID token of who has logged in."""
        now = self.now()
        claims = {
            "iss": self.url,
            "sub": asked["subject"],
            "aud": CLIENT,
            "exp": now + timedelta(minutes=5),
            "iat": now,
            "nonce": asked["nonce"],
            **self.claims,
        }
        held = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(held, self.key, self.algorithm, {"kid": "one", **self.header})


@contextmanager
def serve_issuer(now: Callable[[], datetime], **settings: Any) -> Iterator[OutsideIssuer]:
    """Serve an issuer; on its page a person follows one link to log in."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that http.server looks for
            path, _, query = self.path.partition("?")
            if path == f"{PATH}/.well-known/openid-configuration":
                self._send(200, issuer.describe())
            elif path == f"{PATH}/keys":
                self._send(200, issuer.publish())
            elif path == f"{PATH}/auth":
                link = f'<link rel="icon" href="data:,"><a href="{PATH}/agree?{query}">It is me</a>'
                self._send(200, link.replace("&", "&amp;").encode(), "text/html")
            elif path == f"{PATH}/agree":
                self.send_response(302)
                self.send_header("Location", issuer.log_in(f"{issuer.url}/auth?{query}"))
                self.end_headers()
            else:
                self._send(404, {})

        def do_POST(self) -> None:  # as above
            form = self.rfile.read(int(self.headers["content-length"])).decode()
            if self.path == f"{PATH}/token":
                self._send(*issuer.redeem(dict(parse_qsl(form)), self.headers.get("authorization", "")))
            else:
                self._send(404, {})

        def _send(self, status: int, body: Any, kind: str = "application/json") -> None:
            data = body if isinstance(body, bytes) else to_json(body)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer = OutsideIssuer(f"http://127.0.0.1:{server.server_port}{PATH}", now, **settings)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield issuer
        finally:
            server.shutdown()
