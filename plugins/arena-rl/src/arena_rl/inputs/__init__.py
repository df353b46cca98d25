"""Inputs of a policy: briefing and observation of a batch, and the features that are computed from them."""
