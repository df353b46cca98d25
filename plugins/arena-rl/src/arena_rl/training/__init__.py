"""Trainings: recipes, their runs, and the files that a run leaves."""
