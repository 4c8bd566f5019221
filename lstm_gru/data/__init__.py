"""Data: series and their features, the embedded series; bitext, subwords, batches of tokens; public files."""
