"""Policies: the networks that decide, and their files."""
