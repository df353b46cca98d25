"""The page of standings in a browser."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pages import DESK, PHONE, TABLET

REPOSITORY = Path(__file__).resolve().parents[2]
SUBMISSIONS = ("newsvendor", "newsvendor-informed", "echelon", "ss", "exp-smoothing")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Results of the real command."""
    output = tmp_path_factory.mktemp("page") / "results"
    manifests = [str(REPOSITORY / "submissions" / f"{name}.yaml") for name in SUBMISSIONS]
    command = [sys.executable, "-m", "arena", "evaluate", *manifests, "--suite", "smoke"]
    subprocess.run([*command, "--isolation", "trusted", "--output", str(output)], check=True, capture_output=True)
    return output


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [DESK, TABLET, PHONE])
def test_it_is_quiet_narrow_enough_and_can_be_read_by_all(look, folder, width, dark):
    with look(folder / "report.html", width=width, dark=dark) as opened:
        assert opened.page.title() == "smoke: standings"
        assert opened.overflow <= 0
        assert opened.serious() == []
        assert opened.is_quiet(), (opened.said, opened.asked_for)


def test_without_scripts_the_tables_are_there(look, folder):
    with look(folder / "report.html", scripts=False) as opened:
        text = opened.page.inner_text("body")
        assert all(name in text for name in SUBMISSIONS)
