"""One rule for the names of submissions, controllers, trainings and clients."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from arena.schemas import LONGEST_SLUG, SLUG_RULE, Slug, is_slug


class Named(BaseModel):
    name: Slug


@pytest.mark.parametrize("name", ["a", "7", "order-up-to", "s-2", "a" * LONGEST_SLUG])
def test_a_slug_is_taken_as_it_is(name: str) -> None:
    assert is_slug(name)
    assert Named(name=name).name == name


@pytest.mark.parametrize(
    "name", ["", "A", "a_b", "a--b", "-a", "a-", "a b", "a\n", "ä", "٣", "a" * (LONGEST_SLUG + 1), "../a"]
)
def test_anything_else_is_refused_with_the_rule(name: str) -> None:
    assert not is_slug(name)
    with pytest.raises(ValidationError, match=SLUG_RULE):
        Named(name=name)


def test_what_is_no_text_is_no_slug() -> None:
    assert not is_slug(None)
    assert not is_slug(7)
