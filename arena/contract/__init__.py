"""The rules: what a controller is told, what it may order, how an episode is scored, and where seeds come from."""
