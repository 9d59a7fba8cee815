"""Tables and notes of `network_scaling.py`."""

from typing import Any

from benchmarks.networks import _network as net

LIMITS = {"fixed": 16, "plastic": 40}  # bytes a synapse
NAMES = {"static": "without plasticity", "stdp": "with STDP"}


def _number(value: float | None, form: str, width: int) -> str:
    return f"{'-':>{width}}" if value is None else f"{value:>{width}{form}}"


def run_table(rows: list[dict[str, Any]]) -> str:
    """Return run times, rates and bytes."""
    lines = [
        f"{'variant':<8}{'in-degree':>10}{'drive':>7}{'run s per s':>13}{'us/spike':>10}"
        f"{'ns/event':>10}{'events/s':>11}{'spikes/s':>10}{'pyramidal':>11}{'pv':>7}{'som':>7}"
        f"{'B/fixed':>9}{'B/plastic':>11}"
    ]
    for r in rows:
        pyramidal, pv, som = (r["rates_hz"][p] for p in net.POPULATIONS)
        lines.append(
            f"{r['variant']:<8}{r['in_degree']:>10,}{r['level']:>7g}"
            f"{r['run_s_per_simulated_s']:>13.3g}"
            + _number(r["us_per_spike"], ".3g", 10)
            + _number(r["ns_per_event"], ".3g", 10)
            + f"{r['events_per_simulated_s']:>11.3g}{r['spikes_per_simulated_s']:>10,.0f}"
            f"{pyramidal:>11.2f}{pv:>7.2f}{som:>7.2f}"
            + _number(r["bytes_per_synapse"]["fixed"], ".2f", 9)
            + _number(r["bytes_per_synapse"]["plastic"], ".2f", 11)
            + ("  other rates" if r["rates_agree"] is False else "")
        )
    return "\n".join(lines)


def build_table(build: dict[str, Any]) -> str:
    """Return times and memory of the rules of connectivity."""
    lines = [
        f"{'rule of connectivity':<28}{'cells':>12}{'synapses':>13}{'s':>8}{'kept B/syn':>12}"
        f"{'peak B/syn':>12}"
    ]
    for r in build["rules"]:
        lines.append(
            f"{r['rule']:<28}{r['cells']:>12,}{r['synapses']:>13,}{r['wall_s']:>8.2f}"
            f"{r['kept_bytes_per_synapse']:>12.1f}{r['peak_bytes_per_synapse']:>12.1f}"
        )
    return "\n".join(lines)


def child_table(children: list[dict[str, Any]]) -> str:
    """Return what was measured in processes of their own."""
    lines = [
        f"{'cells':>10}  {'variant':<8}{'synapses':>13}{'build s':>9}{'warm-up s':>11}"
        f"{'run s per s':>13}{'pyramidal':>11}{'pv':>7}{'som':>7}{'before':>8}{'building':>10}"
        f"{'built':>8}{'running':>9}  MiB"
    ]
    for r in children:
        if "error" in r:
            lines.append(f"{r['cells']:>10,}  {r['variant']:<8}{r['error'].splitlines()[-1]}")
            continue
        pyramidal, pv, som = (r["rates_hz"][p] for p in net.POPULATIONS)
        lines.append(
            f"{r['cells']:>10,}  {r['variant']:<8}{sum(r['synapses'].values()):>13,}"
            f"{r['build_s']:>9.1f}{r['warm_up_s']:>11.1f}"
            f"{1000 * r['run_s'] / r['simulated_ms']:>13.3g}"
            f"{pyramidal:>11.2f}{pv:>7.2f}{som:>7.2f}{r['before_mib']:>8,.0f}"
            f"{r['build_peak_mib']:>10,.0f}{r['held_mib']:>8,.0f}{r['run_peak_mib']:>9,.0f}"
        )
    return "\n".join(lines)


def paper_table(paper: dict[str, Any]) -> str:
    """Return what devices need."""
    lines = [
        f"{'cells':>10}  {'variant':<8}{'devices':>8}{'parameters MiB':>16}{'state MiB':>11}"
        f"{'in all MiB':>12}{'received KiB a step':>21}   (each device)"
    ]
    for r in paper["rows"]:
        sizes = [r[f"{name}_bytes"] / 2**20 for name in ("params", "state", "total")]
        lines.append(
            f"{r['cells']:>10,}  {r['variant']:<8}{r['devices']:>8}{sizes[0]:>16,.0f}"
            f"{sizes[1]:>11,.0f}{sizes[2]:>12,.0f}{r['received_bytes_per_step'] / 1024:>21,.0f}"
        )
    return "\n".join(lines)


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
    check = paper["check"]
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
        f"arrays of a network of {_small()} agree with it within {max(errors):.1%}. Devices "
        "exchange spikes alone, by an all-gather in each step: read off XLA's program, "
        f"{check['static']['gathered_bytes_per_cell']:.2g} bytes a cell without plasticity, "
        f"{check['stdp']['gathered_bytes_per_cell']:.2g} with STDP, and {others} collectives of "
        f"other kinds. In a simulated second each device receives {exchange}."
    ]


def _small() -> str:
    from benchmarks.networks import _scaling_paper

    cells, in_degree = _scaling_paper.SMALL
    return f"{cells:,} cells with {in_degree} synapses each"


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
