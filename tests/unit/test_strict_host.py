"""The locked levels: what a controller cannot do there, each beside something like it that it can.

Every test runs at `strict` and at `sandbox`, whichever works here.
"""

import contextlib
import dataclasses
import functools
import os
import pickle
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from machine import ORDINARY_USER, run_as_ordinary_user
from seats import LOCKED, copy_submission, failure, make_submission, observation, play_episode, require_or_skip, seated

from arena.contract.seeds import hidden_seeds, new_secret
from arena.errors import InfrastructureFailure
from arena.jail.launcher import PreloadFailure
from arena.jail.limits import MEBIBYTE, Limits
from arena.play.pool import Job, WorkItem
from arena.play.seats import make_host

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the locked levels are made of what only Linux has")


@pytest.fixture
def submit(tmp_path):
    return functools.partial(make_submission, tmp_path)


@pytest.fixture(params=LOCKED)
def level(request):
    return request.param


@pytest.fixture
def host(level, host_at):
    return host_at(level)


@pytest.fixture
def attempt(host, submit):
    """Have a controller run a statement while it decides; what came of it: "done", or the name of the error."""

    def attempt(statement, **names):
        body = f"""
        def order(self, observation):
            import ctypes, errno, fcntl, json, mmap, resource, signal, socket, subprocess, threading
            libc = ctypes.CDLL(None, use_errno=True)
            def call(number, *arguments):
                if libc.syscall(number, *arguments) < 0:
                    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            numbers = range(os.getpid() - 1, 0, -1)
            # In a sandbox no process can be seen, but the second one of a world is the one that forks.
            parent = next((number for number in numbers if os.path.exists(f"/proc/{{number}}")), 2)
            try:
                {statement}
                print("done")
            except OSError as error:
                print(errno.errorcode.get(error.errno, repr(error)))
            return [0, 0, 0]
        """
        top = "\n".join(f"{name} = {str(value)!r}" for name, value in names.items())
        submission = submit(body, top=top)
        seat = seated(host, submission)
        seat.order(observation())
        seat.close()
        return seat.stderr_tail.strip().splitlines()[-1]

    return attempt


# --- files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "place",
    [
        "/",
        "/etc/passwd",
        "/home",
        "/root",
        "/tmp",
        "/dev/shm",
        "/sys",
        "/proc",
        "/proc/self/environ",
        "/proc/self/maps",
        "/proc/self/mem",
        "/proc/thread-self/status",
        "{home}",
        "{checkout}",
        "{checkout}/README.md",
        "{checkout}/tests",
        "{checkout}/submissions",
        "{tests}",
        "{tests}/seats.py",
        "{here}",
        "{here}/rival/mine.py",
        "{here}/results.sqlite",
        "{here}/link/results.sqlite",
    ],
)
def test_files_that_are_none_of_its_business_cannot_be_read(host, submit, tmp_path, repository, place):
    submit(name="rival")
    (tmp_path / "results.sqlite").write_bytes(b"x" * 100)
    (tmp_path / "link").symlink_to(tmp_path)
    tests = Path(__file__).parent.parent
    path = place.format(home=Path.home(), checkout=repository, tests=tests, here=tmp_path)
    body = """
    def order(self, observation):
        for look in (os.listdir, lambda path: open(path, "rb").read(1), lambda path: os.open(path, os.O_RDONLY)):
            try: print(look(PLACE), "was read")
            except OSError as error: print(type(error).__name__)
        return [0, 0, 0]
    """
    seat = seated(host, submit(body, top=f"PLACE = {path!r}"))
    seat.order(observation())
    seat.close()
    assert set(seat.stderr_tail.split()) <= {"PermissionError", "FileNotFoundError", "NotADirectoryError"}


@pytest.mark.parametrize(
    "statement",
    [
        "open(np.__file__).read()",
        "os.listdir(os.path.dirname(os.__file__))",
        "open(__file__).read()",
        "os.listdir(os.path.dirname(__file__))",
        "open('/dev/urandom', 'rb').read(1)",
        "open('/proc/cpuinfo').read()",
        "import arena; arena.load_scenario('serial-stationary-backlog')",
        "import arena.envs.single, scipy.optimize, json.tool, zoneinfo; zoneinfo.ZoneInfo('Europe/Berlin')",
        "open('/dev/null', 'w').write('x')",
        "os.listdir('.'); os.listdir(os.environ['HOME']); os.listdir(os.environ['TMPDIR'])",
        "import tempfile; tempfile.TemporaryFile().write(b'x'); tempfile.gettempdir()",
        "import tempfile; f = tempfile.SpooledTemporaryFile(1); f.write(b'xx'); f.seek(0); assert f.read()",
    ],
)
def test_what_a_controller_needs_can_be_read_and_temporary_files_written(attempt, statement):
    assert attempt(statement) == "done"


@pytest.mark.parametrize(
    "statement",
    [
        "open('a', 'w').write('x'); os.rename('a', 'b'); os.mkdir('d'); os.rename('b', 'd/b'); open('d/b').read()",
        "import tempfile; tempfile.mkdtemp()",
        "import tempfile; tempfile.NamedTemporaryFile()",
        "os.symlink('a', 'b'); os.unlink('b')",
        "os.mkdir('d'); os.rmdir('d')",
        "import shutil; open('a', 'w').write('x'); shutil.copyfile('a', 'b'); os.replace('b', 'a')",
        "np.arange(4.0).tofile('a'); np.memmap('a', mode='r+')[:] = 1",
    ],
)
def test_its_own_folder_can_be_written_to_in_a_sandbox_alone(level, attempt, statement):
    """Without privileges no file system can be made that has a size, and nobody's disk is at hand."""
    assert attempt(statement) == ("done" if level == "sandbox" else "EACCES")


def test_files_in_memory_are_for_those_who_have_no_others(level, attempt):
    assert attempt("os.memfd_create('file')") == ("done" if level == "strict" else "ENOSYS")


def test_files_in_memory_are_bounded_together(host_at, submit):
    """By the kernel: each in size, and all in number. What is mapped counts as address space."""
    host = host_at("strict", disk=32 * MEBIBYTE, open_files=32, memory=256 * MEBIBYTE)
    body = """
    def order(self, observation):
        kept, size = [], 0
        try:
            while True:
                kept.append(os.memfd_create("file"))
                for grow in (os.ftruncate, lambda file, size: os.posix_fallocate(file, 0, size)):
                    try: grow(kept[-1], 2**20 + 1)
                    except OSError as error: assert error.errno == errno.EFBIG
                    else: raise AssertionError("it is larger than it may be")
                size += os.write(kept[-1], bytes(2**22))
        except OSError as error:
            assert error.errno == errno.EMFILE
        return [size / 2**20, len(kept), 0]
    """
    seat = seated(host, submit(body, top="import errno"))
    mebibytes, files, _ = seat.order(observation())
    seat.close()
    assert mebibytes == files
    assert 20 < files < 32


def test_files_in_memory_that_are_mapped_are_bounded_as_memory(host_at, submit):
    host = host_at("strict", disk=32 * MEBIBYTE, open_files=32, memory=256 * MEBIBYTE)
    body = """
    def order(self, observation):
        kept = []
        while True:
            file = os.memfd_create("file")
            os.ftruncate(file, 2**20)
            kept.append(mmap.mmap(file, 2**20))
            kept[-1][::4096] = b"x" * 256
            os.close(file)
            print(len(kept), flush=True)
    """
    violation, seat = failure(host, submit(body, top="import mmap"))
    assert violation.code in ("memory", "exception")
    assert int(seat.stderr_tail.split("Traceback")[0].split()[-1]) <= 256


@pytest.mark.parametrize(
    "statement",
    [
        "open(__file__, 'a')",
        "open(os.path.join(os.path.dirname(__file__), 'new'), 'w')",
        "open(np.__file__, 'a')",
        "open(np.__file__, 'r+')",
        "os.open(np.__file__, os.O_RDONLY | os.O_TRUNC)",
        "os.truncate(np.__file__, 0)",
        "os.remove(np.__file__)",
        "os.rename(np.__file__, 'stolen')",
        "os.link(np.__file__, 'linked')",
        "os.mkdir(os.path.join(os.path.dirname(np.__file__), 'new'))",
        "open('../escaped', 'w')",
        "open('/tmp/arena-was-here', 'w')",
        "open('/dev/shm/arena-was-here', 'w')",
        "os.symlink('/etc/passwd', 'way'); open('way').read()",
        "os.symlink('/tmp', 'way'); open('way/arena-was-here', 'w')",
        "os.mkfifo('pipe')",
        "os.mknod('device', 0o20666, os.makedev(1, 8))",
        "os.chmod(__file__, 0o777)",
        "os.chown(__file__, 12345, 12345)",
        "os.utime(__file__, (0, 0))",
        "os.setxattr(__file__, 'user.note', b'x')",
        "os.chroot('.')",
    ],
)
def test_nothing_outside_of_its_own_folder_can_be_changed(attempt, statement):
    library = Path(np.__file__)
    before = library.stat()
    assert attempt(statement) in {"EACCES", "EPERM", "EROFS", "ENOENT", "EXDEV", "ENOSYS"}
    after = library.stat()
    assert (after.st_mode, after.st_size, after.st_mtime) == (before.st_mode, before.st_size, before.st_mtime)
    assert not [place for place in (Path("/tmp"), Path("/dev/shm")) if (place / "arena-was-here").exists()]


# --- other processes, the network, the kernel ---------------------------------------------------------------------

INTEL = platform.machine() == "x86_64"
intel_only = pytest.mark.skipif(not INTEL, reason="numbers of calls of the other machine")


@pytest.mark.parametrize(
    "statement",
    [
        *(f"socket.socket(socket.{family})" for family in ("AF_INET", "AF_INET6", "AF_UNIX")),
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
        "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
        "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)",
        "socket.socketpair()[0].bind(chr(0) + 'arena')",
        "socket.socketpair()[0].connect('/run/systemd/notify')",
        "socket.socket(fileno=os.dup(3)).listen()",
        "os.kill(parent, 0)",
        "os.kill(parent, 9)",
        "os.killpg(parent, 9)",
        "os.kill(-1, 0)",
        "os.kill(1, 0)",
        "signal.pidfd_send_signal(os.pidfd_open(parent), 0)",
        "fcntl.fcntl(3, fcntl.F_SETOWN, parent)",
        "resource.prlimit(parent, resource.RLIMIT_CPU)",
        "os.sched_setaffinity(parent, {0})",
        "os.setpriority(os.PRIO_PROCESS, parent, 10)",
        "os.sched_setscheduler(parent, os.SCHED_BATCH, os.sched_param(0))",
        "open(f'/proc/{parent}/mem', 'rb')",
        "open(f'/proc/{parent}/environ', 'rb')",
        "open(f'/proc/{parent}/cmdline', 'rb')",
        "os.listdir(f'/proc/{parent}/fd')",
        "os.fork()",
        "subprocess.run(['/bin/true'])",
        "os.execv(sys.executable, ['python', '-c', ''])",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "os.memfd_create('shared', os.MFD_HUGETLB)",
        "fcntl.fcntl(os.open('lease', os.O_CREAT), 1024, fcntl.F_RDLCK)",
        "fcntl.fcntl(os.open('.', os.O_RDONLY), 1026, 1)",
        "libc.prctl(1, 0, 0, 0, 0) and (_ for _ in ()).throw(OSError(ctypes.get_errno(), ''))",
        *(
            pytest.param(f"call({number})", id=name, marks=intel_only)
            for name, number in [
                ("process_vm_readv", "310, parent, 0, 0, 0, 0, 0"),
                ("process_vm_writev", "311, parent, 0, 0, 0, 0, 0"),
                ("ptrace", "101, 16, parent, 0, 0"),
                ("pidfd_getfd", "438, 3, 0, 0"),
                ("kcmp", "312, parent, parent, 0, 0, 0"),
                ("perf_event_open", "298, 0, 0, -1, -1, 0"),
                ("bpf", "321, 0, 0, 0"),
                ("keyctl", "250, 0, -3, 0"),
                ("mount", "165, b'/tmp', b'/tmp', 0, 4096, 0"),
                ("unshare", "272, 0x10000000"),
                ("setns", "308, 3, 0"),
                ("clone of users", "56, 0x10000000 | 17, 0, 0, 0, 0"),
                ("clone as fork", "56, 17, 0, 0, 0, 0"),
                ("vfork", "58"),
                ("clone3", "435, 0, 0"),
                ("io_uring", "425, 1, 0"),
                ("userfaultfd", "323, 1"),
                ("shmget", "29, 0, 4096, 0o1600"),
                ("msgget", "68, 0, 0o1600"),
                ("semget", "64, 0, 1, 0o1600"),
                ("mq_open", "240, b'arena', 0o102, 0o600, 0"),
                ("inotify", "294, 0"),
                ("reboot", "169, 0xfee1dead, 672274793, 0x89abcdef, 0"),
                ("settimeofday", "164, 0, 0"),
                ("kexec", "246, 0, 0, 0, 0"),
                ("ioperm", "173, 0, 1, 1"),
                ("landlock of the future", "451"),
            ]
        ),
    ],
)
def test_what_reaches_out_is_refused(attempt, statement):
    assert attempt(statement) in {"EPERM", "EACCES", "ENOSYS", "ENOENT"}


@pytest.mark.parametrize(
    "statement",
    [
        "one, other = socket.socketpair(); one.send(b'x'); other.recv(1)",
        "threading.Thread(target=print).start()",
        # The C library waits for the end of a thread as if for another process.
        "thread = ctypes.c_ulong(); "
        "libc.pthread_create(ctypes.byref(thread), None, libc.usleep, ctypes.c_void_p(50_000)); "
        "assert libc.pthread_join(thread, None) == 0",
        "os.kill(os.getpid(), 0)",
        "libc.sched_getaffinity(threading.get_native_id(), 128, ctypes.create_string_buffer(128))",
        "time.process_time(); time.thread_time(); os.times(); resource.getrlimit(resource.RLIMIT_NPROC)",
        "import select; select.epoll().close(); os.close(os.eventfd(0)); os.pipe()",
        "signal.signal(signal.SIGALRM, lambda *_: None); signal.setitimer(signal.ITIMER_REAL, 0.001); time.sleep(0.01)",
        "signal.raise_signal(signal.SIGCHLD)",
        "os.killpg(0, 0)",
        "resource.setrlimit(resource.RLIMIT_CPU, (600, 600))",
        "os.sched_setaffinity(0, os.sched_getaffinity(0))",
        "fcntl.fcntl(3, fcntl.F_GETFL)",
        "mmap.mmap(-1, 4096)[0] = 1",
        "libc.prctl(15, b'controller', 0, 0, 0) and (_ for _ in ()).throw(OSError(1, ''))",
        "import asyncio; asyncio.run(asyncio.sleep(0))",
        "import concurrent.futures as f; list(f.ThreadPoolExecutor(4).map(abs, range(8)))",
        "time.sleep(0); time.time(); os.urandom(8); os.uname(); os.cpu_count()",
    ],
)
def test_what_a_process_does_with_itself_is_allowed(attempt, statement):
    assert attempt(statement) == "done"


def test_neither_limits_nor_privileges_can_be_won_back(host, submit):
    name = f"seat-{os.getpid()}"
    body = """
    def order(self, observation):
        import ctypes, resource
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(15, NAME, 0, 0, 0)
        most = (ctypes.c_uint32 * 6)(*[2**32 - 1] * 6)
        regained = libc.capset((ctypes.c_uint32 * 2)(0x20080522, 0), most)
        try: resource.setrlimit(resource.RLIMIT_NOFILE, (100_000, 100_000))
        except ValueError: print('refused')
        return [0, regained, libc.prctl(39, 0, 0, 0, 0)]
    """
    seat = seated(host, submit(body, top=f"NAME = {name.encode()!r}"))
    # Nothing is regained, nothing is held, and no program could regain it.
    assert seat.order(observation()).tolist() == [0, -1, 1]
    (status,) = [text for text in map(read_or_nothing, Path("/proc").glob("[0-9]*/status")) if f"\t{name}\n" in text]
    assert {int(line.split()[1], 16) for line in status.splitlines() if line.startswith("Cap")} == {0}
    seat.close()
    assert seat.stderr_tail.strip() == "refused"


def read_or_nothing(path):
    """The content of a file of a process that may have ended."""
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""


MACHINE_CODE = """
def run(code):
    import ctypes, mmap
    memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(bytes.fromhex(code))
    return ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))()
"""


@intel_only
@pytest.mark.parametrize(
    "code",
    [
        "b814000000cd80c3",  # getpid, as a 32-bit program asks for it
        "b8270000400f05c3",  # getpid, with short pointers
    ],
    ids=["int 0x80", "x32"],
)
def test_calls_of_another_kind_of_machine_end_the_process(host, submit, code):
    body = "def order(self, observation): return [run({code!r}) - os.getpid(), 0, 0]"
    violation, _ = failure(host, submit(body.format(code=code), top=MACHINE_CODE))
    assert violation.code == "exited"
    assert "was ended by signal SIGSYS" in violation.message
    # The same question, asked as this machine asks it.
    seat = seated(host, submit(body.format(code="b8270000000f05c3"), top=MACHINE_CODE, name="honest"))
    assert seat.order(observation()).tolist() == [0, 0, 0]
    seat.close()


# --- what remains possible ----------------------------------------------------------------------------------------


def test_numerical_libraries_work_that_nobody_preloaded(host, submit):
    top = "import scipy.optimize, scipy.linalg, scipy.stats"
    body = """
    def order(self, observation):
        plan = scipy.optimize.linprog([1.0, 2.0], A_ub=[[-1.0, -1.0]], b_ub=[-3.0], method="highs")
        return [plan.fun, scipy.linalg.det(np.eye(50)), scipy.stats.norm.cdf(0)]
    """
    seat = seated(host, submit(body, top=top))
    assert seat.order(observation()).tolist() == pytest.approx([3.0, 1.0, 0.5], abs=1e-9)
    seat.close()


@pytest.mark.torch
@pytest.mark.parametrize("preload", [(), ("torch",)], ids=["imported", "preloaded"])
def test_torch_works_and_draws_the_same_numbers_in_every_episode(host, submit, preload):
    body = """
    def __init__(self):
        self.net = torch.nn.Sequential(torch.nn.Linear(3, 64), torch.nn.ReLU(), torch.nn.Linear(64, 3))
    def order(self, observation):
        given = torch.ones(3, requires_grad=True)
        (self.net(given) ** 2).sum().backward()
        with tempfile.TemporaryFile() as file:
            torch.save(self.net.state_dict(), file)
            file.seek(0)
            self.net.load_state_dict(torch.load(file, weights_only=True))
        return given.grad.abs().numpy() + torch.rand(3).numpy()
    """
    submission = submit(body, top="import tempfile, torch", preload=preload)
    draws = []
    for _ in range(2):
        seat = seated(host, submission)
        draws.append(seat.order(observation()).tolist())
        seat.close()
    assert draws[0] == draws[1]
    assert all(number > 0 for number in draws[0])


@pytest.mark.torch
def test_torch_works_with_threads(host, submit):
    body = """
    def order(self, observation):
        torch.set_num_threads(3)
        factor = torch.rand(300, 300, requires_grad=True)
        (factor @ factor).relu().sum().backward()
        finite = bool(torch.isfinite(factor.grad).all())
        return [torch.get_num_threads(), torch.linalg.svdvals(factor).min() >= 0, finite]
    """
    seat = seated(host, submit(body, top="import torch", preload=("torch",)))
    assert seat.order(observation()).tolist() == [3, 1, 1]
    seat.close()


def test_solvers_work_with_threads(host, submit):
    """HiGHS starts its own and waits for their end; Pyomo looks for solvers, programs among them."""
    pytest.importorskip("highspy")
    pytest.importorskip("pyomo")
    body = """
    def order(self, observation):
        solver = highspy.Highs()
        for option, value in (("output_flag", False), ("threads", 3), ("parallel", "on")):
            solver.setOptionValue(option, value)
        weights = np.random.default_rng(0).uniform(1, 3, (20, 25))
        items = [solver.addVariable(0, 3, obj=-1, type=highspy.HighsVarType.kInteger) for _ in range(25)]
        for row in weights:
            solver.addConstr(sum(float(weight) * item for weight, item in zip(row, items)) <= 15)
        solver.run()
        highspy.Highs.resetGlobalScheduler(True)
        model = pyomo.ConcreteModel()
        model.x = pyomo.Var(bounds=(0, 7), within=pyomo.Integers)
        model.goal = pyomo.Objective(expr=model.x, sense=pyomo.maximize)
        pyomo.SolverFactory("appsi_highs").solve(model)
        grid = scipy.fft.fft(np.ones((64, 512)), workers=3)
        return [-solver.getObjectiveValue() > 5, pyomo.value(model.x), grid[0, 0].real]
    """
    top = "import highspy, pyomo.environ as pyomo, scipy.fft"
    seat = seated(host, submit(body, top=top, preload=("highspy", "pyomo.environ", "scipy.fft")))
    assert seat.order(observation()).tolist() == [1, 7, 512]
    seat.close()


def test_a_submissions_own_modules_and_data_are_found(host, submit):
    top = "import helper\nfrom pathlib import Path\nDATA = (Path(__file__).parent / 'data' / 'table.txt').read_text()"
    submission = submit("def order(self, observation): return [helper.ANSWER, int(DATA), 0]", top=top)
    (submission.folder / "helper.py").write_text("ANSWER = 42", encoding="utf-8")
    (submission.folder / "data").mkdir()
    (submission.folder / "data" / "table.txt").write_text("7", encoding="utf-8")
    (submission.folder / "way-out").symlink_to("/etc")
    os.mkfifo(submission.folder / "pipe")
    seat = seated(host, submission)
    assert seat.order(observation()).tolist() == [42, 7, 0]
    seat.close()


def test_a_folder_that_is_gone_is_the_arenas_failure(host, submit):
    gone = dataclasses.replace(submit(), folder=Path("/no/such/folder"))
    with pytest.raises(InfrastructureFailure, match="/no/such/folder: the submission cannot be read"):
        host.open(gone)
    seated(host, submit(name="there")).close()


def test_a_whole_episode_is_played_from_a_file(host, tmp_path):
    file = tmp_path / "base_stock.py"
    file.write_text(
        "import numpy as np\n"
        "class Controller:\n"
        "    def begin(self, briefing): self.links = len(briefing.network.supply_links)\n"
        "    def order(self, observation): return np.full(self.links, 20.0)\n",
        encoding="utf-8",
    )
    record = play_episode(host, copy_submission(file, tmp_path)).record
    assert (record.outcome, record.isolation, record.decisions) == ("ok", host.isolation, 30)


def test_a_library_that_shares_memory_between_episodes_is_not_preloaded(level, submit, tmp_path, monkeypatch):
    require_or_skip(level)
    packages = tmp_path / "site-packages"
    packages.mkdir()
    (packages / "sharing.py").write_text("import mmap\nPAGE = mmap.mmap(-1, 4096)", encoding="utf-8")
    (packages / "keeping.py").write_text("PAGE = bytearray(4096)", encoding="utf-8")
    monkeypatch.syspath_prepend(packages)
    body = """
    def order(self, observation):
        PAGE[0] += 1
        return [PAGE[0], 0, 0]
    """
    host = make_host(level)
    try:
        with pytest.raises(PreloadFailure, match="sharing: its import leaves memory that all episodes would share"):
            host.open(submit(body, top="from sharing import PAGE", name="one", preload=("sharing",)))
        keeping = submit(body, top="from keeping import PAGE", name="two", preload=("keeping",))
        for _ in range(2):
            seat = seated(host, keeping)
            assert seat.order(observation()).tolist() == [1, 0, 0]
            seat.close()
    finally:
        host.close()


def test_when_memory_runs_out_a_controller_goes_first(host_at, submit):
    """Seen from outside, at the level whose process ids can be."""
    seat = seated(host_at("strict"), submit())
    assert Path(f"/proc/{seat._process}/oom_score_adj").read_text().strip() == "1000"
    assert Path("/proc/self/oom_score_adj").read_text().strip() != "1000"
    seat.close()


# --- the arena's own memory ---------------------------------------------------------------------------------------

READ_MEMORY = """
import sys
from arena.jail.kernel import renounce_privileges
renounce_privileges()
try:
    open(f"/proc/{sys.argv[1]}/environ", "rb").read()
    open(f"/proc/{sys.argv[1]}/mem", "rb").close()
    print("read")
except OSError as error:
    print(type(error).__name__)
"""


def test_a_process_that_seats_controllers_cannot_be_looked_into(level):
    """By a process of the same user, without any lock on it: what a controller would be if all locks failed."""
    require_or_skip(level)

    def look(statement):
        # Without privileges, as an ordinary user's would be: those alone would keep the other one out.
        code = (
            "import sys\nfrom arena.play.seats import make_host\n"
            "from arena.jail.kernel import renounce_privileges\n"
            f"{statement}\nrenounce_privileges()\nprint(flush=True)\nsys.stdin.read()"
        )
        arguments = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen([sys.executable, "-c", code], **arguments) as process:
            process.stdout.readline()
            done = subprocess.run(
                [sys.executable, "-c", READ_MEMORY, str(process.pid)], capture_output=True, text=True, check=True
            )
            process.communicate("")
        return done.stdout.strip()

    assert look("pass") == "read"
    assert look(f"host = make_host({level!r})") == "PermissionError"


def test_workers_get_seeds_and_never_the_secret(submit):
    """All that a worker is told is its job and one item at a time."""
    secret = new_secret()
    plan = hidden_seeds(secret, 3, "0" * 64)
    items = [WorkItem(0, 0, plan.episode("1" * 64, index)) for index in range(3)]
    told = pickle.dumps((Job((submit(),), (), "strict", Limits(), plan.commitment), items))
    assert plan.commitment.encode() in told
    for hidden in (secret.master, secret.salt):
        assert hidden.encode() not in told
        assert bytes.fromhex(hidden) not in told


# --- another user -------------------------------------------------------------------------------------------------


@pytest.fixture
def open_place():
    """A folder that everybody can write to; those of pytest are closed to other users."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


LOOK_AROUND = """
def order(self, observation):
    try: os.listdir("/")
    except PermissionError: print("locked", os.getuid())
    return [1, 2, 3]
"""


def test_an_ordinary_user_has_it_too(level, open_place):
    if os.getuid() != 0:
        pytest.skip("all of these tests are run by an ordinary user already")
    require_or_skip(level)
    code = f"""
import sys
from pathlib import Path
sys.path.append({str(Path(__file__).parent.parent)!r})
from seats import make_submission, observation, seated
from arena.play.seats import make_host
from arena.jail.launcher import PreloadFailure
host = make_host({level!r})
seat = seated(host, make_submission(Path({str(open_place)!r}), {LOOK_AROUND!r}))
print(seat.order(observation()).tolist())
seat.close()
print(seat.stderr_tail)
host.close()
"""
    python = [sys.executable, "-B", "-c"]
    tried = run_as_ordinary_user([*python, "import numpy, pydantic, pytest, arena"], open_place)
    if tried.returncode:
        pytest.skip(f"an ordinary user cannot read what this interpreter needs: {tried.stderr[-200:]}")
    done = run_as_ordinary_user([*python, code], open_place)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:2] == ["[1.0, 2.0, 3.0]", f"locked {ORDINARY_USER}"]
    assert [entry.name for entry in open_place.iterdir()] == ["mine"]
