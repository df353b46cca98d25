"""The conformance kit on the controllers of this package: it plays them on stores that share nothing."""

from __future__ import annotations

import pytest

from arena.testing import Check, controller_checks


@pytest.mark.parametrize(
    "check", [one for name in ("inventorybench-baseline", "vn2-benchmark") for one in controller_checks(name)], ids=str
)
def test_every_controller_of_this_package_conforms(check: Check) -> None:
    check()
