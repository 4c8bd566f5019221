"""Trivial forecasts that every table shows beside the networks, in NumPy."""
