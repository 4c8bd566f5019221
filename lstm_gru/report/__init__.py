"""Tables and reports, made from recorded results only."""
