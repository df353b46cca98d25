"""Rows 10 and 11: saying to the host what no controller would."""

import array
import os
import socket
import struct
import sys
import threading
import time

import msgspec
from attempt import Attempt

OWN = 3


def frame(*fields):
    """Return a reply as the protocol has it."""
    body = msgspec.msgpack.encode(list(fields))
    return struct.pack("<I", len(body)) + body


def request():
    """Find the request that is being answered, in the variables of the callers."""
    caller = sys._getframe()
    while "request" not in caller.f_locals:
        caller = caller.f_back
    return caller.f_locals["request"]


class Forger(Attempt):
    """Answers by its own hand, then waits for its end."""

    def order(self, observation):
        asked = request()
        os.write(OWN, self.forge(asked.nonce, asked.period))
        time.sleep(3600)

    def forge(self, nonce, period):
        return frame("orders", nonce, period, [3], [1.0, 1.0, 1.0])


class GuessTheNonce(Forger):
    """Row 10: answer another request than the one that was asked."""

    def forge(self, nonce, period):
        return frame("orders", nonce ^ 1, period, [3], [1.0] * 3)


class AnswerForTomorrow(Forger):
    """Row 10: answer for another period."""

    def forge(self, nonce, period):
        return frame("orders", nonce, period + 1, [3], [1.0] * 3)


class AnswerTwice(Forger):
    """Row 10: answer the same request twice."""

    def forge(self, nonce, period):
        return frame("orders", nonce, period, [3], [1.0] * 3) * 2


class AnswerBesides(Attempt):
    """Row 10: answer by hand and then as usual."""

    def order(self, observation):
        asked = request()
        os.write(OWN, frame("orders", asked.nonce, asked.period, [3], [1.0] * 3))
        return super().order(observation)


class ReplayAnAnswer(Attempt):
    """Row 10: answer the second request with the answer to the first."""

    def order(self, observation):
        if observation.period == 0:
            asked = request()
            self.kept = frame("orders", asked.nonce, asked.period, [3], [1.0] * 3)
        else:
            os.write(OWN, self.kept)
            time.sleep(3600)
        return super().order(observation)


class AnswerEarly(Attempt):
    """Row 10: answer before the question, from a thread."""

    def order(self, observation):
        def later():
            time.sleep(0.01)
            os.write(OWN, frame("orders", 5, observation.period + 1, [3], [1.0] * 3))

        if observation.period == 0:
            threading.Thread(target=later, daemon=True).start()
        else:
            time.sleep(3600)
        return super().order(observation)


class AddMetrics(Forger):
    """Row 10: add a profit to the orders."""

    def forge(self, nonce, period):
        return frame("orders", nonce, period, [3], [1.0] * 3, {"profit": 1e9})


class SayItWasTheArena(Forger):
    """Row 10: claim that the arena failed, so that the episode is played again."""

    def forge(self, nonce, period):
        return frame("failure", nonce, period, "infrastructure", "again, please")


class ClaimABound(Attempt):
    """Row 10: certify a bound that only an oracle could know."""

    def report(self):
        asked = request()
        os.write(OWN, frame("closed", asked.nonce, asked.period, 0, 1e9, 0, 0))
        time.sleep(3600)


class SendDescriptors(Attempt):
    """Row 10: send open files along with a byte, so that the host runs out of them."""

    def order(self, observation):
        own = socket.socket(fileno=os.dup(OWN))
        pipes = array.array("i", [end for _ in range(20) for end in os.pipe()])
        for _ in range(5):
            own.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, pipes)])
        time.sleep(3600)


class SendUrgently(Attempt):
    """Row 10: shut one direction of the socket after half a frame."""

    def order(self, observation):
        own = socket.socket(fileno=os.dup(OWN))
        own.send(struct.pack("<I", 100))
        own.shutdown(socket.SHUT_WR)
        time.sleep(3600)


class LieAboutTheSize(Forger):
    """Row 11: announce four gigabytes."""

    def forge(self, nonce, period):
        return struct.pack("<I", 2**32 - 1)


class NestDeeply(Forger):
    """Row 11: lists in lists."""

    def forge(self, nonce, period):
        return struct.pack("<I", 100_000) + b"\x91" * 100_000


class AnnounceManyItems(Forger):
    """Row 11: a list of four thousand million items in five bytes."""

    def forge(self, nonce, period):
        return struct.pack("<I", 5) + b"\xdd\xff\xff\xff\xff"


class AnnounceALargeShape(Forger):
    """Row 11: three values of an immense shape, and of shapes whose product wraps around."""

    def forge(self, nonce, period):
        return frame("orders", nonce, period, [2**62, 4, 3], [1.0] * 3)


class AnnounceANegativeShape(Forger):
    """Row 11: three values whose shape is to be guessed."""

    def forge(self, nonce, period):
        return frame("orders", nonce, period, [-1], [1.0] * 3)


class SendNothing(Forger):
    """Row 11: an empty frame."""

    def forge(self, nonce, period):
        return struct.pack("<I", 0)


class SendManyValues(Forger):
    """Row 11: more values than there are links, as many as a frame holds."""

    def forge(self, nonce, period):
        return b"".join([frame("orders", nonce, period, [900_000], [1.0] * 900_000)])

    def order(self, observation):
        asked = request()
        rest = memoryview(self.forge(asked.nonce, asked.period))
        while rest:
            rest = rest[os.write(OWN, rest) :]
        time.sleep(3600)


class SendSlowly(Attempt):
    """Row 11: a byte at a time."""

    def order(self, observation):
        os.write(OWN, struct.pack("<I", 1000))
        while True:
            os.write(OWN, b"\x91")
            time.sleep(0.02)


class StopReading(Attempt):
    """Row 11: never take what the host sends, nor answer."""

    def order(self, observation):
        socket.socket(fileno=os.dup(OWN)).shutdown(socket.SHUT_RD)
        time.sleep(3600)
