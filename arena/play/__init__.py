"""Playing: matches, their seats and workers, and evaluations."""
