"""Tables and notes of `network_scaling`."""

from typing import Any

from benchmarks.networks import _network as net
from benchmarks.record import table

SMALL = (8000, 100)  # cells and in-degree of the network that the paper is checked on
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


def paper_table(paper: dict[str, Any]) -> str:
    """Return what devices need."""
    sizes = {f"{name}_bytes": 2**20 for name in ("params", "state", "total")}
    sizes["received_bytes_per_step"] = 2**10
    rows = [r | {name: r[name] / unit for name, unit in sizes.items()} for r in paper["rows"]]
    columns = (
        ("cells", "cells", "10,"), ("variant", "variant", "<8"), ("devices", "devices", "8"),
        ("parameters MiB", "params_bytes", "16,.0f"), ("state MiB", "state_bytes", "11,.0f"),
        ("in all MiB", "total_bytes", "12,.0f"),
        ("received KiB a step", "received_bytes_per_step", "21,.0f"), ("(each device)", "", "<1"),
    )  # fmt: skip
    return table(columns, [row | {"": ""} for row in rows])


def tables(
    rows: list[dict[str, Any]] | None,
    build: dict[str, Any] | None,
    largest: list[dict[str, Any]] | None,
    paper: dict[str, Any] | None,
) -> str:
    """Return all tables that there are, one under the other."""
    found = []
    if rows:
        found.append(run_table(rows))
    if build:
        found.append(build_table(build))
    if build or largest:
        found.append(child_table([*(build or {}).get("networks", []), *(largest or [])]))
    if paper:
        found.append(paper_table(paper))
    return "\n\n".join(found)


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


def paper_notes(paper: dict[str, Any]) -> list[str]:
    """Return how devices' needs were computed, and the exchange in a second."""
    (cells, in_degree), check = SMALL, paper["check"]
    errors = [
        abs(check[variant][f"{part}_over_formula"] - 1)
        for variant in ("static", "stdp")
        for part in ("params", "state")
    ]
    meshed = [r for r in paper["rows"] if r["devices"] > 1]
    exchange = ", ".join(
        f"{r['received_bytes_per_step'] * 1000 / net.DT / 1e9:.0f} GB {NAMES[r['variant']]}"
        for r in meshed
    )
    units = check["units"]
    others = sum(check[variant]["other_collectives"] for variant in ("static", "stdp"))
    return [
        "On paper: each device holds the synapses onto its cells ("
        f"{units['fixed']} bytes a fixed one; a plastic one {units['plastic']} and "
        f"{units['changing']} that change), its cells' state, and where the rows of all cells "
        "start; 'in all' counts the state twice, since a run keeps the start of a chunk, and "
        f"leaves out what a step needs in passing. On {meshed[0]['devices']} host devices the "
        f"arrays of a network of {cells:,} cells with {in_degree} synapses each "
        f"agree with it within {max(errors):.1%}. Devices "
        "exchange spikes alone, by an all-gather in each step: read off XLA's program, "
        f"{check['static']['gathered_bytes_per_cell']:.2g} bytes a cell without plasticity, "
        f"{check['stdp']['gathered_bytes_per_cell']:.2g} with STDP, and {others} collectives of "
        f"other kinds. In a simulated second each device receives {exchange}."
    ]


def notes(
    rows: list[dict[str, Any]] | None,
    fits: dict[str, dict],
    build: dict[str, Any] | None,
    largest: list[dict[str, Any]] | None,
    paper: dict[str, Any] | None,
) -> list[str]:
    """Return all notes."""
    found = run_notes(rows, fits) if rows else []
    if build:
        found.append(
            "Building: 'kept' and 'peak' are what NumPy holds of the pairs and while it draws "
            "them. Networks are built and run in a process of their own: memory before, at the "
            "peak of building, held after it, at the peak of running."
        )
    found += largest_notes(largest) if largest else []
    return found + (paper_notes(paper) if paper else [])
