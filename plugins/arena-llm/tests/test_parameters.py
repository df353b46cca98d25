"""Reading answers."""

import json
import re

import pytest
from hypothesis import given, strategies as st

from arena_llm.parameters import (
    BOUNDS,
    DEFAULT_VALUES,
    NAMES,
    Parameters,
    UnusableAnswer,
    answer_schema,
    default_parameters,
    make_parameters,
    read_answer,
)

GOOD = dict(zip(NAMES, DEFAULT_VALUES, strict=True))


def text(**changes):
    return json.dumps(GOOD | changes)


def test_an_answer_is_read():
    assert read_answer(text(safety_z=2)) == default_parameters().model_copy(update={"safety_z": 2.0})


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ("", "the answer is empty"),
        ("  \n", "the answer is empty"),
        ("Sure! " + text(), "not one JSON object and nothing else"),
        (text() + "\nGood luck", "not one JSON object and nothing else"),
        ("```json\n" + text() + "\n```", "not one JSON object and nothing else"),
        ("[" * 100_000, "nested too deep"),
        ("[1, 2]", "the answer: "),
        ("null", "the answer: "),
        (text(safety_z=3.0001), "safety_z: "),
        (text(demand_multiplier=0.49), "demand_multiplier: "),
        (text(order_cap_fraction=0), "order_cap_fraction: "),
        (text(safety_z=True), "safety_z: "),
        (text(safety_z="1"), "safety_z: "),
        (text(safety_z=None), "safety_z: "),
        (text(safety_z=float("nan")), "NaN is no number here"),
        (text(safety_z=float("-inf")), "-Infinity is no number here"),
        (text(safety_z=1).replace("1}", "1e999}").replace('"safety_z": 1', '"safety_z": 1e999'), "safety_z: "),
        (text(more=1), "more: "),
        (json.dumps(dict.fromkeys(NAMES[1:], 1.0)), "demand_multiplier: "),
        (text()[:-1] + ', "safety_z": 2}', "a key stands there twice"),
    ],
)
def test_anything_else_is_refused_with_the_reason(answer, complaint):
    with pytest.raises(UnusableAnswer, match=re.escape(complaint)):
        read_answer(answer)


def test_a_complaint_quotes_nothing_at_length():
    with pytest.raises(UnusableAnswer) as caught:
        read_answer(json.dumps({"x" * 5_000: 1, **{f"k{number}": 1 for number in range(500)}}))
    assert len(str(caught.value)) <= 600


@given(values=st.tuples(*(st.floats(low - 1, high + 1) for low, high in BOUNDS)))
def test_a_value_is_taken_as_it_is_or_not_at_all(values):
    answer = json.dumps(dict(zip(NAMES, values, strict=True)))
    within = all(low <= value <= high for value, (low, high) in zip(values, BOUNDS, strict=True))
    if within:
        assert tuple(getattr(read_answer(answer), name) for name in NAMES) == values
    else:
        with pytest.raises(UnusableAnswer):
            read_answer(answer)


def test_schema_bounds_and_model_are_of_one_mind():
    schema = answer_schema()
    assert list(schema["properties"]) == schema["required"] == list(Parameters.model_fields) == list(NAMES)
    bounds = [(field["minimum"], field["maximum"]) for field in schema["properties"].values()]
    assert tuple(bounds) == BOUNDS
    for side in (0, 1):
        assert make_parameters([bound[side] for bound in BOUNDS])
    assert schema["additionalProperties"] is False


def test_six_values_are_needed():
    for count in (5, 7):
        with pytest.raises(ValueError):  # noqa: PT011 - the words are Python's
            make_parameters([1.0] * count)
    assert make_parameters([1.0] * 6)
