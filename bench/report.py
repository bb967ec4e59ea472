#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""report.py safety|recovery RESULTS [JSON]: a table, and the same for programs.

RESULTS of safety.sh has lines "about CONTESTANT words", "run words" and
"round WORKLOAD CONTESTANT NUMBER RATE steps=N seconds=S max_ms=M"; those of recovery.sh "run words" and
"CASE FILES MS MS_TO_FILL".
"""

import json
import statistics
import sys

TEXT = {
    "append4k": "append 4 KiB, fsync",
    "append4k-4": "the same, 4 threads, 4 files",
    "append100": "append 100 bytes, fsync",
    "append100-4": "the same, 4 threads, 4 files",
    "overwrite4k": "overwrite 4 KiB in place, fdatasync",
    "replace": "new file, fsync, rename over",
    "sqlite-delete": "SQLite FULL, rollback journal, tx",
    "sqlite-wal": "SQLite FULL, WAL, tx",
}


def read(path):
    about, run, rounds = {}, "", {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            kind, rest = line.rstrip("\n").split(" ", 1)
            if kind == "about":
                name, words = rest.split(" ", 1)
                about[name] = words
            elif kind == "run":
                run = rest
            else:
                workload, name, number, rate, *more = rest.split()
                longest = float(more[-1].split("=")[1])
                rounds.setdefault(workload, {}).setdefault(name, {})[int(number)] = (
                    float(rate),
                    longest,
                )
    return about, run, rounds


def figures(of, base):
    """Medians of one contestant; the ratio comes from the rounds that both finished."""
    ratios = [of[n][0] / base[n][0] for n in of if n in base]
    return {
        "rate": round(statistics.median(rate for rate, _ in of.values()), 1),
        "ratio": round(statistics.median(ratios), 3) if ratios else None,
        "ratio_min": round(min(ratios), 3) if ratios else None,
        "ratio_max": round(max(ratios), 3) if ratios else None,
        "longest_ms": round(statistics.median(longest for _, longest in of.values()), 1),
        "rounds": [of[n][0] for n in sorted(of)],
    }


def table(about, run, result):
    print(run)
    for name, words in about.items():
        print(f"  {name}: {words}")
    print()
    print(f"{'steps a second, ratio to plain':36}" + "".join(f"{name:>17}" for name in about))
    for workload, row in result.items():
        cells = []
        for name in about:
            cell = row.get(name)
            if not cell:
                cells.append(f"{'-':>17}")
            elif name == "plain":
                cells.append(f"{cell['rate']:>17.0f}")
            else:
                cells.append(f"{cell['rate']:>11.0f} {cell['ratio'] or 0:>5.2f}")
        print(f"{TEXT.get(workload, workload):36}" + "".join(cells))


def safety(path):
    about, run, rounds = read(path)
    result = {
        workload: {name: figures(of, names.get("plain", {})) for name, of in names.items()}
        for workload, names in rounds.items()
    }
    table(about, run, result)
    return {"run": run, "contestants": about, "workloads": result}


def recovery(path):
    run, rows = "", {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("run "):
                run = line[4:].rstrip("\n")
                continue
            case, files, ms, filled = line.split()
            rows.setdefault((int(files), case), []).append((int(ms), int(filled)))
    print(run)
    print()
    print(f"{'files':>8}  {'until usable':14}{'median ms':>11}{'longest ms':>12}{'ms to fill':>12}")
    cases = []
    for (files, case), runs in sorted(rows.items(), key=lambda row: row[0][0]):
        times = [ms for ms, _ in runs]
        filled = statistics.median(ms for _, ms in runs)
        median = statistics.median(times)
        cases.append({"files": files, "case": case, "median_ms": median, "longest_ms": max(times)})
        print(f"{files:>8}  {case:14}{median:>11.0f}{max(times):>12}{filled or '-':>12}")
    return {"run": run, "cases": cases}


def main():
    result = {"safety": safety, "recovery": recovery}[sys.argv[1]](sys.argv[2])
    if len(sys.argv) > 3:
        with open(sys.argv[3], "w", encoding="utf-8") as out:
            json.dump(result, out, indent=1)
            out.write("\n")


main()
