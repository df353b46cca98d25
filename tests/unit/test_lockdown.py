"""What a controller's process is: what it can see, what it may use, and what is kept of what it says."""

import dataclasses
import functools
import json

import pytest
from seats import failure, make_submission, observation, seated

from arena.contest.host import available, launcher, make_host
from arena.contest.host.lockdown import fixed_environment
from arena.contest.limits import Limits
from arena.plugins import PluginEntry

pytestmark = pytest.mark.skipif("process" not in available(), reason="this system cannot fork")


@pytest.fixture
def submit(tmp_path):
    return functools.partial(make_submission, tmp_path)


@pytest.fixture(scope="module")
def process_host():
    host = make_host("process")
    yield host
    host.close()


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


def test_a_seat_sees_nothing_of_the_arenas_process(submit, monkeypatch, tmp_path):
    monkeypatch.setenv("ARENA_SECRET", "hunter2")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/nowhere")  # the zygote may need it, the controller does not
    body = """
    def order(self, observation):
        import json
        print(json.dumps({
            "environment": sorted(os.environ), "directory": os.listdir("."), "descriptors": os.listdir("/proc/self/fd"),
            "arguments": sys.argv, "hash": hash("arena"), "home": os.environ["HOME"] == os.getcwd(),
        }))
        return [0, 0, 0]
    """
    seen = []
    for name in ("first", "second"):
        host = make_host("process")
        try:
            seat = seated(host, submit(body, name=name))
            seat.order(observation())
            seat.close()
        finally:
            host.close()
        seen.append(json.loads(seat.stderr_tail))
    assert seen[0]["environment"] == sorted(fixed_environment(tmp_path))
    assert seen[0]["directory"] == []
    assert set(seen[0]["descriptors"]) == {"0", "1", "2", "3", "4"}  # 4 is the listing itself
    assert seen[0]["arguments"] == ["controller"]
    assert seen[0]["home"]
    assert seen[0] == seen[1]


def test_no_state_passes_from_one_episode_to_the_next(process_host, submit):
    top = "np.visits = getattr(np, 'visits', 0) + 1\nopen('visits', 'a').write('x')"
    submission = submit("def order(self, observation): return [np.visits, os.path.getsize('visits'), 0]", top=top)
    for _ in range(3):
        seat = seated(process_host, submission)
        assert seat.order(observation()).tolist() == [1, 1, 0]
        seat.close()


def test_global_random_generators_follow_the_briefing(process_host, submit):
    submission = submit(
        "def order(self, observation):\n    import random\n    return [random.random(), np.random.rand(), 0]"
    )

    def draw(seed):
        seat = seated(process_host, submission, seed)
        orders = seat.order(observation()).tolist()
        seat.close()
        return orders

    first, second = draw(1), draw(2)
    assert draw(1) == first
    assert [one != other for one, other in zip(first, second, strict=True)] == [True, True, False]


def test_seats_of_one_host_live_side_by_side(process_host, submit):
    submission = submit("def order(self, observation): return [os.getpid(), 0, 0]")
    seats = [seated(process_host, submission) for _ in range(3)]
    processes = [seat.order(observation())[0] for seat in seats]
    assert len(set(processes)) == 3
    seats[0].close()
    assert [seat.order(observation())[0] for seat in seats[1:]] == processes[1:]
    for seat in seats[1:]:
        seat.close()


def test_plugins_own_modules_are_not_preloaded(monkeypatch):
    monkeypatch.setattr(
        launcher, "list_entry_points", lambda: (PluginEntry("mine", "my_rules.hooks", "my-rules", "1"),)
    )
    assert launcher.preloadable(["scipy", "my_rules.tables", "my_rules", "numpy.linalg"]) == ("numpy.linalg", "scipy")


def test_one_submissions_folder_is_not_on_anothers_path(submit):
    first = submit(name="first")
    (first.folder / "submission.yaml").touch()
    (first.folder / "helpers_of_first.py").touch()
    seat = seated(make_host("trusted"), first)
    host = make_host("process")
    try:
        violation, _ = failure(host, submit("", top="import helpers_of_first", name="second"))
    finally:
        host.close()
    seat.close()
    assert violation.message == "ModuleNotFoundError: No module named 'helpers_of_first'"


def test_libraries_are_preloaded_if_they_exist(process_host, submit):
    body = "def order(self, observation): return ['colorsys' in sys.modules, 'aifc' in sys.modules, 0] @ np.eye(3)"
    submission = dataclasses.replace(submit(body), preload=("colorsys", "no_such_library"))
    seat = seated(process_host, submission)
    assert seat.order(observation()).tolist() == [1, 0, 0]
    seat.close()


def test_memory_has_a_bound(submit):
    host = make_host("process", Limits(memory=256 * 1024 * 1024))
    try:
        body = "def order(self, observation): return np.ones({size})[:3]"
        violation, _ = failure(host, submit(body.format(size=2**27), name="greedy"))
        assert violation.code == "memory"
        seat = seated(host, submit(body.format(size=2**20), name="modest"))
        assert seat.order(observation()).tolist() == [1.0, 1.0, 1.0]
        seat.release()
    finally:
        host.close()


def test_files_have_a_bound(submit):
    host = make_host("process", Limits(file_size=1024))
    try:
        violation, _ = failure(
            host, submit("def order(self, observation): f = open('big', 'wb', 0); f.write(b'x' * 1024); f.write(b'x')")
        )
    finally:
        host.close()
    assert violation.code == "exception"
    assert "File too large" in violation.message
