"""Learners: the losses and optimisers that improve a policy."""
