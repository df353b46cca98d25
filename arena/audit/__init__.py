"""Auditing: results recomputed from what was stored, without any player."""
