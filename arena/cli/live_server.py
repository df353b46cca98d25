"""The server of `arena serve`: a folder of results on loopback, while its evaluation runs and afterwards."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import sys
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from arena.cli.console import warn
from arena.cli.live_status import read_status
from arena.cli.progress import describe_playing, describe_rate, describe_seconds
from arena.progress import Playing

ADDRESS: Final = "127.0.0.1"
_REFRESH: Final = 5
"""Seconds between two loadings of the page of progress, and least seconds between two renderings of the standings."""
_FILES: Final = {
    "report.html": "text/html; charset=utf-8",
    "standings.json": "application/json",
    "episodes.csv": "text/csv; charset=utf-8",
}
"""Files of a folder of results that are served, and their types. Beside them only replays are."""
_STYLE: Final = (
    ":root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;margin:1rem}"
    "h1{overflow-wrap:anywhere}td,th{padding:0 1rem 0 0;text-align:left;overflow-wrap:anywhere}"
)
_STYLE_DIGEST: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY: Final = f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; base-uri 'none'; frame-ancestors 'none'"


class LiveServer(ThreadingHTTPServer):
    """A server on loopback that shows one folder of results."""

    daemon_threads = True

    def __init__(self, folder: Path, port: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the folder, the port (0 for any free one) and a clock in seconds.

        Raises:
            OSError: the port cannot be used.
        """
        super().__init__((ADDRESS, port), _Handler)
        self.folder = folder
        self._clock = clock
        self._lock = threading.Lock()
        self._page: bytes | None = None
        self._rendered = 0.0
        self._pause = 0.0

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell of an error in one line; a browser that closes its connection early is none."""
        error = sys.exception()
        if not isinstance(error, OSError):
            warn(f"a request failed: {error!r:.200}")

    @property
    def hosts(self) -> set[str]:
        """Names by which requests may address the server."""
        return {f"{name}:{self.server_port}" for name in (ADDRESS, "localhost")}

    def standings_page(self) -> bytes | None:
        """Return the page of standings, of a running evaluation no more than seconds old; None without an episode."""
        status = read_status(self.folder)
        if status is None:
            return self.file("report.html")
        with self._lock:
            if self._page is None or self._clock() - self._rendered >= self._pause:
                self._page = self._render(status) or self._page
        return self._page

    def _render(self, status: dict[str, Any]) -> bytes | None:
        from arena.errors import ArenaError
        from arena.report.live import render_live

        began = self._clock()
        try:
            page = render_live(self.folder, status.get("terms") or {}).encode()
        except (ArenaError, ValueError):
            page = None  # The store is not there yet, or is being replaced.
        self._rendered = self._clock()
        # A large store takes long to read: most of the time is left to the evaluation.
        self._pause = max(_REFRESH, 10 * (self._rendered - began))
        return page

    def kind_of(self, name: str) -> str | None:
        """Return the type of a file that is served: those of results, and replays; None for any other name."""
        from arena.report.replay import written_replays

        is_replay = name.startswith("replay/") and name in written_replays(self.folder)
        return _FILES["report.html"] if is_replay else _FILES.get(name)

    def file(self, name: str) -> bytes | None:
        """Return one of the files that are served; None if it is not there."""
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            return None


class _Handler(BaseHTTPRequestHandler):
    server: LiveServer
    timeout = 30
    server_version = "arena"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer a request."""
        # A page of a stranger's whose name was made to lead to this machine still names itself here.
        if self.headers.get("Host", "") not in self.server.hosts:
            self._send(HTTPStatus.FORBIDDEN, b"this server is for the machine that it runs on\n")
            return
        path = self.path.partition("?")[0]
        if path == "/":
            self._send(HTTPStatus.OK, _front(self.server.folder).encode(), "text/html; charset=utf-8", _POLICY)
        elif path == "/status.json":
            content = json.dumps(public_status(self.server.folder)).encode()
            self._send(HTTPStatus.OK, content, "application/json")
        elif (kind := self.server.kind_of(path.removeprefix("/"))) is not None:
            name = path.removeprefix("/")
            content_there = self.server.standings_page() if name == "report.html" else self.server.file(name)
            if content_there is None:
                self._send(HTTPStatus.NOT_FOUND, b"not there yet\n")
            else:
                self._send(HTTPStatus.OK, content_there, kind)
        else:
            self._send(HTTPStatus.NOT_FOUND, b"not found\n")

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

    def _send(
        self, status: HTTPStatus, content: bytes, kind: str = "text/plain; charset=utf-8", policy: str = ""
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        if policy:
            self.send_header("Content-Security-Policy", policy)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing: the terminal belongs to the user."""


def public_status(folder: Path) -> dict[str, Any]:
    """Return the state of a folder: `state` is `running` or `idle`, the rest as `arena.cli.live_status` writes it."""
    status = read_status(folder)
    if status is None:
        return {"state": "idle", "standings": (folder / "standings.json").is_file()}
    return {"state": "running", **{name: value for name, value in status.items() if name not in ("terms", "process")}}


def _front(folder: Path) -> str:
    """Return the page of progress, which loads itself again; it has no script."""
    status = public_status(folder)
    rows: list[tuple[str, str]] = []
    of_each = ""
    if status["state"] == "running":
        rate, left = status.get("rate"), status.get("seconds_left")
        rows = [(name, str(status.get(name, ""))) for name in ("running", "done", "failed", "left")]
        playing = [Playing(str(one["submission"]), str(one["scenario"])) for one in status.get("playing") or ()]
        rows.insert(1, ("now", describe_playing(playing, len(playing)) or "–"))
        rows.append(("rate", "–" if rate is None else describe_rate(float(rate), "episodes")))
        rows.append(("time left", "–" if left is None else describe_seconds(float(left))))
        lines = "".join(
            f"<tr><td>{html.escape(str(name))}</td><td>{int(one['done'])}</td><td>{int(one['failed'])}</td></tr>"
            for name, one in sorted(status["submissions"].items())
        )
        heads = "<tr><th>submission</th><th>played</th><th>failed</th></tr>"
        of_each = f"<h2>In this run</h2><table>{heads}{lines}</table>"
    cells = "".join(f"<tr><th>{name}</th><td>{html.escape(text)}</td></tr>" for name, text in rows)
    ended = "has ended or was stopped" if status.get("standings") else "has not begun"
    said = "is running" if rows else ended
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="{_REFRESH}">'
        f'<meta name="viewport" content="width=device-width"><title>arena: {html.escape(folder.name)}</title>'
        f"<style>{_STYLE}</style></head><body><main><h1>{html.escape(str(folder))}</h1><p>The evaluation {said}.</p>"
        f'<table>{cells}</table><p><a href="report.html">Standings so far</a></p>{of_each}</main></body></html>\n'
    )
