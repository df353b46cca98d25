"""The profile of the property tests."""

from unhurried import load_profile

load_profile()
