"""The faults that pydantic finds, by place and documented type: its words are its own, and change."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pydantic import ValidationError


@contextmanager
def refused(*faults: tuple[str, str]) -> Iterator[None]:
    """Expect a `ValidationError` of exactly these faults, each a dotted place and the type of error of pydantic."""
    with pytest.raises(ValidationError) as caught:
        yield
    found = [(".".join(map(str, fault["loc"])), fault["type"]) for fault in caught.value.errors()]
    assert found == list(faults)
