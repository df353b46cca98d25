"""The jail: processes that can compute, speak to the process that made them, and do nothing else.

It knows processes, files, system calls and limits, and imports nothing of the arena but `arena.errors`.
"""
