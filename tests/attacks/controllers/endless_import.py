"""Row 16: a module whose import never ends."""

while True:
    pass


class Controller:
    """Row 16: never reached."""
