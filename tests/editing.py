"""Edits of a folder of results, as an editor makes them who knows the arena well."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from arena.audit.rewriting import TablesToRewrite
from arena.results.store import Store

Edit = Callable[[sqlite3.Connection], None]


def rewrite(folder: Path, edit: Edit, *, careful: bool) -> None:
    """Edit the store, and have the arena write the tables anew; the digests stay unless the editor is careful."""
    digests = json.loads((folder / "standings.json").read_text())["digests"]
    tables = TablesToRewrite(folder)
    with closing(sqlite3.connect(folder / "results.sqlite", isolation_level=None)) as connection:
        edit(connection)
    with Store(folder / "results.sqlite") as store:
        tables.write(store)
    if not careful:
        path = folder / "standings.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "digests": digests}))


def set_field(field: str, value: object, condition: str) -> Edit:
    def edit(connection: sqlite3.Connection) -> None:
        set_to = f"record = json_set(record, '$.{field}', ?1)"
        beside = f", {field} = ?1" if field in ("isolation", "outcome") else ""
        connection.execute(f"UPDATE episodes SET {set_to}{beside} WHERE {condition}", (value,))

    return edit


def of(name: str) -> str:
    return f"json_extract(record, '$.submission') = '{name}'"
