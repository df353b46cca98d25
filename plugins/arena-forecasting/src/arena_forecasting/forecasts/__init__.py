"""Forecast distributions of one series after another, learnt from what is seen."""
