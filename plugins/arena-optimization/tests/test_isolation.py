"""The programs behind the locks of a contest: Pyomo and HiGHS make no file and start no process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ARENA = Path(sys.executable).with_name("arena")
TRACKS = {"dlp": "blind", "mssp": "informed", "stochastic-program": "informed", "oracle": "oracle", "bound": "oracle"}


@pytest.mark.parametrize("level", ["strict", "sandbox"])
@pytest.mark.parametrize("controller", TRACKS)
def test_a_program_conforms_at_every_level(tmp_path, level, controller):
    manifest = tmp_path / "mine.yaml"
    manifest.write_text(f"name: mine\ncontroller: {controller}\ntrack: {TRACKS[controller]}\n", encoding="utf-8")
    command = [str(ARENA), "check", str(manifest), "--isolation", level, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if f'isolation level "{level}" does not work here' in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr + done.stdout
    (result,) = json.loads(done.stdout)
    assert (result["conforms"], result["isolation"]) == (True, level)
