"""Entering: submissions, as they are found, read and checked."""
