"""The how-to "Run and analyse a contest from Python": its code runs as it stands, one block after the other."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def blocks(repository: Path) -> list[str]:
    text = (repository / "docs" / "how-to" / "python.md").read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def test_every_block_runs(blocks: list[str], repository: Path, tmp_path: Path) -> None:
    (tmp_path / "submissions").mkdir()
    for name in ("echelon.yaml", "newsvendor.yaml"):
        shutil.copy(repository / "submissions" / name, tmp_path / "submissions")
    assert len(blocks) == 4
    outputs = []
    for position, block in enumerate(blocks):
        script = tmp_path / f"block_{position}.py"
        script.write_text(block, encoding="utf-8")
        done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout)
    assert outputs[0].split()[0] == "1–2"  # two seeds tell nobody apart
    assert "newsvendor" in outputs[1]
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
