"""Rows 22 and 23: floods of text, values that act when they are looked at, and text that acts where it is shown."""

import os
import sys

import numpy as np
from attempt import Attempt

HOSTILE = "<script>alert(1)</script>\x1b[31m\x1b]0;title\x07\r\u202e=1+1\n=cmd|' /C calc'!A0\n\x00"


class FloodTheOutput(Attempt):
    """Row 22: a hundred megabytes on standard output and on standard error."""

    def order(self, observation):
        if observation.period == 0:
            for _ in range(100):
                os.write(1, b"x" * 2**20)
                sys.stderr.write("y" * 2**20)
        return super().order(observation)


class RaiseALongText(Attempt):
    """Row 22: an exception with a text of fifty megabytes."""

    def attempt(self, observation):
        raise ValueError("x" * 50 * 2**20)


class RaiseALongName(Attempt):
    """Row 22: an exception whose class has a name of a megabyte."""

    def attempt(self, observation):
        raise type("E" * 2**20, (Exception,), {})("x")


class TextThatRaises(Attempt):
    """Row 22: an exception whose text raises another, whose text does the same."""

    def attempt(self, observation):
        class Shy(Exception):
            def __str__(self):
                raise Shy

            __repr__ = __str__

        raise Shy


class TextThatExits(Attempt):
    """Row 22: an exception whose text ends the process."""

    def attempt(self, observation):
        class Last(Exception):
            def __str__(self):
                os._exit(0)

        raise Last


class TextThatNeverEnds(Attempt):
    """Row 22: an exception whose text is computed forever."""

    def attempt(self, observation):
        class Slow(Exception):
            def __str__(self):
                while True:
                    pass

        raise Slow


class NumberThatRaises(Attempt):
    """Row 22: orders whose conversion to a number raises."""

    def order(self, observation):
        class Number:
            def __float__(self):
                raise SystemExit(0)

        return [Number()] * 3


class ArrayThatExits(Attempt):
    """Row 22: orders whose conversion to an array ends the process."""

    def order(self, observation):
        class Orders:
            def __array__(self, *arguments, **more):
                os._exit(0)

        return Orders()


class ArrayThatNeverEnds(Attempt):
    """Row 22: orders whose conversion to an array takes forever."""

    def order(self, observation):
        class Orders:
            def __array__(self, *arguments, **more):
                while True:
                    pass

        return Orders()


class ArrayThatLies(Attempt):
    """Row 22: orders whose conversion gives something else each time."""

    def order(self, observation):
        class Orders:
            turn = 0

            def __array__(self, *arguments, **more):
                self.turn += 1
                return np.ones(3 * self.turn)

        return Orders()


class ChainOfErrors(Attempt):
    """Row 22: an error with thousands of causes."""

    def attempt(self, observation):
        error = ValueError("first")
        for number in range(5000):
            later = ValueError(str(number))
            later.__cause__, error = error, later
        raise error


class HostileText(Attempt):
    """Row 23: markup, escapes and formulas in an error and on standard error."""

    def attempt(self, observation):
        print(HOSTILE, file=sys.stderr)
        raise ValueError(HOSTILE)


class HostileClass(Attempt):
    """Row 23: the same in the name of a class."""

    def attempt(self, observation):
        raise type(HOSTILE.replace("\0", ""), (Exception,), {})("x")


class HostileBytes(Attempt):
    """Row 23: standard error that is no text."""

    def order(self, observation):
        os.write(2, bytes(range(256)) * 20 + HOSTILE.encode())
        return super().order(observation)
