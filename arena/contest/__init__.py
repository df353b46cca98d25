"""The competition: submissions are read, matches are played, results are stored and ranked."""
