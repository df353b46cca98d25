"""The how-to about one's own data, from its three files to the ranked backtest and its page."""

import re
import shlex
from pathlib import Path

import pytest
from commands import invoke

REPOSITORY = Path(__file__).resolve().parents[3]


def test_the_how_to_ends_with_the_backtest_that_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    page = (REPOSITORY / "docs" / "how-to" / "own-data.md").read_text(encoding="utf-8")
    for name, content in re.findall(r'```csv title="(.*?)"\n(.*?)```', page, re.DOTALL):
        Path(name).write_text(content, encoding="utf-8")
    Path("submissions").symlink_to(REPOSITORY / "submissions")
    worlds = re.findall(r"^(?:\$ )?arena (new world .*)$", page, re.MULTILINE)
    assert [command.split()[2] for command in worlds] == ["tills", "kiosks", "items"]
    for command in worlds:
        done = invoke(shlex.split(command))
        assert done.exit_code == 0, done.stderr
    lines = Path("tills/network.yaml").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```yaml\n(  # FILL IN.*?)```", page, re.DOTALL)
    assert shown in lines
    ((command, shown),) = re.findall(r"```console\n\$ arena (evaluate .*?)\n(.*?)```", page, re.DOTALL)
    done = invoke([*shlex.split(command), "--isolation", "trusted", "--workers", "0"])
    assert done.exit_code == 0, done.stderr
    beginning, end = shown.split("…\nbacktest")
    printed = [line.rstrip() for line in done.stdout.splitlines()]
    assert printed[: beginning.count("\n")] == beginning.splitlines()
    assert printed[-1] == f"backtest{end}".rstrip()
    report = Path("backtest/report.html").read_text(encoding="utf-8")
    assert all(world in report for world in ("tills", "kiosks", "items"))
