"""What the tests themselves rely on: one that hangs is ended, and Ctrl-C is what it is in a terminal."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from commands import interruptible, running

HANGING = """
import subprocess, sys

def test_hangs():
    # Waits once more where the wait is interrupted: the block is left when the command has ended.
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        process.wait()
"""
DISPOSITION = """
import signal
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler, flush=True)
print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()), flush=True)
"""


def test_a_test_that_hangs_is_ended(tmp_path: Path, repository: Path) -> None:
    (tmp_path / "test_hanging.py").write_text(HANGING)
    command = [sys.executable, "-m", "pytest", "-c", repository / "pyproject.toml", "-p", "no:cacheprovider"]
    command += ["-n", "0", "-o", "timeout=1", tmp_path / "test_hanging.py"]
    # Without a limit of its own this would wait for ever; the command's is far above any that a machine needs.
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode not in (0, pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED)
    assert "in test_hangs" in done.stdout + done.stderr  # the stack says where


def test_every_test_has_a_limit(request: pytest.FixtureRequest) -> None:
    assert 0 < float(request.config.getini("timeout")) <= 900
    assert all(float(mark.args[0]) > 0 for item in request.session.items for mark in item.iter_markers("timeout"))


@pytest.mark.parametrize("ignored", [False, True])
def test_a_command_is_interrupted_whatever_the_run_ignores(ignored: bool) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.default_int_handler)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT} if ignored else ())
    try:
        with running([sys.executable, "-c", DISPOSITION], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.read().split() == ["True", "False"]
        with interruptible(), pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is (signal.SIG_IGN if ignored else signal.default_int_handler)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, before)


def test_a_command_ends_with_the_test_that_fails() -> None:
    with (
        pytest.raises(ZeroDivisionError),
        running([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process,
    ):
        1 / 0  # noqa: B018 - the test fails here
    assert process.returncode == -signal.SIGKILL
