"""Data: series and their features; the embedded series."""
