"""Data: series and bitext, subwords and batches of tokens, sentence pairs from a grammar, public files."""
