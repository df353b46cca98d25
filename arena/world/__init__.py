"""What the world is: networks, demand, scenarios and suites, as frozen and validated values."""
