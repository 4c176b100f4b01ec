"""The tables that are printed at the end, as plain text."""

from statistics import median

from benchmarks.gpu.goals import UNITS
from benchmarks.training.goals import Samples


def table(title, head, rows):
    """Return lines with columns as wide as they must be."""
    texts = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in texts]
    return "\n".join([title, *(f"  {line.rstrip()}" for line in lines), ""])


def device_lines(records):
    """Return what was measured on."""
    for each in records:
        if each["record"] == "device":
            where = f"{each['name']}, CUDA {each['cuda']}" if each["device"] == "cuda" else "the CPU"
            return f"torch {each['torch']} on {where}; TF32 off, deterministic algorithms\n"
    return ""


def speed_table(records, shapes, clock):
    """Return microseconds per network-step by formulation, K and shape."""
    samples = Samples(records, UNITS[clock])
    keys = dict.fromkeys((each["networks"], each["formulation"]) for each in samples.of("sample"))
    rows = [
        [name, count, *(_three(samples.costs(name, shape, count).values()) for shape in shapes)]
        for count, name in sorted(keys, key=lambda key: key[0])
    ]
    rows.append(["mm 2048, GFLOP/s", "", *(_three(samples.rates(shape).values(), 0) for shape in shapes)])
    what = "by the device's events" if clock == "device" else "of wall time"
    return table(f"Microseconds per network-step {what}, min/median/max", ["formulation", "K", *shapes], rows)


def gate_table(records):
    """Return how far each formulation is from plain torch on the CPU."""
    rows = [
        [each["formulation"], each["shape"], each["dtype"], f"{each['difference']:.1e}", f"{each['tolerance']:.0e}"]
        for each in records
        if each["record"] == "gate"
    ]
    head = ["formulation", "shape", "", "", "allowed"]
    return table("Gate: largest difference to plain torch on the CPU", head, rows)


def bits_table(records):
    """Return what depends on what."""
    head = ["shape", "", "steps", "again", "any place", "graph to eager", "2 slots to most"]
    rows = [
        [
            each["shape"],
            each["dtype"],
            each["steps"],
            *("equal" if each[name] else "DIFFERENT" for name in ("rerun_equal", "places_equal")),
            " ".join("equal" if value == 0 else f"{value:.1e}" for value in each["graph_to_eager"]),
            "equal" if each["between_slot_counts"] == 0 else f"{each['between_slot_counts']:.1e}",
        ]
        for each in records
        if each["record"] == "bits"
    ]
    return table("Bits: weights of one network, differences relative to its largest", head, rows)


def memory_table(records):
    """Return the peak of a chunk beside the sum of the estimates of its members."""
    rows = []
    for each in (each for each in records if each["record"] == "memory"):
        peak = each.get("peak_bytes")
        ratio = "not measured" if peak is None else f"{peak / each['estimate_bytes']:.2f}"
        mega = ["-" if value is None else f"{value / 2**20:.1f}" for value in (peak, each["estimate_bytes"])]
        rows.append([each["shape"], each["slots"], *mega, ratio])
    return table("Memory of a full chunk, MiB", ["shape", "slots", "peak", "estimate", "peak / estimate"], rows)


def around_table(records):
    """Return what a step waits for, what it launches, and what is done between steps."""
    rows = []
    for each in records:
        place = f"{each.get('shape')}, {each.get('slots')} slots"
        if each["record"] == "waits":
            found = (each["wait"] or "none") if each["measured"] else "not measured"
            rows.append([place, "first wait for the device", found])
        elif each["record"] == "calls":
            listed = ", ".join(f"{name} {count:.2f}" for name, count in sorted(each["calls"].items()))
            kind = "graph" if each["graph"] else "eager"
            rows.append([place, f"per step, {kind}: kernels {each['kernels']:.1f}", listed])
        elif each["record"] == "around":
            window = f"{each['window_ms']:.1f} ms for {each['window_steps']} steps"
            rows.append([place, "drawing a window", window])
            rows.append([place, "evaluating all", f"{each['observe_ms']:.1f} ms"])
        elif each["record"] == "job":
            chunks = "+".join(map(str, each["chunks"][:4])) + ("+..." if len(each["chunks"]) > 4 else "")
            what = f"{each['networks']} x {each['steps']} steps in chunks of {chunks}"
            rows.append([each["shape"], what, f"{each['seconds']:.2f} s"])
    return table("Around the steps", ["where", "what", "found"], rows)


def goals_table(verdicts):
    """Return goals with the ratio of medians and the least and greatest ratio within a round."""
    rows = []
    for each in verdicts:
        wanted = f"{'<=' if each.at_most else '>='} {each.bound:g}"
        ratio = "-" if each.ratio is None else f"{each.ratio:.2f}"
        spread = "-" if each.spread is None else "/".join(f"{value:.2f}" for value in each.spread)
        rows.append([each.goal, each.statement, each.shape, wanted, ratio, spread, each.word])
    return table("Goals", ["goal", "of what", "shape", "wanted", "ratio", "in a round", ""], rows)


def _three(values, digits=2):
    values = list(values)
    if not values:
        return "-"
    return "/".join(f"{each:.{digits}f}" for each in (min(values), median(values), max(values)))
