"""`arena serve`: a running evaluation on loopback, for this machine's own pages alone."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from commands import invoke, running
from records import make_record, play

from arena import Suite, contract_digest, load_scenario
from arena.cli.live_server import LiveServer
from arena.cli.live_status import STATUS_NAME, StatusFile, read_status
from arena.cli.progress import Wording
from arena.progress import Playing, Silent
from arena.report.live import live_terms
from arena.results.record import EpisodeRecord

ARENA = (sys.executable, "-m", "arena")
SLOW = """
import time
import numpy as np

class Controller:
    def begin(self, briefing):
        self.links = len(briefing.order_bound)

    def order(self, observation):
        time.sleep(0.02)
        return np.full(self.links, 20.0)
"""
WORDS: Wording[EpisodeRecord] = Wording("episodes", "failed", lambda one: one.outcome != "ok", workers=2)


def get(port: int, path: str, host: str | None = None, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, headers={} if host is None else {"Host": host})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    with LiveServer(folder, 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files of results and others, with a link out of it."""
    (tmp_path / "results").mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    for name in ("report.html", "standings.json", "episodes.csv", "results.sqlite", "notes.txt"):
        (tmp_path / "results" / name).write_text(f"<p>{name}</p>")
    return tmp_path / "results"


def test_only_the_files_that_the_page_links_to_are_served(folder: Path) -> None:
    (folder / "replay").mkdir()
    (folder / "replay" / "calm.north.0.1a2b3c4d.html").write_text("<p>replay/calm.north.0.1a2b3c4d.html</p>")
    (folder / "replay" / "notes.txt").write_text("notes")
    with serving(folder) as port:
        for name in ("report.html", "standings.json", "episodes.csv", "replay/calm.north.0.1a2b3c4d.html"):
            assert get(port, f"/{name}")[::2] == (200, f"<p>{name}</p>".encode())
        for path in (
            "/results.sqlite",
            "/notes.txt",
            f"/{STATUS_NAME}",
            "/../secret.txt",
            "/%2e%2e/secret.txt",
            "//etc/passwd",
            "/report.html/",
            "/report.html/../notes.txt",
            "/replay/notes.txt",
            "/replay/../notes.txt",
            "/replay/../replay/calm.north.0.1a2b3c4d.html",
        ):
            assert get(port, path)[0] == 404, path
        assert get(port, "/", method="POST")[0] == 501
        status, headers, body = get(port, "/report.html", method="HEAD")
        assert (status, headers["Content-Length"], body) == (200, str(len("<p>report.html</p>")), b"")


def test_requests_under_another_name_are_refused(folder: Path) -> None:
    with serving(folder) as port:
        for path in ("/", "/status.json", "/report.html", "/standings.json"):
            for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}", ""):
                assert get(port, path, host)[0] == 403, (path, host)
            assert get(port, path, f"localhost:{port}")[0] == 200


def test_it_listens_on_loopback_alone(folder: Path) -> None:
    with LiveServer(folder, 0) as server:
        assert server.server_address[0] == "127.0.0.1"


def test_an_idle_folder_says_so(tmp_path: Path) -> None:
    with serving(tmp_path) as port:
        assert json.loads(get(port, "/status.json")[2]) == {"state": "idle", "standings": False}
        _, headers, page = get(port, "/")
        assert b"has not begun" in page
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert get(port, "/report.html")[0] == 404


def test_the_status_follows_the_evaluation_and_is_removed(tmp_path: Path) -> None:
    records = play("<b>bold</b>", {"north": [10.0, 11.0, 12.0]})
    now = 100.0
    watcher = StatusFile(tmp_path, {}, WORDS, Silent(), lambda: now)
    with serving(tmp_path) as port:
        watcher.started(10, 4)
        for one in records:
            now += 2.0
            watcher.advanced(one)
        told = json.loads(get(port, "/status.json")[2])
        assert (told["state"], told["done"], told["running"], told["left"], told["failed"]) == ("running", 7, 2, 3, 0)
        assert told["rate"] == pytest.approx(0.5, rel=1e-12)
        assert told["seconds_left"] == pytest.approx(6.0, rel=1e-12)
        assert told["submissions"] == {"<b>bold</b>": {"done": 3, "failed": 0}}
        assert "terms" not in told
        page = get(port, "/")[2].decode()
        assert "&lt;b&gt;bold&lt;/b&gt;" in page
        assert "<b>" not in page
        assert "<th>time left</th><td>6 s</td>" in page
        watcher.finished()
        assert list(tmp_path.iterdir()) == []
        assert json.loads(get(port, "/status.json")[2])["state"] == "idle"


def test_what_is_being_played_is_named_as_text(tmp_path: Path) -> None:
    now = 100.0
    watcher = StatusFile(tmp_path, {}, WORDS, Silent(), lambda: now)
    first, second = Playing("<b>bold</b>", "north"), Playing("calm", "south")
    with serving(tmp_path) as port:

        def told() -> list[dict[str, str]]:
            found: list[dict[str, str]] = json.loads(get(port, "/status.json")[2])["playing"]
            return found

        watcher.started(10)
        assert told() == []
        watcher.playing([second, first])
        assert told() == [first._asdict(), second._asdict()]
        page = get(port, "/")[2].decode()
        assert "<th>now</th><td>&lt;b&gt;bold&lt;/b&gt; on north, calm on south</td>" in page
        watcher.playing([second])
        assert told() == [first._asdict(), second._asdict()]  # the file is not written every moment
        now += 1.0
        watcher.playing([second])
        assert told() == [second._asdict()]


def test_the_standings_so_far_are_rendered_anew_after_a_pause_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, renderings = 100.0, 0

    def render(*_: object) -> str:
        nonlocal now, renderings
        now += 2.0
        renderings += 1
        return f"page {renderings}"

    monkeypatch.setattr("arena.report.live.render_live", render)
    StatusFile(tmp_path, {}, WORDS, Silent()).started(10)
    with LiveServer(tmp_path, 0, lambda: now) as server:
        for passed, page in ((0.0, b"page 1"), (19.0, b"page 1"), (1.0, b"page 2"), (5.0, b"page 2")):
            now += passed
            assert server.standings_page() == page
    assert renderings == 2


def test_a_quick_rendering_is_repeated_every_five_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, pages = 100.0, iter(("first", "second"))
    monkeypatch.setattr("arena.report.live.render_live", lambda *_: next(pages))
    StatusFile(tmp_path, {}, WORDS, Silent()).started(10)
    with LiveServer(tmp_path, 0, lambda: now) as server:
        for passed, page in ((0.0, b"first"), (4.9, b"first"), (0.2, b"second")):
            now += passed
            assert server.standings_page() == page


def test_submissions_that_were_removed_are_not_on_the_live_page(tmp_path: Path) -> None:
    for name in ("kept", "gone"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "controller.py").write_text(SLOW.replace("time.sleep(0.02)", "pass"))
        manifest = f"name: {name}\ncontroller: controller.py:Controller\ntrack: blind\n"
        (tmp_path / name / "submission.yaml").write_text(manifest)
    output = tmp_path / "results"
    played = ["--scenario", "serial-stationary-backlog", "--seeds", "public:2", "--isolation", "trusted"]
    command = ["evaluate", str(tmp_path / "kept"), str(tmp_path / "gone"), *played, "--workers", "0"]
    assert invoke([*command, "--output", str(output)]).exit_code == 0
    suite = Suite(name="given", description="", scenarios=(load_scenario("serial-stationary-backlog"),))
    terms = live_terms(suite, 2, "public", None, contract_digest())
    StatusFile(output, terms, WORDS, Silent()).started(10)
    with serving(output) as port:
        before = get(port, "/report.html")[2]
        assert b"kept" in before
        assert b"gone" in before
    done = invoke(["results", "remove", str(output), "gone", "--reason", "a test"])
    assert done.exit_code == 0, done.output
    with serving(output) as port:
        after = get(port, "/report.html")[2]
        assert b"kept" in after
        assert b"gone" not in after


def test_the_file_of_an_evaluation_that_was_killed_does_not_count(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    for content in (json.dumps({"process": ended.pid}), "[1", "[]", json.dumps({"process": -1}), ""):
        (tmp_path / STATUS_NAME).write_text(content)
        assert read_status(tmp_path) is None
    (tmp_path / STATUS_NAME).write_text(json.dumps({"process": os.getpid()}))
    assert read_status(tmp_path) == {"process": os.getpid()}


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    watcher = StatusFile(tmp_path / "absent", {}, WORDS, Silent())
    watcher.started(1)
    watcher.advanced(make_record())
    watcher.finished()


def test_an_evaluation_is_followed_live_and_ctrl_c_ends_the_server(tmp_path: Path) -> None:
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow" / "controller.py").write_text(SLOW)
    manifest = "name: slow\ncontroller: controller.py:Controller\ntrack: blind\n"
    (tmp_path / "slow" / "submission.yaml").write_text(manifest)
    output = tmp_path / "results"
    output.mkdir()
    command = (*ARENA, "evaluate", "slow", "--scenario", "serial-stationary-backlog", "--isolation", "trusted")
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": tmp_path}
    with running((*ARENA, "serve", output, "--port", "0"), **quiet) as server:
        assert server.stdout is not None
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\n", server.stdout.readline())
        assert found is not None
        port = int(found[1])
        with running((*command, "--workers", "0", "--output", output), **quiet) as player:
            states = []
            while player.poll() is None:
                told = json.loads(get(port, "/status.json")[2])
                if told["state"] == "running" and told["done"]:
                    states.append(told)
                    assert told["playing"] == [{"submission": "slow", "scenario": "serial-stationary-backlog"}]
                    status, _, page = get(port, "/report.html")
                    assert (status, b"slow" in page) == (200, True)
                time.sleep(0.2)
            output_text, errors = player.communicate()
            assert player.returncode == 0, errors
        assert states
        assert all(one["done"] + one["left"] == one["total"] == 10 for one in states)
        assert [one["done"] for one in states] == sorted(one["done"] for one in states)
        assert json.loads(get(port, "/status.json")[2]) == {"state": "idle", "standings": True}
        assert get(port, "/report.html")[2] == (output / "report.html").read_bytes()
        server.send_signal(signal.SIGINT)
        _, errors = server.communicate(timeout=60)
    assert (server.returncode, errors) == (0, "arena: stopped\n")
    assert not (output / STATUS_NAME).exists()
    assert "report.html" in output_text
