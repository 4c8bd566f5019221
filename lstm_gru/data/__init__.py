"""Data: series and their features; the embedded series; sentence pairs from a grammar."""
