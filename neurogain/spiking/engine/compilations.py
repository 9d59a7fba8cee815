"""How many programs were compiled in this process, for users who wonder where the time goes."""

_compiled = 0


def compilations() -> int:
    """Return the number of programs that `simulate` and `rollout` made in this process.

    `simulate` says what makes a new one. A program is counted when it is traced: once for each call
    of `rollout` outside of jit, once for each time that a jit around it is compiled.

    Example:
      >>> from neurogain.spiking import Drive, LIFCell, LIFParams, simulate
      >>> run = simulate(LIFCell(), LIFParams(), Drive(300.0), n=1, duration=10.0)
      >>> before = compilations()
      >>> run = simulate(LIFCell(), LIFParams(C=100.0), Drive(200.0), n=1, duration=10.0)
      >>> compilations() - before
      0
    """
    return _compiled


def count() -> None:
    """Count one more."""
    global _compiled
    _compiled += 1
