"""Tasks for the common loop, one file each."""
