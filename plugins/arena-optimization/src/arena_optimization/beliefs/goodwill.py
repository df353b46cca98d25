"""What the sentiment that was seen tells about its dynamics."""

from __future__ import annotations

from arena import Goodwill, Observation
from arena_optimization.config import GoodwillConfig


def was_short(observation: Observation) -> bool:
    """Whether customers went unserved in the last period; where sales are seen, whether a shelf was empty."""
    if observation.sales_shown:
        return bool((observation.in_stock == 0).any())
    return bool((observation.last_unfilled > 0).any())


class GoodwillBelief:
    """Reads growth, decay, cap and floor off the sentiment, which is observed without error.

    The sentiment of a period follows from that of the period before and from whether that one ended with unfilled
    units. A bounded step is shorter than a free one, so the longest step seen counts; a step of no length shows a
    bound.
    """

    def __init__(self, config: GoodwillConfig) -> None:
        """Begin with the guesses."""
        self._config = config
        self._short = False
        self._moved = False
        self._growth: float | None = None
        self._decay: float | None = None
        self._cap: float | None = None
        self._floor: float | None = None
        self.sentiment = 1.0
        """The last sentiment seen."""

    def observe(self, observation: Observation) -> None:
        """Take in what is seen before a decision."""
        before, now = self.sentiment, observation.sentiment
        # The sentiment is 1 in period 0, and moves for the first time in period 1, which period 2 shows.
        if observation.period >= 2 and now > 0.0 and before > 0.0:
            self._moved = self._moved or now != before
            if self._moved:
                self._learn(now / before, now)
        self.sentiment = now
        self._short = observation.period > 0 and was_short(observation)

    def _learn(self, step: float, now: float) -> None:
        if self._short:
            if step < 1.0:
                self._decay = step if self._decay is None else min(self._decay, step)
            else:
                self._floor = now
        elif step > 1.0:
            self._growth = step if self._growth is None else max(self._growth, step)
        else:
            self._cap = now

    @property
    def dynamics(self) -> Goodwill | None:
        """The believed dynamics; None while the sentiment has never moved."""
        if not self._moved:
            return None
        config, now = self._config, self.sentiment
        floor = min(config.floor, now) if self._floor is None else min(self._floor, now)
        cap = max(config.cap, now) if self._cap is None else max(self._cap, now)
        return Goodwill(
            growth=min(config.growth if self._growth is None else self._growth, 10.0),
            decay=config.decay if self._decay is None else self._decay,
            cap=min(max(cap, floor), 1_000.0),
            floor=floor,
        )
