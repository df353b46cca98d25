"""The programs behind the locks of a contest: Pyomo and HiGHS make no file and start no process."""

import pytest
from shipped import checked_at

TRACKS = {"dlp": "blind", "mssp": "informed", "stochastic-program": "informed", "oracle": "oracle", "bound": "oracle"}


@pytest.mark.parametrize("level", ["strict", "sandbox"])
@pytest.mark.parametrize("controller", TRACKS)
def test_a_program_conforms_at_every_level(tmp_path, level, controller):
    manifest = tmp_path / "mine.yaml"
    manifest.write_text(f"name: mine\ncontroller: {controller}\ntrack: {TRACKS[controller]}\n", encoding="utf-8")
    result = checked_at(level, manifest)
    assert (result["conforms"], result["isolation"]) == (True, level)
