"""Row 17: threads that take the processor from whoever else needs it."""

import hashlib
import os
import threading
import time

from attempt import Attempt

FEW = 24
"""Threads where the test does not say how many; fewer than may be there at all."""


def compute(rounds):
    """Compute without holding the interpreter's lock; a thousand rounds take a third of a millisecond."""
    hashlib.pbkdf2_hmac("sha256", b"password", b"salt", rounds)


class _Crowd(Attempt):
    """Take the processor with many threads, for as long as that is allowed."""

    def attempt(self, observation):
        for _ in range(self.facts.get("threads", FEW)):
            self.start()
        self.go_on()

    def start(self):
        """Start one of the threads."""
        threading.Thread(target=self.spin, daemon=True).start()

    def spin(self):
        """Run in each of them."""

    def go_on(self):
        """Run in the first thread."""
        while True:
            time.sleep(1)


class SpinInThreads(_Crowd):
    """Row 17: threads that compute without end."""

    def spin(self):
        while True:
            compute(200_000)


class SpinInShortThreads(_Crowd):
    """Row 17: threads that compute for a moment, and others in their place: none is there twice when somebody looks."""

    def spin(self):
        compute(30_000)
        self.start()


class SpinInBursts(_Crowd):
    """Row 17: threads that pause again and again, each at its own time, so that some are asleep at every look."""

    def spin(self):
        pause = 0.001 * (1 + os.urandom(1)[0] % 4)
        while True:
            compute(30_000)
            time.sleep(pause)


class SpinFromTheFirst(_Crowd):
    """Row 17: threads that compute, the first of them too, which starts new ones all the while."""

    def spin(self):
        while True:
            compute(50_000)

    def go_on(self):
        while True:
            compute(10_000)
            threading.Thread(target=compute, args=(20_000,), daemon=True).start()
