"""Gated recurrent networks in JAX: cells, one scan, one training loop, measured answers."""
