"""Forecasts for many series together: what all of them share, and each one's own level and dispersion.

A panel is demand of several items over the same periods, with a flag that says where demand is known. `joint_futures`
(`arena_forecasting.panel.futures`) is the way in. Its parts are the season that all items share (`season`), the level
of each (`levels`) and the dispersion of each (`dispersion`); `boosting` has a correction that is learnt over all
items, and `ordering` makes orders from futures.
"""
