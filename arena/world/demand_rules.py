"""Rules between the fields of a demand: whose they are, and how what is not published is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from arena.errors import FieldFault
from arena.world.distributions import FURTHER

_PARAMETERS: Final = (
    ("standard_deviation", "normal", False),
    ("half_width", "uniform", False),
    ("dispersion", "negative_binomial", True),
    ("shape", "gamma", True),
    ("values", "empirical", True),
    ("weights", "empirical", False),
)
"""Fields of a distribution, whose they are, and whether it needs them."""


def demand_faults(given: Mapping[str, Any], descriptions: Mapping[str, str]) -> list[FieldFault]:
    """The faults of a demand's distribution, sampling and data.

    Args:
        given: fields of a demand by name, each valid for itself.
        descriptions: of the fields, for the fix where one is missing.
    """
    return [*_sampling_faults(given), *_distribution_faults(given, descriptions), *_data_faults(given)]


def _sampling_faults(given: Mapping[str, Any]) -> list[FieldFault]:
    if given["sampling"] == "inverse_cdf":
        return []
    why = ""
    if given["distribution"] in FURTHER:
        why = f"distribution: {given['distribution']}"
    elif given["autoregression"]:
        why = f"autoregression: {given['autoregression']:g}"
    elif given["data"] is not None:
        why = "data"
    if not why:
        return []
    return [FieldFault("sampling", given["sampling"], f"only inverse_cdf can play this demand ({why})", "remove it")]


def _distribution_faults(given: Mapping[str, Any], descriptions: Mapping[str, str]) -> list[FieldFault]:
    faults = []
    for name, owner, needed in _PARAMETERS:
        value = given[name]
        if value is not None and given["distribution"] != owner:
            rule = f"only {owner} demand has this field, and this demand is {given['distribution']}"
            faults.append(FieldFault(name, value, rule, f"remove it or set distribution: {owner}"))
        if value is None and needed and given["distribution"] == owner:
            rule = f"{owner} demand needs this field"
            faults.append(FieldFault(name, None, rule, f"add it: {descriptions[name]}"))
    values, weights = given["values"], given["weights"]
    if values is not None and not any(values):
        rule = "empirical demand has a value above 0"
        faults.append(FieldFault("values", list(values[:3]), rule, "write base_mean: 0 for no demand"))
    elif values is not None and weights is not None:
        if len(weights) != len(values):
            rule = f"there is a weight for each of the {len(values)} values"
            faults.append(FieldFault("weights", f"{len(weights)} weights", rule, "add or remove weights"))
        elif not any(weight and value for weight, value in zip(weights, values, strict=True)):
            rule = "a value above 0 has a weight above 0"
            faults.append(FieldFault("weights", list(weights[:3]), rule, "give it one"))
    return faults


def _data_faults(given: Mapping[str, Any]) -> list[FieldFault]:
    if given["data"] is None:
        if given["by"] == "name":
            return []
        return [FieldFault("by", given["by"], "only data are matched to market links", "remove it or add data")]
    faults = []
    for name in ("base_mean", "series", "trend", "seasonal", "shock"):
        if given[name] is not None:
            rule = "recorded data are played as they are, without another level or effect"
            faults.append(FieldFault(name, "given", rule, "remove it, or remove data"))
    if given["noise_scale"]:
        rule = "recorded data are played exactly, without noise"
        faults.append(FieldFault("noise_scale", given["noise_scale"], rule, "remove it, or write noise_scale: 0"))
    for name, plain in (("distribution", "poisson"), ("autoregression", 0.0)):
        if given[name] != plain:
            rule = "recorded data are played exactly and drawn from nothing"
            faults.append(FieldFault(name, given[name], rule, "remove it, or remove data"))
    return faults
