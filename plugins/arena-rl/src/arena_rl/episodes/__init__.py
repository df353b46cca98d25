"""Episodes to train on: worlds to draw from, batches that are played differentiably, and a vector environment."""
