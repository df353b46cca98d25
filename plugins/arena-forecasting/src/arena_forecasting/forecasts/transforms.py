"""Scales on which demand is modelled: as it is, its square root, and its logarithm.

Each scale is smooth and increasing, so that probabilities of whole units carry over from one to the other.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr

from arena_forecasting.arrays import FloatArray, IntArray

RAW, ROOT, LOG = 0, 1, 2
"""Scales, by number."""

RELATIVE_NOISE = 0.3
"""Deviation of a period's demand around its level that is expected at first, relative to the level."""


def to_scales(values: FloatArray, grain: FloatArray) -> FloatArray:
    """Demand on every scale, (..., 3).

    Args:
        values: units, not below −grain / 2.
        grain: smallest step of demand, units, of that shape.
    """
    shifted = np.maximum(values + 0.5 * grain, 1e-6 * grain)
    return np.stack([values, np.sqrt(shifted), np.log(shifted)], axis=-1)


def from_scale(values: FloatArray, scale: int, grain: FloatArray, most: FloatArray) -> FloatArray:
    """Demand in units, between 0 and the most that is thought possible.

    Args:
        values: on the scale.
        scale: its number.
        grain: smallest step of demand, units, broadcast to the values.
        most: largest demand, units, likewise.
    """
    if scale == RAW:
        units = values
    elif scale == ROOT:
        units = np.square(np.maximum(values, 0.0)) - 0.5 * grain
    else:
        units = np.exp(np.minimum(values, np.log(most + grain))) - 0.5 * grain
    return np.clip(units, 0.0, most)


def first_noise(level: FloatArray, grain: FloatArray) -> FloatArray:
    """Variance of a period's demand around its level that is expected at first, by scale, (items, 3)."""
    units = RELATIVE_NOISE * level + 0.5 * grain
    relative = units / (level + 0.5 * grain)
    root = 0.5 * relative * np.sqrt(level + 0.5 * grain)
    return np.stack([units**2, root**2, relative**2], axis=-1)


def scale_groups(scales: IntArray) -> list[tuple[int, IntArray]]:
    """Positions of every scale that occurs."""
    return [(scale, np.flatnonzero(scales == scale)) for scale in (RAW, ROOT, LOG) if (scales == scale).any()]


def beyond(standardised: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean of a standard normal number above a bound, and the share of its variance that the bound takes away."""
    bound = np.clip(standardised, -8.0, 8.0)
    density = np.exp(-0.5 * bound**2) / math.sqrt(2.0 * math.pi)
    hazard = density / np.maximum(ndtr(-bound), 1e-16)
    return hazard, np.clip(hazard * (hazard - bound), 0.0, 1.0)


def antithetic(normals: FloatArray) -> FloatArray:
    """Normal numbers of which every second draw is the opposite of the one before, (…, draws, numbers).

    Neighbouring draws mostly belong to one model; means over them then vary less.

    Source: P. Glasserman (2003), Monte Carlo Methods in Financial Engineering, section 4.2.
    """
    pairs = normals.shape[-2] // 2
    normals[..., 1 : 2 * pairs : 2, :] = -normals[..., 0 : 2 * pairs : 2, :]
    return normals
