"""`python -m neurogain`."""

from neurogain.cli import script

if __name__ == "__main__":
    script()
