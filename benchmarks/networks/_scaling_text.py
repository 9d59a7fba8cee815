"""Tables, notes and the figure of `network_scaling`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.networks import _network as net
from benchmarks.record import table
from neurogain.plotting import style

LIMITS = {"fixed": 16, "plastic": 40}  # bytes a synapse
NAMES = {"static": "without plasticity", "stdp": "with STDP"}


def run_table(rows: list[dict[str, Any]]) -> str:
    """Return run times, rates and bytes."""
    other = {False: "  other rates"}
    columns = (
        ("variant", "variant", "<8"), ("in-degree", "in_degree", "10,"), ("drive", "level", "7g"),
        ("run s per s", "run_s_per_simulated_s", "13.3g"), ("us/spike", "us_per_spike", "10.3g"),
        ("ns/event", "ns_per_event", "10.3g"), ("events/s", "events_per_simulated_s", "11.3g"),
        ("spikes/s", "spikes_per_simulated_s", "10,.0f"), *net.RATES,
        ("B/fixed", ("bytes_per_synapse", "fixed"), "9.2f"),
        ("B/plastic", ("bytes_per_synapse", "plastic"), "11.2f"), ("", "mark", "<1"),
    )  # fmt: skip
    return table(columns, [r | {"mark": other.get(r["rates_agree"], "")} for r in rows])


def build_table(build: dict[str, Any]) -> str:
    """Return times and memory of the rules of connectivity."""
    columns = (
        ("rule of connectivity", "rule", "<28"), ("cells", "cells", "12,"),
        ("synapses", "synapses", "13,"), ("s", "wall_s", "8.2f"),
        ("kept B/syn", "kept_bytes_per_synapse", "12.1f"),
        ("peak B/syn", "peak_bytes_per_synapse", "12.1f"),
    )  # fmt: skip
    return table(columns, build["rules"])


def child_table(children: list[dict[str, Any]]) -> str:
    """Return what was measured in processes of their own."""
    rows = []
    for r in children:
        if "error" in r:
            rows.append(r | {"mark": r["error"].splitlines()[-1]})
        else:
            run_s = 1000 * r["run_s"] / r["simulated_ms"]
            rows.append(r | {"mark": "", "all": sum(r["synapses"].values()), "per_s": run_s})
    columns = (
        ("cells", "cells", "10,"), ("variant", "variant", "<8"), ("synapses", "all", "13,"),
        ("build s", "build_s", "9.1f"), ("warm-up s", "warm_up_s", "11.1f"),
        ("run s per s", "per_s", "13.3g"), *net.RATES, ("before", "before_mib", "8,.0f"),
        ("building", "build_peak_mib", "10,.0f"), ("built", "held_mib", "8,.0f"),
        ("running", "run_peak_mib", "9,.0f"), ("MiB", "mark", "<3"),
    )  # fmt: skip
    return table(columns, rows)


def paper_table(paper: list[dict[str, Any]]) -> str:
    """Return what devices need."""
    sizes = {f"{name}_bytes": 2**20 for name in ("params", "state", "total")}
    sizes["received_bytes_per_step"] = 2**10
    rows = [r | {name: r[name] / unit for name, unit in sizes.items()} for r in paper]
    columns = (
        ("cells", "cells", "10,"), ("variant", "variant", "<8"), ("devices", "devices", "8"),
        ("parameters MiB", "params_bytes", "16,.0f"), ("state MiB", "state_bytes", "11,.0f"),
        ("in all MiB", "total_bytes", "12,.0f"),
        ("received KiB a step", "received_bytes_per_step", "21,.0f"), ("(each device)", "", "<1"),
    )  # fmt: skip
    return table(columns, [row | {"": ""} for row in rows])


def tables(parts: Mapping[str, Any]) -> str:
    """Return the tables of the parts that there are, one under the other."""
    rows, build, largest, paper = (parts[n] for n in ("rows", "build", "largest", "paper"))
    found = [run_table(rows)] if rows else []
    found += [build_table(build)] if build else []
    children = [*(build or {}).get("networks", []), *(largest or [])]
    found += [child_table(children)] if children else []
    return "\n\n".join([*found, paper_table(paper)] if paper else found)


def run_notes(rows: list[dict[str, Any]], fits: dict[str, dict]) -> list[str]:
    """Return what the runs show."""
    rounds, cells = len(rows[0]["run_s"]), rows[0]["cells"]
    found = [
        f"Runs: medians of {rounds} rounds, {cells:,} cells; events are spikes times out-degree."
        " 'drive': factor of the mean currents. Bytes: of all arrays that hold synapses,"
        " over their number; what changes in plastic ones counts twice."
    ]
    for variant, parts in fits.items():
        held = [r for r in rows if r["variant"] == variant and r["level"] == 1]
        low, high = (f(held, key=lambda r: r["in_degree"]) for f in (min, max))
        ratio = high["in_degree"] / low["in_degree"]
        slower = high["run_s_per_simulated_s"] / low["run_s_per_simulated_s"]
        name = NAMES[variant]
        text = (
            f"{name[0].upper()}{name[1:]}: {parts['fixed_s']:.3g} s a simulated second for cells "
            f"and noise + {parts['us_per_spike']:.2g} us a spike + {parts['ns_per_event']:.3g} ns "
            f"an event, off by at most {parts['largest_error']:.0%}. {ratio:.0f} times the "
            f"synapses at the same rates take {slower:.2g} times as long"
        )
        silent = [r for r in rows if r["variant"] == variant and r["level"] == 0]
        if len(silent) > 1:
            few, many = (f(silent, key=lambda r: r["in_degree"]) for f in (min, max))
            text += (
                f"; in silence {many['in_degree']:,} synapses a cell take "
                f"{many['run_s_per_simulated_s']:.3g} s, {few['in_degree']:,} take "
                f"{few['run_s_per_simulated_s']:.3g} s"
            )
        touched = sum(high["synapses"].values()) * 1000 / net.DT
        text += (
            f". All synapses in all steps would be {touched:.2g} events, "
            f"{touched / high['events_per_simulated_s']:,.0f} times those of spikes."
        )
        found.append(text)
    most = {
        kind: max((r["bytes_per_synapse"][kind] or 0) for r in rows)
        for kind in ("fixed", "plastic")
    }
    words = [f"{kind} {size:.2f} of {LIMITS[kind]} allowed" for kind, size in most.items()]
    agree = [r["rates_agree"] for r in rows if r["rates_agree"] is not None]
    found.append(
        f"Most bytes a synapse: {', '.join(words)}. Rates are within 10 % of those at an in-degree "
        f"of {net.IN_DEGREE} in {sum(agree)} of {len(agree)} networks."
    )
    return found


def largest_notes(largest: list[dict[str, Any]]) -> list[str]:
    """Return what was the largest, and what kept larger ones away."""
    last = largest[-1]
    if "error" in last:
        return ["No network fitted: " + last["error"]]
    chunk = last["run_s_per_chunk"]
    text = (
        f"The largest that was run: {last['cells']:,} cells, {sum(last['synapses'].values()):,} "
        f"synapses, built in {last['build_s']:.0f} s. 100 ms of simulated time take "
        f"{min(chunk):.1f} to {max(chunk):.1f} s, most in the synchronous start."
    )
    failed = [f"{r['cells']:,} cells: {r['error'].splitlines()[-1]}" for r in largest[:-1]]
    return [text + (f" What didn't fit: {'; '.join(failed)}." if failed else "")]


def paper_notes(paper: list[dict[str, Any]]) -> str:
    """Return how devices' needs were counted, and the exchange in a second."""
    meshed = {r["variant"]: r for r in paper if r["devices"] > 1}
    exchange = ", ".join(
        f"{r['gathered_bytes_per_cell']:.2g} bytes a cell and step {NAMES[variant]}, "
        f"{r['received_bytes_per_step'] * 1000 / net.DT / 1e9:.0f} GB in a simulated second"
        for variant, r in meshed.items()
    )
    others = sum(r["other_collectives"] for r in meshed.values())
    return (
        "On paper: each device holds the synapses onto its cells, its cells' state, and where the "
        "rows of all cells start; counted in smaller networks on host devices and drawn out by a "
        f"line, which a third size is off by {max(r['off_the_line'] for r in paper):.1%} at most. "
        "'in all' counts the state twice, since a run keeps the start of a chunk, and leaves out "
        "what a step needs in passing. Devices exchange spikes alone, by an all-gather in each "
        f"step: {exchange}; {others} collectives of other kinds."
    )


def notes(rows: list[dict[str, Any]], fits: dict[str, dict], parts: Mapping[str, Any]) -> list[str]:
    """Return all notes on the parts that there are."""
    found = run_notes(rows, fits) if rows else []
    if parts["build"]:
        found.append(
            "Building: 'kept' and 'peak' are what NumPy holds of the pairs and while it draws "
            "them. Networks are built and run in a process of their own: memory before, at the "
            "peak of building, held after it, at the peak of running."
        )
    found += largest_notes(parts["largest"]) if parts["largest"] else []
    return [*found, paper_notes(parts["paper"])] if parts["paper"] else found


TIME, EVENTS, SPIKES = (
    f"{name}_per_simulated_s" for name in ("run_s", "events", "spikes")
)  # of a row


def draw(rows: list[dict[str, Any]], fits: dict[str, dict]) -> Figure:
    """Return run time against in-degree and against events, and bytes against in-degree."""
    figure, axes = plt.subplots(1, 3, figsize=(12.6, 3.8))
    variants = list(dict.fromkeys(row["variant"] for row in rows))
    for variant, line, marker in style.assign(variants):
        own = sorted(
            (row for row in rows if row["variant"] == variant), key=lambda r: r["in_degree"]
        )
        _times(axes[0], axes[1], own, line, marker)
        _model(axes[1], own, fits[variant], line)
        kind = "plastic" if variant == "stdp" else "fixed"
        sizes = [r["bytes_per_synapse"][kind] for r in own]
        axes[2].plot([r["in_degree"] for r in own], sizes, marker, **line, ms=5, label=kind)
        axes[2].axhline(LIMITS[kind], color=line["color"], lw=1, label=f"limit, {kind}")
    degrees = sorted({row["in_degree"] for row in rows})
    for one in (axes[0], axes[2]):
        one.set(xscale="log", xlabel="in-degree (synapses per cell)")
        one.set_xticks(degrees, [f"{d:,}" for d in degrees])
        one.minorticks_off()
    axes[0].set(ylabel="run time (s per simulated s)", title="rates held")
    axes[1].set(
        xlabel="delivered synaptic events (10$^6$ per simulated s)",
        ylabel="run time (s per simulated s)",
        title="lines: fitted model",
    )
    axes[2].set(ylabel="memory (bytes per synapse)", title="arrays that hold synapses")
    for one in axes:
        one.set_ylim(bottom=0)
        style.tidy(one)
        one.legend(frameon=False, fontsize=8)
    for one in axes[1:]:
        one.set_ylim(top=1.4 * one.get_ylim()[1])  # room for the legend
    style.panel_letters(axes)
    figure.tight_layout()
    return figure


def _times(left: Axes, right: Axes, own: list[dict[str, Any]], line: dict, marker: str) -> None:
    """Draw run time against in-degree, and against events; other drives hollow."""
    name, hollow = NAMES[own[0]["variant"]], {"mfc": "white", "mec": line["color"], "ms": 5}
    held = [r for r in own if r["level"] == 1]
    silent, other = ([r for r in own if r["level"] in levels] for levels in ({0}, _other(own)))
    times = [[r[TIME] for r in part] for part in (held, silent, other)]
    left.plot([r["in_degree"] for r in held], times[0], marker, **line, ms=5, label=name)
    degrees = [r["in_degree"] for r in silent]
    left.plot(degrees, times[1], marker, ls="", **hollow, label=f"{name}, silent")
    events = [[r[EVENTS] / 1e6 for r in part] for part in (held, other)]
    filled = hollow | {"mfc": line["color"]}
    right.plot(events[0], times[0], marker, ls="", **filled, label=f"{name}, in-degrees")
    right.plot(events[1], times[2], "v", ls="", **hollow, label=f"{name}, drives")


def _other(own: list[dict[str, Any]]) -> set[float]:
    return {r["level"] for r in own} - {1}


def _model(axes: Axes, own: list[dict[str, Any]], parts: dict, line: dict) -> None:
    """Draw the model along in-degrees and along drives, a line but for small changes of rates."""
    held = [r for r in own if r["level"] == 1]
    for series in (held, [r for r in own if r["level"] != 1 and r["in_degree"] == 100]):
        ends = sorted(series, key=lambda r: r[EVENTS])
        events, spikes = (np.array([r[name] for r in ends]) for name in (EVENTS, SPIKES))
        model = parts["fixed_s"] + parts["us_per_spike"] * spikes / 1e6
        model = model + parts["ns_per_event"] * events / 1e9
        axes.plot(events / 1e6, model, color=line["color"], linestyle=line["linestyle"], lw=1)
