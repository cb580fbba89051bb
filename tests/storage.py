"""The kind of database that tests open their worlds on."""

import os
from dataclasses import dataclass

from tests.postgres import Cluster

DEFAULT = os.environ.get("TODO_TEST_DATABASE", "sqlite")
"""`postgresql` moves every test there, except those about SQLite's file."""


@dataclass
class Storage:
    """The database of the current test; `cluster` is the server if one has been started."""

    kind: str = DEFAULT
    cluster: Cluster | None = None


STORAGE = Storage()
