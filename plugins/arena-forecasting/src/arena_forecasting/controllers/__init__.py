"""The controllers of this package, a module each."""
