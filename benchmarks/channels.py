"""Measure what two seats can tell each other, in bits per episode: `python benchmarks/channels.py [--episodes 40]`.

A scout is seated and leaves random bits; it ends, a reader is seated and says what it takes them for. Both are real
seats, with all locks, and are told which episode it is. For channels that need both at once, they are seated at once.
The reader is told how many bits there are.

From the pairs of bits the mutual information of one bit is estimated, over all places and messages, with the correction
of Miller and Madow for few samples, and multiplied by the number of places: as places are drawn independently, that
much is told at least, by whoever uses all of them and a code for the errors. Of a channel that grows with the effort,
such as names, what is measured is the effort that was made here.

Every channel is measured with and without what an evaluation keeps in memory. Files are put out of memory, and given an
old time of reading, before each message: as they are when nobody has read them for a day. This needs their owner.
"""

import argparse
import contextlib
import os
import platform
import secrets
import shutil
import tempfile
import threading
import time
from pathlib import Path

import channel_seats
import numpy as np

from arena import load_scenario
from arena.contract.tracks import brief
from arena.entry.submission import Manifest, Submission
from arena.jail.bubblewrap import find_bubblewrap
from arena.jail.limits import Limits
from arena.jail.own_copy import Keeper
from arena.play.seats import available
from arena.play.seats.process import ProcessHost, controller_places

SCENARIO = load_scenario("serial-stationary-backlog")
LEVELS = ("strict", "sandbox")
CHANNELS = {
    "names": (256, "names looked for in vain, by the clock"),
    "pages": (32, "pages of files, by the clock"),
    "mapped": (32, "pages of files that are mapped, by the clock"),
    "times": (32, "times of reading"),
    "looks": (8, "names in /proc that somebody has looked at, by their times"),
    "processes": (5, "numbers of processes and threads"),
    "pipes": (6, "numbers of pipes and sockets"),
    "files": (6, "numbers of files"),
    "caches": (8, "caches of the processor, by the clock"),
    "load": (100, "load of the processor, by the clock, at the same time, in 2 s"),
    "threads": (40, "number of another's threads, at the same time, in 1 s"),
}
TOGETHER = ("load", "threads")
PATIENT = Limits(setup=60.0, first_decision=60.0, decision=60.0, bank=120.0)


def information(sent, read):
    """Bits told by a message, at least 0: that of a place, times the number of places.

    Args:
        sent: Bits, (messages, places).
        read: What they were taken for, likewise.
    """
    joint = np.array([[np.mean((sent == one) & (read == other)) for other in (0, 1)] for one in (0, 1)])
    shares = [joint.sum(axis=1), joint.sum(axis=0), joint.ravel()]
    entropies = [-(share[share > 0] * np.log2(share[share > 0])).sum() for share in shares]
    cells = [int((share > 0).sum()) for share in shares]
    # Each entropy is too low by (cells - 1) / 2n nats.
    bias = (cells[0] + cells[1] - cells[2] - 1) / (2 * sent.size * np.log(2))
    return max((entropies[0] + entropies[1] - entropies[2] + bias) * sent.shape[1], 0.0)


def submit(folder, role, channel, bits, episode):
    """A submission with a controller of one end of a channel."""
    config = {"channel": channel, "bits": "".join(map(str, bits)), "episode": episode}
    manifest = Manifest(name=role.lower(), controller=f"channel_seats.py:{role}", track="blind", config=config)
    return Submission(
        name=manifest.name,
        manifest=manifest,
        path=folder,
        digest="0" * 64,
        folder=folder,
        controller=manifest.controller,
        track="blind",
        config=manifest.config,
        preload=(),
    )


def play(host, submission):
    """Seat a controller, and return what it printed."""
    seat = host.open(submission)
    try:
        seat.begin(brief(SCENARIO, "blind", seed=7, time_budget=60.0))
        seat.close()
    finally:
        seat.release()
    return seat.stderr_tail


def forget():
    """Put files out of memory that a channel uses, and give them a time of reading of the day before yesterday."""
    for path in channel_seats.pick_files()[: 2 * max(count for count, _ in CHANNELS.values())]:
        if os.access(path, os.W_OK):
            os.utime(path, (time.time() - 2 * 86400, Path(path).stat().st_mtime))
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


@contextlib.contextmanager
def keeping(level):
    """Have a keeper of what seats read, as an evaluation has; what it keeps."""
    with contextlib.closing(Keeper(controller_places(), find_bubblewrap() if level == "sandbox" else None)) as keeper:
        yield keeper.wait()


def exchange(hosts, folder, channel, bits, episode):
    """Send one message, and return what was read."""
    scout = submit(folder, "Scout", channel, bits, episode)
    reader = submit(folder, "Reader", channel, [0] * len(bits), episode)
    if channel in TOGETHER:
        sending = threading.Thread(target=play, args=(hosts[1], scout))
        sending.start()
        told = play(hosts[0], reader)
        sending.join()
    else:
        play(hosts[0], scout)
        told = play(hosts[0], reader)
    word = told.split("read ")[-1].split()[0]
    return [int(bit) for bit in word]


def measure(level, kept, folder, channel, episodes):
    """Bits per episode, and the share of bits that were wrong."""
    random = np.random.default_rng(secrets.randbits(64))
    count = CHANNELS[channel][0]
    bubblewrap = find_bubblewrap()
    hosts = [ProcessHost(PATIENT, level, bubblewrap, kept) for _ in range(2 if channel in TOGETHER else 1)]
    try:
        for host in hosts:
            host.prove()
        sent, read = [], []
        for number in range(episodes):
            bits = random.integers(0, 2, count).tolist()
            if kept is None and channel in ("pages", "mapped", "times"):
                forget()
            sent.append(bits)
            read.append(exchange(hosts, folder, channel, bits, f"{os.getpid()}-{time.time_ns()}-{number}"))
    finally:
        for host in hosts:
            host.close()
    sent, read = np.array(sent), np.array(read)
    return information(sent, read), float((sent != read).mean())


def main():
    """Measure all of them, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--episodes", type=int, default=40, help="messages for each channel")
    parser.add_argument("--channel", action="append", choices=CHANNELS, help="one of them; repeatable")
    parser.add_argument("--level", action="append", choices=LEVELS, help="one of them; repeatable")
    parser.add_argument("--kept", action="store_true", help="only with what an evaluation keeps in memory")
    chosen = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores, {chosen.episodes} messages each")
    print("| channel | bits sent | level | kept | bits per episode | wrong |")
    print("|---|--:|---|---|--:|--:|")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        shutil.copy(channel_seats.__file__, folder / "channel_seats.py")
        for level in chosen.level or LEVELS:
            if level not in available():
                continue
            forget()
            for keeper in (keeping(level),) if chosen.kept else (contextlib.nullcontext(), keeping(level)):
                with keeper as kept:
                    for channel in chosen.channel or CHANNELS:
                        count, words = CHANNELS[channel]
                        bits, wrong = measure(level, kept, folder, channel, chosen.episodes)
                        row = f"{words} | {count} | {level} | {'yes' if kept else 'no'} | {bits:.1f} | {wrong:.1%}"
                        print(f"| {row} |", flush=True)


if __name__ == "__main__":
    main()
