"""Controllers of this package."""
