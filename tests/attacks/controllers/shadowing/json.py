"""Row 26: would be taken for the library of this name."""

SHADOW = True
