"""Plugins of strangers, asked in locked processes for what they declare; the arena's process imports none of them.

- `arena.entry.strangers.host`: starts the processes, asks, and believes nothing that it has not checked.
- `arena.entry.strangers.child`: imports one plugin and answers.
- `arena.entry.strangers.messages`: the questions and answers, plain values in JSON.
"""

from arena.entry.strangers.host import Strangers

__all__ = ["Strangers"]
