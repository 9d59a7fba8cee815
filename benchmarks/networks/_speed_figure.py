"""The scaling figure of `network_speed`."""

from typing import Any

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from neurogain.plotting import style

TITLES = {"static": "without plasticity", "stdp": "with STDP"}


def draw(rows: list[dict[str, Any]]) -> Figure:
    """Return run time per simulated second against cells, one panel a variant; void rows hollow."""
    variants = list(dict.fromkeys(row["variant"] for row in rows))
    engines = list(dict.fromkeys(row["engine"] for row in rows))
    figure, axes = plt.subplots(
        1, len(variants), figsize=(4.2 * len(variants), 3.6), sharey=True, squeeze=False
    )
    sizes = sorted({row["n"] for row in rows})
    for one, variant in zip(axes[0], variants, strict=True):
        for engine, line, marker in style.assign(engines):
            own = [r for r in rows if (r["engine"], r["variant"]) == (engine, variant)]
            own.sort(key=lambda r: r["n"])
            times = [r["run_s_per_simulated_s"] for r in own]
            one.plot([r["n"] for r in own], times, label=engine, **line)
            for r, seconds in zip(own, times, strict=True):
                face = "white" if r["void"] else line["color"]
                one.plot(r["n"], seconds, marker, mfc=face, mec=line["color"], ms=5)
        one.set(xscale="log", yscale="log", xlabel="cells", title=TITLES[variant])
        one.set_xticks(sizes, [f"{n:,}" for n in sizes])
        one.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        one.yaxis.set_major_formatter("{x:g}")
        one.minorticks_off()
        style.tidy(one)
    axes[0, 0].set_ylabel("run time (s per simulated s)")
    axes[0, -1].legend(frameon=False, fontsize=8)
    style.panel_letters(axes[0])
    figure.tight_layout()
    return figure
