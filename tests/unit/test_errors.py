"""The words of errors: complete, short, safe to print, and able to cross a process border."""

import pickle

import pytest
from hypothesis import given, strategies as st

from arena.errors import (
    ABSENT,
    LISTED_FAULTS,
    VALUE_WIDTH,
    ArenaError,
    ContractViolation,
    Fault,
    FaultList,
    FieldFault,
    InfrastructureFailure,
    InvalidInput,
    UnknownName,
    closest,
    printable,
    show_value,
    suggest,
    unknown_name,
)

FAULT = Fault("serial.yaml", "nodes[0].id", -1, "must be 0 or more", "ids start at 0")


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError("no picture")


def test_fault_names_source_field_rule_value_and_fix():
    assert str(FAULT) == "serial.yaml: nodes[0].id: must be 0 or more, got -1; ids start at 0"


def test_fault_without_value_shows_none():
    assert str(Fault("", "name", ABSENT, "is required")) == "name: is required"
    assert str(Fault("", "name", None, "must be text")) == "name: must be text, got None"


def test_invalid_input_counts_then_lists():
    error = InvalidInput([FAULT, Fault("serial.yaml", "name", ABSENT, "is required")])
    assert str(error).splitlines() == [
        "2 faults in serial.yaml:",
        "  nodes[0].id: must be 0 or more, got -1; ids start at 0",
        "  name: is required",
    ]
    assert str(InvalidInput([FAULT])).startswith("1 fault in serial.yaml:\n")


def test_invalid_input_of_several_files_names_each():
    error = InvalidInput([FAULT, FAULT._replace(source="other.yaml")])
    head, first, second = str(error).splitlines()
    assert head == "2 faults in 2 inputs:"
    assert first.startswith("  serial.yaml: ")
    assert second.startswith("  other.yaml: ")


def test_invalid_input_text_is_bounded_and_faults_are_not():
    error = InvalidInput([FAULT] * (LISTED_FAULTS + 7))
    assert len(error.faults) == LISTED_FAULTS + 7
    assert len(str(error).splitlines()) == LISTED_FAULTS + 2
    assert str(error).endswith("… and 7 more")


@pytest.mark.parametrize(("kind", "message"), [(InvalidInput, "InvalidInput needs"), (FaultList, "FaultList needs")])
def test_no_faults_are_no_error(kind, message):
    with pytest.raises(ValueError, match=message):
        kind([])


def test_unknown_name_is_one_line_with_a_suggestion():
    error = unknown_name("network", "seriall", ["divergent", "serial"], "manifest.yaml")
    assert isinstance(error, UnknownName)
    assert str(error) == 'manifest.yaml: unknown network, got "seriall"; did you mean "serial"?'


def test_suggestion_lists_what_exists_up_to_a_bound():
    assert suggest("x", ["divergent", "serial"]) == 'choose from "divergent", "serial"'
    assert suggest("x", []) == "there are none"
    assert suggest("x", [f"name-{i}" for i in range(25)]).endswith('"name-19" and 5 more')


def test_closest_ignores_case_and_overlong_names():
    assert closest("SERIAL", ["serial"]) == "serial"
    assert closest("serial" * 100_000, ["serial"]) is None


def test_contract_violation_carries_its_code():
    error = ContractViolation("bad_shape", "3 orders for 4 links")
    assert error.code == "bad_shape"
    assert str(error) == "bad_shape: 3 orders for 4 links"


@pytest.mark.parametrize(
    "error",
    [
        InvalidInput([FAULT, FAULT._replace(value=ABSENT)]),
        unknown_name("network", "x", ["serial"]),
        ContractViolation("timeout", "took 2 s, 1 s allowed"),
        InfrastructureFailure("the child could not be started"),
        FaultList([FieldFault("id", 1, "is used twice")]),
    ],
)
def test_errors_survive_pickling(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert copy.__dict__ == error.__dict__


def test_every_error_but_the_fault_list_is_an_arena_error():
    assert issubclass(UnknownName, InvalidInput)
    assert issubclass(InvalidInput, ArenaError)
    assert not issubclass(FaultList, ArenaError)


@pytest.mark.parametrize("hostile", ["\x1b[2Jgone", "a\nb", "\u202eltr", "\x07", "\ud800", "\u2028", "\x9b31m"])
def test_hostile_text_is_escaped_everywhere(hostile):
    text = str(Fault(hostile, hostile, hostile, hostile, hostile))
    assert text.isprintable()
    assert str(InvalidInput([Fault(hostile, hostile, hostile, hostile)])).replace("\n", "").isprintable()


@given(st.text(), st.integers(min_value=1, max_value=100))
def test_printable_is_printable_and_bounded(text, width):
    shown = printable(text, width)
    assert shown.isprintable()
    assert len(shown) <= width


@pytest.mark.parametrize(
    "value",
    [
        10**5000,
        "x" * 1_000_000,
        list(range(10**6)),
        {"a": {"b": {"c": {"d": {}}}}},
        b"\x1b" * 10**5,
        Unshowable(),
        [Unshowable()],
    ],
    ids=lambda value: type(value).__name__,
)
def test_shown_values_are_bounded(value):
    shown = show_value(value)
    assert 0 < len(shown) <= VALUE_WIDTH
    assert shown.isprintable()


def test_shown_values_of_ordinary_size_are_whole():
    assert [show_value(value) for value in (1, 2.5, True, None, "a", [1, 2])] == [
        "1",
        "2.5",
        "True",
        "None",
        '"a"',
        "[1, 2]",
    ]


@pytest.mark.parametrize(
    "character",
    ["\u115f", "\u3164", "\uffa0", "\u2800", "\ufe0f", "\u034f", "\U000e0101", "\u200b", "\ufffc", "\U0001d159"],
)
def test_letters_that_cannot_be_seen_are_escaped(character):
    assert printable(f"a{character}b") == f"a{character.encode('unicode_escape').decode()}b"


def test_marks_are_not_stacked():
    assert printable("e\u0301\u0323") == "e\u0301\u0323"  # two are a letter of Vietnamese
    assert printable("Z\u0301\u0302\u0303\u0304") == "Z\u0301\u0302\\u0303\\u0304"
    # Marks that take room of their own are no step from one tower to the next.
    assert printable("Z\u0301\u0903\u0302\u0303") == "Z\u0301\u0903\\u0302\\u0303"
    assert printable("Z\u20dd\u20dd\u20dd") == "Z\u20dd\u20dd\\u20dd"
    assert printable("Z" + "\u0903" * 3) == "Z\u0903\u0903\\u0903"
    assert printable("\u0301x") == "\\u0301x"  # would join what stands before
    assert printable("na\u00efve \u0928\u093f\u0928\u094d") == "na\u00efve \u0928\u093f\u0928\u094d"
