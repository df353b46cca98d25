"""Random streams of an episode, and streams that follow from them without taking anything from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, SupportsIndex

import numpy as np

from arena.schemas import seed_number

_WORD: Final = 2**64


def episode_generator(entropy: SupportsIndex) -> np.random.Generator:
    """The random stream of an episode, as Gymnasium makes it from ``reset(seed=…)``.

    Args:
        entropy: a seed of any size, not negative.

    Raises:
        TypeError: If it is not a whole number, such as a boolean or a float.
        ValueError: If it is negative.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed_number(entropy))))


def stream_words(entropy: SupportsIndex) -> tuple[int, ...]:
    """The random stream of an episode at its start, as plain numbers.

    Args:
        entropy: the episode's seed.

    Returns:
        Four words of 64 bits: state and increment of PCG64, each high word first. The seed does not follow from them.
    """
    return _words(episode_generator(entropy))


def restored_generator(words: Sequence[int]) -> np.random.Generator:
    """The random stream that starts at given :func:`stream_words`; every call makes a new one.

    Args:
        words: four words of 64 bits.

    Raises:
        ValueError: If they are not four.
    """
    if len(words) != 4:
        raise ValueError(f"a stream is four words, state and increment, high word first; got {len(words)}")
    high_state, low_state, high_increment, low_increment = words
    generator = np.random.PCG64(0)
    generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": high_state * _WORD + low_state, "inc": high_increment * _WORD + low_increment},
        # An episode starts without half a word left over.
        "has_uint32": 0,
        "uinteger": 0,
    }
    return np.random.Generator(generator)


def child_generator(generator: np.random.Generator, purpose: int) -> np.random.Generator:
    """A random stream that follows from the state of another one, which stays as it is.

    Args:
        generator: a stream of PCG64.
        purpose: a number that keeps the children of one stream apart.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([purpose, *_words(generator)])))


def spawned_generator(entropy: SupportsIndex, purpose: int) -> np.random.Generator:
    """A random stream of an episode beside the one that plays it, as a spawned child of its seed.

    Args:
        entropy: the episode's seed.
        purpose: a number that keeps the streams of one seed apart.
    """
    sequence = np.random.SeedSequence(seed_number(entropy), spawn_key=(purpose,))
    return np.random.Generator(np.random.PCG64(sequence))


def _words(generator: np.random.Generator) -> tuple[int, ...]:
    inner = generator.bit_generator.state["state"]
    return (*divmod(inner["state"], _WORD), *divmod(inner["inc"], _WORD))
