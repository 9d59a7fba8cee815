"""One module per experiment: a frozen configuration in, results out; no printing, no files."""
