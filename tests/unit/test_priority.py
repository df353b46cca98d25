"""Priority of controllers with many threads: how far it is lowered, whose, and that it stays."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from arena.jail.priority import MOST_AT_FULL_PRIORITY, keep_fair, nice_for

COMPUTE = """
import hashlib, sys, threading, time
def spin():
    while True: hashlib.pbkdf2_hmac("sha256", b"x", b"y", 100_000)
for _ in range(int(sys.argv[1]) - 1): threading.Thread(target=spin, daemon=True).start()
for _ in range(8): threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
print(flush=True)
for _ in sys.stdin:
    threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
    print(flush=True)
    break
spin()
"""

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="threads of another process are seen on Linux only")


@given(st.integers(min_value=2, max_value=4096))
def test_together_they_weigh_no_more_than_one(threads):
    nice = nice_for(threads)
    assert 0 < nice <= 19
    # The kernel's weight falls by a quarter with each nice value; at the lowest there is nothing left to lower.
    assert threads * 1.25**-nice <= 1 + 1e-9 or nice == 19
    assert threads * 1.25 ** -(nice - 1) > 1


@linux_only
@pytest.mark.parametrize(("threads", "lowered"), [(MOST_AT_FULL_PRIORITY, False), (12, True)])
def test_those_who_compute_with_many_threads_are_lowered_with_all_that_they_start(threads, lowered):
    command = [sys.executable, "-c", COMPUTE, str(threads)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            process.stdout.readline()
            found = 0
            for _ in range(50):
                found = max(found, keep_fair([process.pid]))
            process.stdin.write("\n")
            process.stdin.flush()
            process.stdout.readline()
            nice = {
                os.getpriority(os.PRIO_PROCESS, int(one.name)) for one in Path(f"/proc/{process.pid}/task").iterdir()
            }
        finally:
            process.kill()
    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert (found > 0) == lowered
    assert (min(nice) > before) == lowered
    assert lowered or nice == {before}


@linux_only
def test_a_process_that_is_gone_has_no_priority():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert keep_fair([process.pid]) == 0
