"""Flax NNX modules around layers, and the one place where they become pure functions."""
