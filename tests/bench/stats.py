"""What rounds say: ratios, how far they spread, whether a goal is met, and whether something has become worse since.

A row compares two costs that were measured in turn, round by round. Its ratio is the median of the rounds' ratios, not the ratio of two
medians: what disturbs a machine for seconds disturbs both halves of a round."""
import dataclasses
import statistics

NOISY = 1.5           # a peer whose own cost varies by more than this tells nothing about ours
LEAST_NOISE = 0.10    # ratios of quiet runs repeat within this


@dataclasses.dataclass(frozen=True)
class Row:
    """ours / peer are keys of a round's samples. must: the goal; good: what to aim for; None: told, not judged. higher: more is better."""
    name: str
    ours: str
    peer: str
    unit: str
    must: float | None
    good: float | None = None
    higher: bool = False
    says: str = ""


def judge(row, rounds):
    """The result of a row from its rounds, each a dict of samples. A row that lacks a sample (a peer that is not installed) is told as such."""
    result = {"name": row.name, "target": row.must, "good": row.good, "higher_is_better": row.higher, "unit": row.unit, "says": row.says}
    pairs = [(r[row.ours], r[row.peer]) for r in rounds if row.ours in r and row.peer in r]
    if not pairs:
        return result | {"ratio": None, "pass": True, "verdict": "not installed"}
    if any(peer <= 0 for _, peer in pairs):
        return result | {"ratio": None, "pass": False, "verdict": "MISS", "says": f"{row.peer} cost nothing: that was not measured"}
    ratios = [ours / peer for ours, peer in pairs]
    peers = [peer for _, peer in pairs]
    ratio = statistics.median(ratios)
    result |= {"ratio": round(ratio, 4), "min": round(min(ratios), 4), "max": round(max(ratios), 4), "rounds": len(ratios),
               "ours": round(statistics.median(o for o, _ in pairs), 4), "peer": round(statistics.median(peers), 4)}
    return result | verdict_of(row, ratio, ratios, peers)


def verdict_of(row, ratio, ratios, peers):
    """A noisy peer takes nothing from a goal that every round meets or every round misses."""
    if row.must is None:
        return {"pass": True, "verdict": "told"}
    met = [meets(r, row.must, row.higher) for r in ratios]
    if any(met) and not all(met) and max(peers) / min(peers) > NOISY:
        return {"pass": True, "verdict": "noisy"}
    passed = meets(ratio, row.must, row.higher)
    return {"pass": passed, "verdict": "ok" if passed else "MISS"}


def meets(ratio, must, higher):
    return ratio >= must if higher else ratio <= must


def noise(result):
    """Half of what the rounds' ratios spread, as a part of their median."""
    return (result["max"] - result["min"]) / 2 / result["ratio"] if result["ratio"] else 0.0


def worse(now, before):
    """A sentence when a row has become worse than what was accepted, by more than both runs' noise; else None."""
    if now["ratio"] is None or before["ratio"] is None or "noisy" in (now["verdict"], before["verdict"]):
        return None
    allowed = max(LEAST_NOISE, noise(now) + noise(before))
    change = before["ratio"] / now["ratio"] if now["higher_is_better"] else now["ratio"] / before["ratio"]
    if change <= 1 + allowed:
        return None
    return (f"{now['name']}: {now['ratio']:.3g} after {before['ratio']:.3g}, which is {100 * (change - 1):.0f} % worse; "
            f"noise explains {100 * allowed:.0f} %")


def line(result):
    """One row of the table."""
    goal = "" if result["target"] is None else f"{'>=' if result['higher_is_better'] else '<='} {result['target']:g}"
    if result["ratio"] is None:
        return f"{result['name']:34} {'':>10} {'':>10} {'':>8} {'':17} {goal:>8} {result['verdict']}"
    spread = f"({result['min']:.3g} .. {result['max']:.3g})"
    return (f"{result['name']:34} {result['ours']:>10.4g} {result['peer']:>10.4g} {result['ratio']:>8.3g} {spread:17} {goal:>8} "
            f"{result['verdict']:6} {result['says']} [{result['unit']}]")


HEAD = f"{'row':34} {'ours':>10} {'peer':>10} {'ratio':>8} {'(min .. max)':17} {'goal':>8}"
