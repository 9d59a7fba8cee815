"""Print pip constraints: every requirement of pyproject.toml at its lowest allowed version."""

import re
import tomllib
from pathlib import Path

LEFT_OUT = ("benchmarks", "cuda", "prepare")  # extras that scripts/setup does not install


def main() -> None:
    """Print a line for each requirement that names a lowest version."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lists = [extras[name] for name in extras if name not in LEFT_OUT]
    found = set()
    for requirement in sum(lists, project["dependencies"]):
        match = re.match(r"([\w-]+)>=([\w.]+)", requirement)
        if match:
            found.add("{}=={}".format(*match.groups()))
    print("\n".join(sorted(found)))


if __name__ == "__main__":
    main()
