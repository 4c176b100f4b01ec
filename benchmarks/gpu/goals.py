"""Goal T9, judged on ratios of medians within one run; and what must hold without any tolerance."""

from benchmarks.training.goals import Samples, Verdict, judged

STACKING, GRAPH, JAX = 0.8, 3.0, 1.2
WATCHING = "calls"  # the part whose failure says something about the profiler alone
UNITS = {"device": "device_us_per_network_step", "wall": "wall_us_per_network_step"}


def verdicts(records, plan, counts):
    """Yield the verdicts; where the run does not count, on a CPU or at sizes that mean nothing, none is judged."""
    by_events, by_wall = (Samples(records if counts else (), UNITS[clock]) for clock in ("device", "wall"))
    for shape in plan.shapes:
        for count in plan.networks:
            pair = [by_events.costs(name, shape, count) for name in ("torch-loop", "ours-eager")]
            yield judged("T9", f"loop / stacked eager, K={count}", shape, STACKING * count, False, *pair)
    if "A-mini" in plan.shapes:
        for count in plan.networks:
            pair = [by_events.costs(name, "A-mini", count) for name in ("ours-eager", "ours-graph")]
            yield judged("T9", f"stacked eager / graph, K={count}", "A-mini", GRAPH, False, *pair)
    for shape in plan.shapes:
        for count in plan.compiled:
            pair = [by_wall.costs(name, shape, count) for name in ("ours-graph", "jax")]
            yield judged("T9", f"engine / JAX, K={count}", shape, JAX, True, *pair)
    yield from _certain(by_events)


def _certain(samples):
    for each in samples.of("bits"):
        place = f"{each['shape']} {each['dtype']}"
        for name, statement in (("rerun_equal", "same bits again"), ("places_equal", "same bits at any place")):
            statement = f"{statement}, {each['slots'][0]} and {each['slots'][1]} slots, {each['steps']} steps"
            yield Verdict(goal="bits", statement=statement, shape=place, bound=1.0, at_most=False, ratio=each[name])
    for each in samples.of("waits"):
        held = each["wait"] is None and each["seen"]
        statement = f"no wait for the device in {each['steps']} steps, {each['slots']} slots"
        yield Verdict(goal="waits", statement=statement, shape=each["shape"], bound=1.0, at_most=False, ratio=held)


def broken(records):
    """Return what makes the run fail: a part that broke, a gate, bits that differ, a wait; no goal that is missed."""
    found = []
    for each in records:
        where = f"{each.get('shape')} {each.get('dtype', '')}"
        if each["record"] == "failure" and each["part"] != WATCHING:
            found.append(f"{each['part']}: {each['error'].splitlines()[-1]}")
        if each["record"] == "device" and not each["deterministic"]:
            found.append("products in lower precision, or algorithms that do not repeat")
        if each["record"] == "gate" and not each["passed"]:
            found.append(f"{each['formulation']} on {where}: {each['difference']:.1e} from plain torch on the CPU")
        if each["record"] == "bits" and not (each["rerun_equal"] and each["places_equal"]):
            found.append(f"bits differ within one number of slots: {where}")
        if each["record"] == "waits" and each["measured"] and (each["wait"] or not each["seen"]):
            found.append(f"a step waits for the device: {where}: {each['wait'] or 'the watch sees nothing'}")
        if each["record"] == "job" and each["failed"]:
            found.append(f"experiments failed: {each['failed'][0]}")
    return found
