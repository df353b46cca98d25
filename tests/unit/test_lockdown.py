"""What a controller's process is: what it can see, what it may use, and what is kept of what it says.

All of it at every level at which a controller has a process of its own.
"""

import dataclasses
import errno
import functools
import json
import re
import sys
import time

import pytest
from seats import APART, failure, make_submission, observation, require_or_skip, seated

from arena.jail.launcher import PreloadFailure
from arena.jail.limits import MEBIBYTE, Limits
from arena.jail.lockdown import fixed_environment
from arena.play.seats import make_host

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process uses, or limits it")


@pytest.fixture
def submit(tmp_path):
    return functools.partial(make_submission, tmp_path)


@pytest.fixture(params=APART)
def level(request):
    return request.param


@pytest.fixture
def process_host(level, host_at):
    return host_at(level)


def test_the_end_of_the_output_is_kept(process_host, submit):
    body = """
    def order(self, observation):
        for _ in range(100):
            os.write(2, b"x" * 2**20)
        print("\\x1b[31mlast words")
        return [0, 0, 0]
    """
    seat = seated(process_host, submit(body))
    assert seat.order(observation()).tolist() == [0, 0, 0]
    seat.close()
    assert len(seat.stderr_tail) == Limits().stderr_tail
    assert seat.stderr_tail.endswith("x\\x1b[31mlast words\n")


def test_a_traceback_is_for_the_submitter(process_host, submit):
    _, seat = failure(process_host, submit("def order(self, observation): return {}['key']"))
    assert "mine.py" in seat.stderr_tail
    assert "KeyError: 'key'" in seat.stderr_tail


def test_a_seat_sees_nothing_of_the_arenas_process(level, submit, monkeypatch, tmp_path):
    require_or_skip(level)
    monkeypatch.setenv("ARENA_SECRET", "hunter2")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/nowhere")  # the zygote may need it, the controller does not
    top = """
    def is_open(descriptor):
        try: os.fstat(descriptor)
        except OSError: return False
        return True
    """
    body = """
    def order(self, observation):
        import json
        print(json.dumps({
            "environment": sorted(os.environ), "directory": os.listdir("."),
            "descriptors": [descriptor for descriptor in range(4096) if is_open(descriptor)],
            "arguments": sys.argv + sys.orig_argv, "hash": hash("arena"), "home": os.environ["HOME"] == os.getcwd(),
        }))
        return [0, 0, 0]
    """
    seen = []
    for name in ("first", "second"):
        host = make_host(level)
        try:
            seat = seated(host, submit(body, top=top, name=name))
            seat.order(observation())
            seat.close()
        finally:
            host.close()
        seen.append(json.loads(seat.stderr_tail))
    assert seen[0]["environment"] == sorted(fixed_environment(tmp_path))
    assert seen[0]["directory"] == []
    assert seen[0]["descriptors"] == [0, 1, 2, 3]
    assert seen[0]["arguments"] == ["controller"] * 2
    assert seen[0]["home"]
    assert seen[0] == seen[1]


def test_the_name_of_its_folder_tells_a_controller_nothing(process_host, submit):
    submission = submit("def order(self, observation): print(os.getcwd()); return [0, 0, 0]")
    places = []
    for _ in range(3):
        seat = seated(process_host, submission)
        seat.order(observation())
        seat.close()
        places.append(seat.stderr_tail.strip().split("/")[-2])
    assert len(set(places)) == 3
    assert all(len(place) == 16 for place in places)


def test_no_state_passes_from_one_episode_to_the_next(process_host, submit):
    top = """
    np.visits = getattr(np, 'visits', 0) + 1
    try: open('visits', 'a').write('x')
    except PermissionError: pass
    """
    body = (
        "def order(self, observation): return [np.visits, len(os.listdir('.')), os.path.exists('visits')] @ np.eye(3)"
    )
    submission = submit(body, top=top)
    writes = float(process_host.isolation != "strict")
    for _ in range(3):
        seat = seated(process_host, submission)
        assert seat.order(observation()).tolist() == [1, writes, writes]
        seat.close()


def test_global_random_generators_follow_the_briefing(level, submit):
    """Also those that a controller uses before it is briefed, and across zygotes, which are seeded by chance."""
    require_or_skip(level)
    top = "import random\nIMPORTED = random.random()"
    body = """
    def __init__(self): self.made = np.random.rand()
    def order(self, observation): return [random.random(), np.random.rand(), self.made + IMPORTED]
    """
    submission = submit(body, top=top)
    draws = []
    for _ in range(2):
        host = make_host(level)
        for seed in (1, 2):
            seat = seated(host, submission, seed)
            draws.append(seat.order(observation()).tolist())
            seat.close()
        host.close()
    assert draws[:2] == draws[2:]
    assert [one != other for one, other in zip(draws[0], draws[1], strict=True)] == [True, True, False]


def test_seats_of_one_host_live_side_by_side(process_host, submit):
    submission = submit("def order(self, observation): return [os.getpid(), 0, 0]")
    seats = [seated(process_host, submission) for _ in range(3)]
    processes = [seat.order(observation())[0] for seat in seats]
    assert len(set(processes)) == 3
    seats[0].close()
    assert [seat.order(observation())[0] for seat in seats[1:]] == processes[1:]
    for seat in seats[1:]:
        seat.close()


# --- what is preloaded --------------------------------------------------------------------------------------------


def test_a_controllers_code_never_runs_in_the_zygote(level, submit, tmp_path, monkeypatch):
    """Not even if it is named as a library and lies on the arena's own path."""
    require_or_skip(level)
    note = "import sys\nsys.arena_was_here = getattr(sys, 'arena_was_here', 0) + 1"
    top = f"{note}\nPRELOADED = 'mine' in sys.modules or 'helper' in sys.modules\nimport helper"
    body = "def order(self, observation): return [PRELOADED, sys.arena_was_here, 0] @ np.eye(3)"
    submission = submit(body, top=top)
    (submission.folder / "helper.py").write_text(note, encoding="utf-8")
    monkeypatch.syspath_prepend(submission.folder)
    monkeypatch.chdir(submission.folder)
    host = make_host(level)
    try:
        for module in ("mine", "helper"):
            with pytest.raises(PreloadFailure, match=f"No module named '{module}'"):
                host.open(dataclasses.replace(submission, preload=(module,)))
        for _ in range(2):
            seat = seated(host, submission)
            assert seat.order(observation()).tolist() == [0, 2, 0]
            seat.close()
    finally:
        host.close()


def test_libraries_are_preloaded(process_host, submit):
    body = "def order(self, observation): return ['colorsys' in sys.modules, 'aifc' in sys.modules, 0] @ np.eye(3)"
    seat = seated(process_host, submit(body, preload=("colorsys",)))
    assert seat.order(observation()).tolist() == [1, 0, 0]
    seat.close()


def test_one_submissions_folder_is_not_on_anothers_path(level, submit):
    require_or_skip(level)
    first = submit(name="first")
    (first.folder / "submission.yaml").touch()
    (first.folder / "helpers_of_first.py").touch()
    seat = seated(make_host("trusted"), first)
    host = make_host(level)
    try:
        violation, _ = failure(host, submit("", top="import helpers_of_first", name="second"))
        seated(host, submit("def begin(self, briefing): import helper_of_third", name="third", top=MAKE_HELPER)).close()
    finally:
        host.close()
    seat.close()
    assert re.fullmatch("ModuleNotFoundError: .*'helpers_of_first'", violation.message)


MAKE_HELPER = "sys.modules['helper_of_third'] = np"


# --- limits -------------------------------------------------------------------------------------------------------


@linux_only
def test_memory_has_a_bound(host_at, level, submit):
    host = host_at(level, memory=256 * MEBIBYTE)
    body = "def order(self, observation): return np.ones({size})[:3]"
    violation, _ = failure(host, submit(body.format(size=2**27), name="greedy"))
    assert violation.code == "memory"
    seat = seated(host, submit(body.format(size=2**20), name="modest"))
    assert seat.order(observation()).tolist() == [1.0, 1.0, 1.0]
    seat.release()


def test_files_have_a_bound(host_at, level, submit):
    """Those in memory where there are no others."""
    host = host_at(level, file_size=1024)
    make = "os.fdopen(os.memfd_create('big'), 'wb', 0)" if level == "strict" else "open('big', 'wb', 0)"
    body = f"def order(self, observation): f = {make}; f.write(b'x' * 1024); {{more}}; return [0, 0, 0]"
    violation, _ = failure(host, submit(body.format(more="f.write(b'x')"), name="greedy"))
    assert violation.code == "exception"
    assert f"[Errno {errno.EFBIG}]" in violation.message
    seated(host, submit(body.format(more="pass"), name="modest")).close()


THREADS = (
    "import threading; [threading.Thread(target=time.sleep, args=(3600,), daemon=True).start() for _ in range({n})]"
)
WRITES = "[open(f'f{{n}}', 'wb', 0).write(bytes(2**20)) for n in range({n})]"
HIDDEN = "keep = [open('f', 'wb', 0) for _ in range({n}) if not os.path.exists('f') or os.unlink('f') is None]; " + (
    "[f.write(bytes(2**20)) for f in keep]"
)
FILES = "[open(f'f{{n}}', 'wb').close() for n in range({n})]"
BURROW = "[(os.mkdir('d' * 250), os.chdir('d' * 250)) for _ in range({n})]"


@linux_only
@pytest.mark.parametrize(
    ("act", "few", "many", "cause"),
    [
        (THREADS, 10, 60, "it had more than 32 threads and processes"),
        (FILES, 50, 300, "it made more than 100 files and folders"),
        (BURROW, 10, 300, "it made more than 100 files and folders"),
    ],
    ids=["threads", "files", "burrow"],
)
def test_what_the_kernel_does_not_limit_is_watched(host_at, level, submit, act, few, many, cause):
    host = host_at(level, tasks=32, disk=32 * MEBIBYTE, files=100)
    body = "def order(self, observation): {act}; time.sleep({rest}); return [0, 0, 0]"
    if level == "strict" and act != THREADS:
        # There is no file system to write to, and nothing to be watched.
        violation, _ = failure(host, submit(body.format(act=act.format(n=few), rest=0)))
        assert violation.message.startswith("PermissionError")
        return
    started = time.monotonic()
    violation, _ = failure(host, submit(body.format(act=act.format(n=many), rest=3600), name="greedy"))
    assert violation.code == "exited"
    assert f"was ended, because {cause}" in violation.message
    assert time.monotonic() - started < host._limits.first_decision + 2
    seat = seated(host, submit(body.format(act=act.format(n=few), rest=0.2), name="modest"))
    assert seat.order(observation()).tolist() == [0, 0, 0]
    seat.close()


@linux_only
def test_what_is_written_to_a_disk_is_watched(host_at, submit):
    """At `process` alone: in a sandbox the kernel bounds it, and at `strict` there is no disk."""
    host = host_at("process", disk=32 * MEBIBYTE)
    body = "def order(self, observation): {act}; time.sleep({rest}); return [0, 0, 0]"
    violation, _ = failure(host, submit(body.format(act=WRITES.format(n=40), rest=3600), name="greedy"))
    assert "was ended, because it wrote more than 32 MiB to files" in violation.message
    seat = seated(host, submit(body.format(act=WRITES.format(n=10), rest=0.2), name="modest"))
    assert seat.order(observation()).tolist() == [0, 0, 0]
    seat.close()


def test_a_folder_that_cannot_be_looked_into_is_one_too_many(host_at, submit):
    """Where the zygote has no privileges, and so would not see what is in it."""
    host = host_at("sandbox")
    body = "def order(self, observation): os.mkdir('d', {mode:#o}); time.sleep({rest}); return [0, 0, 0]"
    violation, _ = failure(host, submit(body.format(mode=0o300, rest=3600), name="greedy"))
    assert "files and folders, or some that cannot be looked into" in violation.message
    seat = seated(host, submit(body.format(mode=0o700, rest=0.2), name="modest"))
    assert seat.order(observation()).tolist() == [0, 0, 0]
    seat.close()


@linux_only
def test_what_was_written_counts_although_it_was_deleted(host_at, submit):
    """On a disk; in a sandbox files are in a bounded piece of memory instead."""
    host = host_at("process", disk=32 * MEBIBYTE)
    body = "def order(self, observation): {act}; time.sleep({rest}); return [0, 0, 0]"
    violation, _ = failure(host, submit(body.format(act=HIDDEN.format(n=60), rest=3600), name="greedy"))
    assert "it wrote more than 32 MiB" in violation.message
    seat = seated(host, submit(body.format(act=HIDDEN.format(n=10), rest=0.2), name="modest"))
    assert seat.order(observation()).tolist() == [0, 0, 0]
    seat.close()


@linux_only
def test_a_family_that_grows_without_end_is_ended(host_at, submit):
    violation, _ = failure(host_at("process"), submit("def order(self, observation):\n    while True: os.fork()"))
    assert violation.code == "exited"
    assert "it had more than 64 threads and processes" in violation.message
