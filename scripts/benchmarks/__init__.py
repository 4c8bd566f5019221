"""What `scripts/benchmark` measures, and how."""
