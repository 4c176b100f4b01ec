"""The tables that are printed at the end."""

from statistics import median

from rich.table import Table

from benchmarks.training.goals import NETWORKS
from benchmarks.training.shapes import SHAPES


def speed_table(samples, shapes, absent):
    """Return CPU time per network-step: min/median/max by formulation, K and shape."""
    table = Table(title="CPU microseconds per network-step, min/median/max; share of the mm rate", title_justify="left")
    table.add_column("formulation")
    table.add_column("K", justify="right")
    for shape in shapes:
        table.add_column(shape, justify="right")
    keys = dict.fromkeys((each["formulation"], each["networks"]) for each in samples.of("sample"))
    for name, networks in sorted(keys, key=lambda key: key[1] != NETWORKS):
        cells = [_cell(samples, name, networks, shape) for shape in shapes]
        table.add_row(name, str(networks), *cells)
    rates = [samples.rates(shape).values() for shape in shapes]
    table.add_row("mm, GFLOP/s", "", *(_three(each, 1) for each in rates), end_section=True)
    for name, packages in absent.items():
        table.add_row(name, "", f"not installed: {', '.join(packages)}")
    return table


def _cell(samples, name, networks, shape):
    costs = samples.costs(name, shape, networks).values()
    if not costs:
        return "-"
    share = 1e-3 * SHAPES[shape].flops / median(costs) / median(samples.rates(shape).values())
    return f"{_three(costs, 1)} {share:5.2f}"


def _three(values, digits):
    values = list(values)
    if not values:
        return "-"
    return "/".join(f"{each:.{digits}f}" for each in (min(values), median(values), max(values)))


def gate_table(samples):
    """Return how far each formulation is from the plain loop."""
    table = Table(title="Gate: largest difference to torch-loop / its largest parameter", title_justify="left")
    for column in ("formulation", "shape", "steps", "float64", "float32", ""):
        table.add_column(column)
    found = {}
    for each in samples.of("gate"):
        found.setdefault((each["formulation"], each["shape"], each["steps"]), {})[each["dtype"]] = each
    for (name, shape, steps), checks in found.items():
        word = "passed" if all(each["passed"] for each in checks.values()) else "FAILED: not timed"
        figures = [f"{each['difference']:.1e} <= {each['tolerance']:.0e}" for each in checks.values()]
        table.add_row(name, shape, str(steps), *figures, word)
    return table


def start_up_table(samples):
    """Return start-up times and the whole job, wall seconds."""
    table = Table(title="Start-up and one whole job, wall seconds, once", title_justify="left")
    names = ("import", "prepare", "first_call_extra", "whole_job")
    for column in ("formulation", "cache", *(name.replace("_", " ") for name in names), "job"):
        table.add_column(column)
    for each in samples.of("start-up"):
        figures = [f"{each[f'{name}_seconds']:.2f}" for name in names]
        job = f"{each['networks']} x {each['steps']} steps of {each['shape']}"
        table.add_row(each["formulation"], each["cache"], *figures, job)
    return table


def goals_table(verdicts):
    """Return goals with the ratio of medians and the least and greatest ratio within a round."""
    table = Table(title="Goals", title_justify="left")
    for column in ("goal", "of what", "shape", "wanted", "ratio", "min/max in a round", ""):
        table.add_column(column)
    for each in verdicts:
        wanted = f"{'<=' if each.at_most else '>='} {each.bound:g}"
        ratio = "-" if each.ratio is None else f"{each.ratio:.2f}"
        spread = "-" if each.spread is None else "/".join(f"{value:.2f}" for value in each.spread)
        table.add_row(each.goal, each.statement, each.shape, wanted, ratio, spread, each.word)
    return table
