"""The controllers: clairvoyant ones of the oracle track, and rolling programs of the blind and the informed track."""
