"""The experiment `neurogain bac-firing` at its defaults; options are passed on to it."""

ABOUT = {
    "title": "BAC firing: calcium events when a somatic spike meets dendritic input",
    "minutes": 1,
}
TINY = ("--repeats", "1", "--coupling", "0", "1")
