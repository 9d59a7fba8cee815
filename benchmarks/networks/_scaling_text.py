"""Tables, notes and the figure of `network_scaling`."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from matplotlib.axes import Axes

from benchmarks import figures
from benchmarks.networks import _network as net
from benchmarks.record import table
from neurogain.plotting import draw, style
from neurogain.plotting.style import Figure

LIMITS = {"fixed": 16, "plastic": 40}  # bytes a synapse
KINDS = {"static": "fixed", "stdp": "plastic"}
TIME, EVENTS, SPIKES = (f"{name}_per_simulated_s" for name in ("run_s", "events", "spikes"))


def error(row: Mapping[str, Any]) -> str:
    """Return why a network didn't run, in a line."""
    return row.get("error", "").splitlines()[-1] if row.get("error") else ""


def all_synapses(row: Mapping[str, Any]) -> int | None:
    """Return the number of synapses, None where there was no network."""
    return sum(row["synapses"].values()) if "synapses" in row else None


def in_units(name: str, unit: float) -> Callable[[Mapping[str, Any]], float | None]:
    """Return a column's value in another unit."""
    return lambda row: row[name] / unit if name in row else None


def per_second(row: Mapping[str, Any]) -> float | None:
    """Return the seconds that a simulated second takes."""
    return 1000 * row["run_s"] / row["simulated_ms"] if "run_s" in row else None


COLUMNS = {
    "rows": (
        ("variant", "variant", "<8"), ("in-degree", "in_degree", "10,"), ("drive", "level", "7g"),
        ("run s per s", TIME, "13.3g"), ("us/spike", "us_per_spike", "10.3g"),
        ("ns/event", "ns_per_event", "10.3g"), ("events/s", EVENTS, "11.3g"),
        ("spikes/s", SPIKES, "10,.0f"), *net.RATES,
        ("B/fixed", ("bytes_per_synapse", "fixed"), "9.2f"),
        ("B/plastic", ("bytes_per_synapse", "plastic"), "11.2f"),
        ("", lambda row: "  other rates" if row["rates_agree"] is False else "", "<1"),
    ),
    "rules": (
        ("rule of connectivity", "rule", "<28"), ("cells", "cells", "12,"),
        ("synapses", "synapses", "13,"), ("s", "wall_s", "8.2f"),
        ("kept B/syn", "kept_bytes_per_synapse", "12.1f"),
        ("peak B/syn", "peak_bytes_per_synapse", "12.1f"),
    ),
    "networks": (
        ("cells", "cells", "10,"), ("variant", "variant", "<8"), ("synapses", all_synapses, "13,"),
        ("build s", "build_s", "9.1f"), ("warm-up s", "warm_up_s", "11.1f"),
        ("run s per s", per_second, "13.3g"), *net.RATES, ("before", "before_mib", "8,.0f"),
        ("building", "build_peak_mib", "10,.0f"), ("built", "held_mib", "8,.0f"),
        ("running", "run_peak_mib", "9,.0f"), ("MiB", error, "<3"),
    ),
    "paper": (
        ("cells", "cells", "10,"), ("variant", "variant", "<8"), ("devices", "devices", "8"),
        ("parameters MiB", in_units("params_bytes", 2**20), "16,.0f"),
        ("state MiB", in_units("state_bytes", 2**20), "11,.0f"),
        ("in all MiB", in_units("total_bytes", 2**20), "12,.0f"),
        ("received KiB a step", in_units("received_bytes_per_step", 2**10), "21,.0f"),
        ("(each device)", lambda row: "", "<1"),
    ),
}  # fmt: skip


def tables(parts: Mapping[str, Any]) -> str:
    """Return the tables of the parts that there are, one under the other."""
    build = parts["build"] or {}
    rows = {
        "rows": parts["rows"],
        "rules": build.get("rules"),
        "networks": [*build.get("networks", []), *(parts["largest"] or [])],
        "paper": parts["paper"],
    }
    return "\n\n".join(table(COLUMNS[name], found) for name, found in rows.items() if found)


def run_notes(rows: list[dict[str, Any]], fits: dict[str, dict]) -> Iterator[str]:
    """Yield what the runs show."""
    rounds, cells = len(rows[0]["run_s"]), rows[0]["cells"]
    yield (
        f"Runs: medians of {rounds} rounds, {cells:,} cells; events are spikes times out-degree."
        " 'drive': factor of the mean currents. Bytes: of all arrays that hold synapses,"
        " over their number; what changes in plastic ones counts twice."
    )
    for variant, parts in fits.items():
        own = sorted((r for r in rows if r["variant"] == variant), key=lambda r: r["in_degree"])
        held, silent = ([r for r in own if r["level"] == level] for level in (1, 0))
        low, high, name = held[0], held[-1], net.VARIANTS[variant]
        text = (
            f"{name[0].upper()}{name[1:]}: {parts['fixed_s']:.3g} s a simulated second for cells "
            f"and noise + {parts['us_per_spike']:.2g} us a spike + {parts['ns_per_event']:.3g} ns "
            f"an event, off by at most {parts['largest_error']:.0%}. "
            f"{high['in_degree'] / low['in_degree']:.0f} times the synapses at the same rates take "
            f"{high[TIME] / low[TIME]:.2g} times as long"
        )
        if len(silent) > 1:
            few, many = silent[0], silent[-1]
            text += (
                f"; in silence {many['in_degree']:,} synapses a cell take {many[TIME]:.3g} s, "
                f"{few['in_degree']:,} take {few[TIME]:.3g} s"
            )
        touched = sum(high["synapses"].values()) * 1000 / net.DT
        yield text + (
            f". All synapses in all steps would be {touched:.2g} events, "
            f"{touched / high[EVENTS]:,.0f} times those of spikes."
        )
    most = {k: max((r["bytes_per_synapse"][k] or 0) for r in rows) for k in LIMITS}
    words = [f"{kind} {size:.2f} of {LIMITS[kind]} allowed" for kind, size in most.items()]
    agree = [r["rates_agree"] for r in rows if r["rates_agree"] is not None]
    yield (
        f"Most bytes a synapse: {', '.join(words)}. Rates are within 10 % of those at an in-degree "
        f"of {net.IN_DEGREE} in {sum(agree)} of {len(agree)} networks."
    )


def largest_note(largest: list[dict[str, Any]]) -> str:
    """Return what was the largest, and what kept larger ones away."""
    *failed, last = largest
    if "error" in last:
        return "No network fitted: " + last["error"]
    chunk = last["run_s_per_chunk"]
    text = (
        f"The largest that was run: {last['cells']:,} cells, {all_synapses(last):,} "
        f"synapses, built in {last['build_s']:.0f} s. 100 ms of simulated time take "
        f"{min(chunk):.1f} to {max(chunk):.1f} s, most in the synchronous start."
    )
    reasons = "; ".join(f"{r['cells']:,} cells: {error(r)}" for r in failed)
    return text + (f" What didn't fit: {reasons}." if failed else "")


def paper_note(paper: list[dict[str, Any]]) -> str:
    """Return how devices' needs were counted, and the exchange in a second."""
    meshed = {r["variant"]: r for r in paper if r["devices"] > 1}
    exchange = ", ".join(
        f"{r['gathered_bytes_per_cell']:.2g} bytes a cell and step {net.VARIANTS[variant]}, "
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


def notes(fits: dict[str, dict], parts: Mapping[str, Any]) -> Iterator[str]:
    """Yield all notes on the parts that there are."""
    if parts["rows"]:
        yield from run_notes(parts["rows"], fits)
    if parts["build"]:
        yield (
            "Building: 'kept' and 'peak' are what NumPy holds of the pairs and while it draws "
            "them. Networks are built and run in a process of their own: memory before, at the "
            "peak of building, held after it, at the peak of running."
        )
    if parts["largest"]:
        yield largest_note(parts["largest"])
    if parts["paper"]:
        yield paper_note(parts["paper"])


def drawn(rows: list[dict[str, Any]], variants: list[str]) -> Figure:
    """Return run time against in-degree and against events, and bytes against in-degree."""
    figure, axes = draw.row(3, (12.6, 3.8), sharey=False)
    by_degree, by_events, memory = axes

    def plot(axes: Axes, x: str, own: list[dict[str, Any]], *style: str, **more: Any) -> None:
        unit, y = (1e6 if x == EVENTS else 1), more.pop("y", TIME)
        found = sorted(own, key=lambda r: r[x])
        axes.plot([r[x] / unit for r in found], [r[y] for r in found], *style, **more)

    for variant, line, marker in style.assign(variants):
        own = [r for r in rows if r["variant"] == variant]
        held, silent = ([r for r in own if r["level"] == level] for level in (1, 0))
        driven = [r for r in own if r["level"] != 1]
        name, kind = net.VARIANTS[variant], KINDS[variant]
        full = {"ls": "", "mec": line["color"], "mfc": line["color"], "ms": 5}
        hollow, thin = full | {"mfc": "white"}, line | {"lw": 1}
        plot(by_degree, "in_degree", held, marker, **line, ms=5, label=name)
        plot(by_degree, "in_degree", silent, marker, **hollow, label=f"{name}, silent")
        plot(by_events, EVENTS, held, marker, **full, label=f"{name}, in-degrees")
        plot(by_events, EVENTS, driven, "v", **hollow, label=f"{name}, drives")
        for series in (held, [r for r in driven if r["in_degree"] == net.IN_DEGREE]):
            plot(by_events, EVENTS, series, **thin, y="model_s")
        sizes = [r | {"bytes": r["bytes_per_synapse"][kind]} for r in held]
        plot(memory, "in_degree", sizes, marker, **line, ms=5, y="bytes", label=kind)
        draw.guides(memory, y=[LIMITS[kind]], color=line["color"], label=f"limit, {kind}")
    for one in (by_degree, memory):
        one.set(xscale="log", xlabel="in-degree (synapses per cell)")
        figures.size_ticks(one, (r["in_degree"] for r in rows))
    by_degree.set(ylabel="run time (s per simulated s)", title="rates held")
    by_events.set(
        xlabel="delivered synaptic events (10$^6$ per simulated s)",
        ylabel="run time (s per simulated s)",
        title="lines: fitted model",
    )
    memory.set(ylabel="memory (bytes per synapse)", title="arrays that hold synapses")
    for one in axes:
        one.set_ylim(bottom=0)
        draw.legend(one, ncols=1)
    for one in axes[1:]:
        one.set_ylim(top=1.4 * one.get_ylim()[1])  # room for the legend
    return draw.finish(figure, letters=True)
