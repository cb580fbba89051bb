"""Secrets in files: a setting's value from the file that stands for it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

SECRETS = (
    ("database_url", "database_url_file", "TODO_DATABASE_URL"),
    ("APP_API_TOKEN", "APP_API_TOKEN_FILE", "APP_API_TOKEN"),
    ("DAPR_API_TOKEN", "DAPR_API_TOKEN_FILE", "DAPR_API_TOKEN"),
    ("kafka_password", "kafka_password_file", "TODO_KAFKA_PASSWORD"),
    ("kafka_ca", "kafka_ca_file", "TODO_KAFKA_CA"),
    ("OPENAI_API_KEY", "OPENAI_API_KEY_FILE", "OPENAI_API_KEY"),
    ("oidc_client_secret", "oidc_client_secret_file", "TODO_OIDC_CLIENT_SECRET"),
    ("token", "token_file", "TODO_TOKEN"),
    ("smtp_url", "smtp_url_file", "TODO_SMTP_URL"),
    ("vapid_key", "vapid_key_file", "TODO_VAPID_KEY"),
    ("apprise_targets", "apprise_targets_file", "TODO_APPRISE_TARGETS"),
)
"""Settings that a file may hold instead: the key of the value, the key of the file, and the variable's name."""


def read_files(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as given, with the values of those that a file holds; raises `ValueError` with all problems."""
    read = dict(given)
    problems = []
    for key, file_key, name in SECRETS:
        file = given.get(file_key)
        if not file:
            continue
        if given.get(key):
            problems.append(f"{name} and {name}_FILE are both set: give one of the two")
            continue
        try:
            read[key] = Path(file).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            problems.append(f"{name}_FILE: the file cannot be read")
    if problems:
        raise ValueError("\n".join(problems))
    return read
