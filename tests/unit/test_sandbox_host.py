"""The sandbox: the world that a zygote and its seats live in, and the programs that may be started there alone."""

import errno
import functools
import os
import platform
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from seats import failure, make_submission, observation, require_or_skip, seated

from arena.contract.seeds import PublicSeeds
from arena.errors import ContractViolation, InvalidInput
from arena.jail import numbers
from arena.jail.bubblewrap import LIBRARIES_ROOM, MOST_ROOMS, ROOMS, SEATS, WORLD, find_bubblewrap, sandboxed
from arena.jail.kernel import CHANGE_ROOT
from arena.jail.limits import Limits
from arena.jail.lockdown import DEVICES, PROCESSOR, fixed_environment
from arena.jail.watch import children
from arena.play.evaluate import evaluate
from arena.play.seats import make_host
from arena.play.seats.process import controller_places
from arena.world.suite import Suite

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap is made of what only Linux has")


@pytest.fixture
def submit(tmp_path):
    return functools.partial(make_submission, tmp_path)


@pytest.fixture
def host(host_at):
    return host_at("sandbox")


@pytest.fixture(scope="module")
def zygote():
    """Process ids of bubblewrap and of the zygote in it, as they are seen from outside."""
    require_or_skip("sandbox")
    host = make_host("sandbox")
    host.prove()
    (launcher,) = host._launchers.values()
    (inside,) = children(launcher._process.pid)
    yield launcher._process.pid, inside
    host.close()


def read(process, name):
    return Path(f"/proc/{process}/{name}").read_text(encoding="utf-8")


GIVE_UP = 8
"""CAP_SETPCAP."""

# --- the world ----------------------------------------------------------------------------------------------------


def test_it_starts_with_nothing_in_its_environment(zygote):
    bubblewrap, inside = zygote
    assert read(bubblewrap, "environ") == ""
    names = {entry.partition("=")[0] for entry in read(inside, "environ").split("\0") if entry}
    assert names - {"PWD", "LD_LIBRARY_PATH"} == set(fixed_environment(LIBRARIES_ROOM))


@pytest.mark.parametrize("namespace", ["user", "pid", "net", "ipc", "uts", "mnt", "cgroup"])
def test_every_namespace_is_its_own(zygote, namespace):
    mine, theirs = (Path(f"/proc/{process}/ns/{namespace}").readlink() for process in ("self", zygote[1]))
    assert mine != theirs


def test_it_has_no_capability_and_cannot_get_one(zygote):
    warden, (forking,) = zygote[1], children(zygote[1])
    for process in (warden, forking):
        status = dict(line.split(":\t") for line in read(process, "status").splitlines() if ":\t" in line)
        held = {name: int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
        # The warden keeps the one by which it numbers processes of its own world.
        kept = 1 << numbers.RESTORE if process == warden and numbers.can_be_given() else 0
        assert held == {"CapInh": 0, "CapPrm": kept, "CapEff": kept, "CapBnd": 0, "CapAmb": 0}
        assert status["NoNewPrivs"] == "1"


def test_it_sees_what_is_needed_and_can_write_to_its_own_bounded_place_only(zygote, repository):
    places = controller_places()
    writable = set()
    visible = {*places.readable, *places.interpreter}
    visible |= {f"{WORLD}{place}" for place in (*visible, PROCESSOR)}
    for line in read(zygote[1], "mountinfo").splitlines():
        mount, options = line.split(" ")[4:6]
        if "rw" in options.split(","):
            writable.add(mount)
        else:
            assert mount in {"/", *visible} or mount.startswith("/proc/"), mount
    rooms = [LIBRARIES_ROOM, *(ROOMS / str(number) for number in range(MOST_ROOMS))]
    numbering = {numbers.LAST_NUMBER, numbers.WORLDS} if numbers.can_be_given() else set()
    devices = {*DEVICES, *(f"{WORLD}{device}" for device in DEVICES)}
    assert writable == {*(f"{WORLD}{place}" for place in (SEATS, *rooms)), "/proc", *devices, *numbering}
    for place, most in [(SEATS, 2 * Limits().disk), *((room, Limits().disk) for room in rooms)]:
        space = os.statvfs(f"/proc/{zygote[1]}/root{place}")
        assert space.f_blocks * space.f_frsize == most
    root = Path(f"/proc/{zygote[1]}/root")
    for absent in (Path.home() / ".bashrc", repository / "README.md", repository / "tests", Path("/etc/passwd")):
        assert not Path(f"{root}{absent}").exists(), absent


def run_in_a_sandbox(*command, **options):
    """Run another command where the zygote would be, without any lock of the arena's own."""
    whole = sandboxed(
        command,
        find_bubblewrap(),
        places=controller_places(programs=True),
        environment={"PATH": os.defpath},
        space=2**20,
        room=2**20,
        **options,
    )
    return subprocess.run(whole, env={}, capture_output=True, text=True, check=False)


def test_bubblewrap_itself_leaves_what_a_zygote_enters_its_root_by_and_gives_up():
    require_or_skip("sandbox")
    done = run_in_a_sandbox(sys.executable, "-c", "print(open('/proc/self/status').read())")
    found = [int(line.split()[1], 16) for line in done.stdout.splitlines() if line.startswith("Cap")]
    assert len(found) == 5
    assert set(found) <= {0, 1 << CHANGE_ROOT | 1 << GIVE_UP}


def test_nested_users_are_switched_off():
    require_or_skip("sandbox")
    nested = "import ctypes; print(ctypes.CDLL(None).unshare({flags}))"
    assert run_in_a_sandbox(sys.executable, "-c", nested.format(flags=0)).stdout == "0\n"
    assert run_in_a_sandbox(sys.executable, "-c", nested.format(flags=0x1000_0000)).stdout == "-1\n"


def test_a_warden_that_numbers_processes_forbids_nested_users_itself():
    require_or_skip("sandbox")
    if not numbers.can_be_given():
        pytest.skip("this kernel gives no numbers anew, or /proc/sys cannot be written to")
    try_it = "import ctypes; print(ctypes.CDLL(None).unshare(0x1000_0000))"
    forbid = f"open({numbers.WORLDS!r}, 'w').write('0'); {try_it}"
    assert run_in_a_sandbox(sys.executable, "-c", try_it, numbered=True).stdout == "0\n"
    assert run_in_a_sandbox(sys.executable, "-c", forbid, numbered=True).stdout == "-1\n"


def test_what_is_outside_does_not_exist(host, submit, tmp_path, repository):
    """At `strict` it could be found out that a file is there; here it is not."""
    rival = submit(name="rival")
    outside = [rival.folder, rival.folder / "mine.py", repository / "README.md", "/etc/passwd", "/dev/shm", "/sys"]
    body = """
    def order(self, observation):
        print([place for place in OUTSIDE if os.path.lexists(place)], os.path.exists(np.__file__), os.uname().nodename)
        return [os.getpid(), os.getppid(), 0]
    """
    seat = seated(host, submit(body, top=f"OUTSIDE = {[str(place) for place in outside]!r}"))
    # Every seat has the same number, and is told of no parent.
    assert seat.order(observation()).tolist() == [1000, 0, 0]
    seat.close()
    assert seat.stderr_tail.split() == ["[]", "True", "arena"]


def test_a_seat_finds_nothing_of_proc_but_the_processor(host, submit):
    """Whoever looks at a name there makes a file, whose time and number tell others that somebody did, and when."""
    body = """
    def order(self, observation):
        return [os.path.exists("/proc/cpuinfo"), sum(os.path.lexists(f"/proc/{name}") for name in NAMES), 0]
    """
    names = "NAMES = ['self', '1', '2', '1000', 'sys', 'sys/kernel/ostype', 'meminfo', 'thread-self']"
    seat = seated(host, submit(body, top=names))
    assert seat.order(observation()).tolist() == [1, 0, 0]
    seat.close()


def test_folders_around_a_seat_do_not_tell_when_the_last_one_ended(host, submit):
    body = """
    def order(self, observation):
        around = ["/seats", *(f"/seats/rooms/{number}" for number in range(32))]
        return [max(os.stat(place).st_mtime for place in around), 0, 0]
    """
    submission = submit(body)
    for _ in range(2):
        seat = seated(host, submission)
        assert seat.order(observation()).tolist() == [0, 0, 0]
        seat.close()


def test_one_episodes_files_are_gone_in_the_next(host, submit, tmp_path):
    """Also when the same zygote serves another submission, whose folder is not there any more."""
    body = """
    def order(self, observation):
        open("notes", "w").write("x")
        os.makedirs("a/b", 0o700)
        print(os.path.dirname(__file__), os.getcwd())
        return [0, 0, 0]
    """
    seat = seated(host, submit(body, name="first"))
    seat.order(observation())
    seat.close()
    left = seat.stderr_tail.split()
    look = "def order(self, observation): return [sum(map(os.path.lexists, LEFT)), 0, 0]"
    seat = seated(host, submit(look, top=f"LEFT = {left!r}", name="second"))
    assert seat.order(observation()).tolist() == [0, 0, 0]
    seat.close()


def test_space_is_bounded(host_at, submit):
    """By the kernel: files that are deleted while they are open are in no folder that could be watched."""
    host = host_at("sandbox", disk=8 * 2**20)
    body = """
    def order(self, observation):
        self.keep = keep = []
        for number in range({files}):
            keep.append(open("f", "wb", 0))
            os.unlink("f")
            keep[-1].write(bytes(2**20))
        return [0, 0, 0]
    """
    violation, _ = failure(host, submit(body.format(files=9), name="greedy"))
    assert (violation.code, f"[Errno {errno.ENOSPC}]" in violation.message) == ("exception", True)
    # What one seat keeps is nobody else's room, neither at the same time nor afterwards.
    submission = submit(body.format(files=7), name="modest")
    seats = [seated(host, submission) for _ in range(3)]
    for seat in seats:
        assert seat.order(observation()).tolist() == [0, 0, 0]
    for seat in seats:
        seat.close()
    seat = seated(host, submission)
    assert seat.order(observation()).tolist() == [0, 0, 0]
    seat.close()


# --- programs -----------------------------------------------------------------------------------------------------


@pytest.fixture
def submit_with_programs(tmp_path):
    return functools.partial(make_submission, tmp_path, capabilities=("subprocess",))


def test_programs_run_where_they_are_granted(host, submit_with_programs, submit):
    body = """
    def order(self, observation):
        import subprocess
        python = subprocess.run([sys.executable, "-c", "import numpy; print(6 * 7)"], capture_output=True, check=True)
        slow = subprocess.Popen(["sleep", "3600"])
        slow.kill()
        shell = subprocess.run("echo 5 > number; cat number", shell=True, capture_output=True, check=True)
        return [int(python.stdout), slow.wait(), int(shell.stdout)]
    """
    seat = seated(host, submit_with_programs(body, name="granted"))
    assert seat.order(observation()).tolist() == [42, -9, 5]
    seat.close()
    violation, _ = failure(host, submit(body, name="not-granted"))
    assert violation.message.startswith("PermissionError")


def test_a_weaker_host_does_not_grant_programs_whoever_asks(host_at, submit_with_programs):
    """An evaluation would have refused the submission; a host that is used by itself does not grant it either."""
    violation, _ = failure(
        host_at("strict"),
        submit_with_programs("def begin(self, briefing): import subprocess; subprocess.run(['true'])"),
    )
    assert violation.message.startswith("PermissionError")


@pytest.mark.parametrize(
    "command",
    [
        ["ls", "/"],
        ["cat", "/proc/1/environ"],
        ["sh", "-c", "kill -9 1"],
        ["sh", "-c", "kill -9 -1"],
        ["unshare", "--user", "true"],
        [sys.executable, "-c", "import socket; socket.socket()"],
        [sys.executable, "-c", "import ctypes; exit(ctypes.CDLL(None).ptrace(16, 1, 0, 0) < 0)"],
        ["./copied", "hello"],
    ],
)
def test_programs_are_locked_as_their_controller_is(host, submit_with_programs, command):
    body = """
    def order(self, observation):
        import shutil, subprocess
        with open(shutil.which("echo"), "rb") as program, open("copied", "wb", opener=opener) as copy:
            shutil.copyfileobj(program, copy)
        try: code = subprocess.run(COMMAND).returncode
        except PermissionError as error: code = error.errno
        return [code != 0, subprocess.run(["true"]).returncode, 0] @ np.eye(3)
    """
    top = f"COMMAND = {command!r}\ndef opener(path, flags): return os.open(path, flags, 0o700)"
    seat = seated(host, submit_with_programs(body, top=top))
    assert seat.order(observation()).tolist() == [1, 0, 0]
    seat.close()


def descendants(process):
    found = children(process)
    return found | {below for child in found for below in descendants(child)}


def test_no_program_survives(submit_with_programs):
    require_or_skip("sandbox")
    body = """
    def order(self, observation):
        for number in range(3):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    open(f"ready{number}", "w").close()
                    time.sleep(3600)
                os._exit(0)
            os.wait()
        while len([name for name in os.listdir() if name.startswith("ready")]) < 3: time.sleep(.01)
        return [0, 0, 0]
    """
    host = make_host("sandbox")
    try:
        submission = submit_with_programs(body)
        seat = seated(host, submission)
        seat.order(observation())
        pids = [launcher._process.pid for launcher in host._launchers.values()]
        assert sum(len(descendants(process)) for process in pids) == 2 * len(pids) + 1 + 3
        seat.close()
        assert sum(len(descendants(process)) for process in pids) == 2 * len(pids)
    finally:
        host.close()
    assert not any(Path(f"/proc/{process}").exists() for process in pids)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the number of a call of the other machine")
def test_no_program_becomes_a_child_of_the_zygote(submit_with_programs):
    """There the warden would take it for the zygote's own, and it would live on after the episode."""
    require_or_skip("sandbox")
    body = """
    def order(self, observation):
        import ctypes
        clone, parent_of_the_caller = 56, 0x8000
        if ctypes.CDLL(None).syscall(clone, parent_of_the_caller | 17, 0, 0, 0, 0) == 0:
            os.setsid()
            time.sleep(3600)
        return [0, 0, 0]
    """
    host = make_host("sandbox")
    try:
        seat = seated(host, submit_with_programs(body))
        seat.order(observation())
        (launcher,) = host._launchers.values()
        seat.close()
        assert len(descendants(launcher._process.pid)) == 2
    finally:
        host.close()


def test_a_family_that_grows_without_end_is_ended(host, submit_with_programs):
    body = """
    def order(self, observation):
        while True:
            try: os.fork()
            except OSError: pass
    """
    violation, _ = failure(host, submit_with_programs(body, name="bomb"))
    assert violation.code == "exited"
    assert "it had more than 64 threads and processes" in violation.message
    seated(host, submit_with_programs(name="after")).close()


def test_who_grows_and_is_late_is_told_what_came_first(host_at, submit_with_programs):
    """On a busy machine the warden looks late: it is stopped here until the time is over."""
    host = host_at("sandbox", first_decision=0.5)
    body = """
    def order(self, observation):
        for _ in range(70):
            if os.fork() == 0: time.sleep(3600)
        time.sleep(3600)
    """
    submission = submit_with_programs(body)
    seat = seated(host, submission)
    (launcher,) = (launcher for launcher in host._launchers.values() if launcher.seats)
    (warden,) = children(launcher._process.pid)
    os.kill(warden, signal.SIGSTOP)
    resumed = threading.Timer(3.0, os.kill, (warden, signal.SIGCONT))
    resumed.start()
    try:
        with pytest.raises(ContractViolation, match="more than 64 threads and processes") as caught:
            seat.order(observation())
        assert caught.value.code == "exited"
    finally:
        resumed.join()
        seat.release()


@pytest.mark.parametrize("level", ["trusted", "process", "strict"])
def test_an_evaluation_refuses_the_capability_before_it_plays(submit_with_programs, tmp_path, level):
    require_or_skip(level)
    suite = Suite(name="none", description="No scenario.", scenarios=())
    asking = submit_with_programs()
    with pytest.raises(InvalidInput, match=f'level "{level}" does not grant it.*--isolation sandbox'):
        evaluate([asking], suite, PublicSeeds(), output=tmp_path / "out", isolation=level)
    assert not (tmp_path / "out").exists()
