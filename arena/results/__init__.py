"""Results: records, their store, standings, and the files that people read."""
