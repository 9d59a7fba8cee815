"""The experiment `neurogain gain-curve` over a fine grid; options are passed on to it."""

ABOUT = {"title": "f-I curves of the pyramidal cell", "minutes": 3}
TINY = (
    *("--somatic-current", "700", "1500", "--dendritic-current", "0", "--coupling", "0"),
    *("--repeats", "1", "--duration", "50"),
)
WORDS = (
    *("gain-curve", "--somatic-current", "525:1500:25", "--dendritic-current", "0:900:100"),
    *("--coupling", "0:1:0.25", "--repeats", "20"),
)
