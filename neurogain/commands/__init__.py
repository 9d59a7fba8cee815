"""The subcommands: configuration in, progress and one line out, files written."""
