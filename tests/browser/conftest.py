"""Pages in a real browser: Debian's chromium, driven by playwright (tox -e browser)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pages import DESK, Opened

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; tox -e browser has it")

#: A browser that asks nobody for anything, in an empty profile of its own.
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="session")
def chromium() -> Iterator[playwright.Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no chromium is installed (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=list(OPTIONS))
        yield browser
        browser.close()


@pytest.fixture
def look(chromium):
    """Open a file: `with look(path, width=PHONE, dark=True) as opened`. Without `scripts` none runs."""

    @contextmanager
    def look(path: Path, *, width: int = DESK, dark: bool = False, scripts: bool = True) -> Iterator[Opened]:
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
            accept_downloads=True,
        )
        try:
            yield Opened(context.new_page(), path)
        finally:
            context.close()

    return look
