"""Fitting the rule's parameters offline, by CMA-ES (the package `cma`) over training scenarios.

``python -m arena_llm.fitting`` writes the tables of `arena_llm.fitted`. Its settings are in ``settings.yaml``, its
scenarios in the suites ``divergent.yaml`` and so on beside it: drawn from broad ranges by a published seed, and none of
them a row of the suite ``core``.

The objective of one candidate is the mean over scenarios of profit / revenue of the mean demand, each scenario played
with fresh demand in every generation. A scenario with a part that the fitted rule does not play is refused by name.
Needs the extra ``fit``: ``pip install "arena-llm[fit]"``.
"""
