"""What a controller expects of demand: a moving average, a forecast, or a Bayesian belief that paths are drawn from."""
