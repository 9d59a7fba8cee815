"""The subcommands: configuration in, progress and one line out, files written."""

from neurogain._extras import extra

with extra("cli"):
    import tqdm as tqdm
    import tyro as tyro
