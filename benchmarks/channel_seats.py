"""The two ends of each channel that `channels.py` measures: controllers of a scout and of a reader.

Each channel is a pair of functions. One takes bits, and leaves them; the other, in a seat of its own, returns what it
takes them for. Both know which episode it is, as two submissions would from the scenario and the seed's briefing.
"""

import contextlib
import mmap
import os
import threading
import time

import numpy as np

LIBRARY = os.path.dirname(np.__file__)
FOLDER = os.path.dirname(LIBRARY)


def pick_files():
    """Files of a library that nobody reads, the same for both, without those of a single page."""
    found = []
    for place, folders, names in os.walk(os.path.join(FOLDER, "scipy")):
        folders.sort()
        if os.path.basename(place) == "tests":
            found += [os.path.join(place, name) for name in sorted(names) if name.endswith(".py")]
    return [path for path in found if os.stat(path).st_size > 8192]


def time_of(action):
    """Nanoseconds that something takes, whether it works or not."""
    started = time.perf_counter_ns()
    with contextlib.suppress(OSError):
        action()
    return time.perf_counter_ns() - started


def number_of(bits):
    """The number that bits write."""
    return sum(int(bit) << place for place, bit in enumerate(bits))


def bits_of(number, count):
    """The bits that write a number."""
    return [number >> place & 1 for place in range(count)]


# --- names that were looked for in vain ---------------------------------------------------------------------------

AGAIN = 3
"""Names that say the same."""


def names_of(place, bit, episode):
    return [f"{LIBRARY}/none-{episode}-{place}-{bit}-{number}" for number in range(AGAIN)]


def send_names(bits, episode):
    for place, bit in enumerate(bits):
        for name in names_of(place, bit, episode):
            time_of(lambda name=name: os.stat(name))


def receive_names(count, episode):
    def look(place, bit):
        return sorted(time_of(lambda name=name: os.stat(name)) for name in names_of(place, bit, episode))[AGAIN // 2]

    look(-1, 0)
    found = []
    for place in range(count):
        order = (0, 1) if place % 2 else (1, 0)
        times = {bit: look(place, bit) for bit in order}
        found.append(int(times[1] < times[0]))
    return found


# --- pages of files -----------------------------------------------------------------------------------------------


def read_page(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.pread(descriptor, 4096, 0)
    os.close(descriptor)


def map_page(path):
    with open(path, "rb", buffering=0) as file, mmap.mmap(file.fileno(), 4096, prot=mmap.PROT_READ) as page:
        return page[0]


def send_pages(bits, episode, touch=read_page):
    files = pick_files()
    for place, bit in enumerate(bits):
        touch(files[2 * place + bit])


def receive_pages(count, episode, touch=read_page):
    files = pick_files()
    touch(__file__)
    found = []
    for place in range(count):
        order = (0, 1) if place % 2 else (1, 0)
        times = {bit: time_of(lambda path=files[2 * place + bit]: touch(path)) for bit in order}
        found.append(int(times[1] < times[0]))
    return found


def send_mapped(bits, episode):
    send_pages(bits, episode, map_page)


def receive_mapped(count, episode):
    return receive_pages(count, episode, map_page)


# --- times of reading ---------------------------------------------------------------------------------------------


def send_times(bits, episode):
    for path, bit in zip(pick_files(), bits, strict=False):
        if bit:
            read_page(path)


def receive_times(count, episode):
    return [int(time.time() - os.stat(path).st_atime < 3600) for path in pick_files()[:count]]


# --- names in /proc -----------------------------------------------------------------------------------------------

OF_A_PROCESS = """auxv cgroup clear_refs cmdline comm cwd environ exe io limits maps mem mountinfo mounts net oom_adj
oom_score pagemap personality root sched schedstat smaps stack stat statm status syscall uid_map wchan attr/current
attr/exec attr/fscreate attr/keycreate attr/prev attr/sockcreate ns/cgroup ns/ipc ns/mnt ns/net ns/pid ns/time ns/user
ns/uts net/arp net/dev net/dev_mcast net/igmp net/netlink net/netstat net/packet net/protocols net/psched net/ptype
net/raw net/route net/rt_cache net/snmp net/sockstat net/softnet_stat net/tcp net/udp net/udplite net/unix"""
"""Names that every process has there, and each of its threads. Hardly anybody looks at them by its number."""


def once(count, episode):
    """Names for one message: a name says something once, and the same to everybody after that.

    Of a process that lives long: in a sandbox the first one, else the arena, whose number an episode tells.
    """
    arena, _, number = episode.split("-")
    process = arena if os.path.lexists(f"/proc/{arena}") else "1"
    folders = (f"/proc/{process}", f"/proc/{process}/task/{process}")
    places = [f"{folder}/{name}" for folder in folders for name in OF_A_PROCESS.split()]
    return places[count * int(number) :][:count]


def send_looks(bits, episode):
    for place, bit in zip(once(len(bits), episode), bits, strict=False):
        if bit:
            time_of(lambda place=place: os.lstat(place))
    time.sleep(2 * LOOKED_BEFORE)


LOOKED_BEFORE = 0.01
"""Seconds by which a look is older than the reader's first one."""


def receive_looks(count, episode):
    """The kernel makes the file when it is first looked at, and gives it that moment as its time."""
    now = time.time()

    def was_there(place):
        with contextlib.suppress(OSError):
            return os.lstat(place).st_mtime < now - LOOKED_BEFORE
        return False

    found = [int(was_there(place)) for place in once(count, episode)]
    return found + [0] * (count - len(found))


# --- numbers that are given in turn -------------------------------------------------------------------------------


def count_up_to(number, cell, count, take):
    """Take numbers until the last one is in the middle of the cell that says a number."""
    wanted = number * cell + cell // 2
    for _ in range(2 * cell << count):
        last = take()
        if (last - wanted) % (cell << count) < cell // 4:
            return


def take_thread():
    told = []
    thread = threading.Thread(target=lambda: told.append(threading.get_native_id()))
    thread.start()
    thread.join()
    return told[0]


def send_processes(bits, episode):
    count_up_to(number_of(bits), 256, len(bits), take_thread)


def receive_processes(count, episode):
    return bits_of(os.getpid() // 256, count)


def take_batch():
    """Numbers of pipes are given to each processor by 1 024: take what is left of one, and the first of the next."""
    last = take_pipe() // 1024
    while (number := take_pipe() // 1024) == last:
        pass
    return number


def take_pipe():
    reading, writing = os.pipe()
    number = os.fstat(reading).st_ino
    os.close(reading)
    os.close(writing)
    return number


def send_pipes(bits, episode):
    count_up_to(number_of(bits), 16, len(bits), take_batch)


def receive_pipes(count, episode):
    return bits_of(take_batch() // 16, count)


def take_file():
    with open("counted", "w") as file:
        number = os.fstat(file.fileno()).st_ino
    os.unlink("counted")
    return number


def send_files(bits, episode):
    count_up_to(number_of(bits), 64, len(bits), take_file)


def receive_files(count, episode):
    return bits_of(os.stat(".").st_ino // 64, count)


# --- caches of the processor --------------------------------------------------------------------------------------

PIECE = 1 << 18


def pieces():
    """Pieces of the largest library's file, as arrays."""
    core = os.path.join(LIBRARY, "_core")
    path = max((os.path.join(core, name) for name in os.listdir(core)), key=lambda one: os.stat(one).st_size)
    with open(path, "rb") as file:
        whole = np.frombuffer(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ), np.uint8)
    return [whole[start : start + PIECE].view(np.uint64) for start in range(0, len(whole) - PIECE, PIECE)]


def send_caches(bits, episode):
    parts = pieces()
    for _ in range(50):
        for place, bit in enumerate(bits):
            int(parts[2 * place + bit].sum())


def receive_caches(count, episode):
    parts = pieces()
    for part in parts:
        int(part[::512].sum())  # One word of every page: the pages are mapped, their lines not fetched.
    times = [[time_of(lambda one=parts[2 * place + bit]: one.sum()) for bit in (0, 1)] for place in range(count)]
    return [int(one < zero) for zero, one in times]


# --- seats at the same time ---------------------------------------------------------------------------------------

SLOT = 0.02
"""Seconds of a bit."""


def next_start():
    """The next moment at which both begin."""
    now = time.time()
    start = now - now % 4 + 4
    while time.time() < start:
        time.sleep(0.001)
    return start


def send_load(bits, episode):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    start = next_start()
    for place, bit in enumerate(bits):
        end = start + SLOT * (place + 1)
        while time.time() < end:
            if not bit:
                time.sleep(SLOT / 20)


def receive_load(count, episode):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    start = next_start()
    shares = []
    for place in range(count):
        end, used = start + SLOT * (place + 1), time.process_time()
        while time.time() < end:
            pass
        shares.append(time.process_time() - used)
    middle = (max(shares) + min(shares)) / 2
    return [int(share < middle) for share in shares]


def send_threads(bits, episode):
    start = next_start()
    for place in range(0, len(bits), 4):
        end = start + 5 * SLOT * (place // 4 + 1)
        stop = threading.Event()
        threads = [threading.Thread(target=stop.wait) for _ in range(number_of(bits[place : place + 4]))]
        for thread in threads:
            thread.start()
        while time.time() < end:
            time.sleep(SLOT / 10)
        stop.set()
        for thread in threads:
            thread.join()


def receive_threads(count, episode):
    others = [number for number in range(os.getpid() - 40, os.getpid() + 40) if number != os.getpid()]
    start = next_start()
    found = []
    for place in range(0, count, 4):
        while time.time() < start + 5 * SLOT * (place // 4 + 0.6):
            time.sleep(SLOT / 10)
        found += bits_of(max([threads_of(number) for number in others]) - 1, 4)
    return found


def threads_of(number):
    try:
        return os.stat(f"/proc/{number}/task").st_nlink - 2
    except OSError:
        return 1


class Scout:
    """Leaves bits.

    Args:
        channel: Name of the pair of functions.
        bits: The bits as text; of a reader, as many zeros.
        episode: Tells episodes apart.
    """

    def __init__(self, channel, bits, episode):
        self.channel, self.bits, self.episode = channel, bits, episode

    def begin(self, briefing):
        """Leave them."""
        globals()[f"send_{self.channel}"]([int(bit) for bit in self.bits], self.episode)

    def order(self, observation):
        """Order nothing."""
        return np.zeros(0)


class Reader(Scout):
    """Prints what it takes the bits for."""

    def begin(self, briefing):
        """Look for them."""
        found = globals()[f"receive_{self.channel}"](len(self.bits), self.episode)
        print("read", "".join(map(str, found)))
