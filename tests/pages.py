"""Pages that are open in a real browser, and what they did that no page may do."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

DESK, TABLET, PHONE = 1400, 768, 375
"""Widths of a window, pixels."""


def embedded(page: str) -> Any:
    """What the scripts of a page read: the content of its element `data`."""
    (content,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(content)


class Opened:
    """A page that is open, and what it did that no page may do."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page = page
        self.said: list[str] = []
        self.asked_for: list[str] = []
        page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        page.on("request", lambda request: self.asked_for.append(request.url))
        page.goto(path.as_uri())
        self._address = path.as_uri()

    @property
    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    def serious(self) -> list[str]:
        """What axe-core calls serious or critical."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']}: {one['nodes'][0]['html'][:200]} ({len(one['nodes'])} in all)"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]

    def is_quiet(self) -> bool:
        """Whether nothing was written to the console, and nothing asked for but the page and what lies beside it."""
        folder = self._address.rpartition("/")[0]
        return not self.said and all(url.startswith((folder, "blob:", "data:")) for url in self.asked_for)
