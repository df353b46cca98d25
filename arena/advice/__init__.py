"""Advice for today: the next order of every link, from a world, the stock as it is, and the sales up to now.

The scenario of today begins with the stock of the state file, and a controller is asked for its first order of it, with
the briefing and the observation that a match would give it.
"""
