"""Times Glovebox beside ONNX Runtime and writes BENCHMARKS.md.

    python docs/bench/bench.py GLOVEBOX MODEL.onnx... [--rounds N] [--out FILE]

Each model runs in turn in both, A B A B, on the same threads and inputs; a
ratio is ONNX Runtime's time over ours, per round, and the median of the
rounds is printed. The peak of the machine is measured in the same run. Needs
numpy, onnx and onnxruntime; fetches nothing.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))

PEER = """
import json, os, sys, time
import numpy as np
import onnx, onnxruntime as ort
from onnx import numpy_helper
path, threads, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
o = ort.SessionOptions()
o.intra_op_num_threads, o.inter_op_num_threads, o.log_severity_level = threads, 1, 3
start = time.perf_counter()
s = ort.InferenceSession(path, o, providers=["CPUExecutionProvider"])
load = time.perf_counter() - start
rng, feed = np.random.default_rng(1), {}
for i, x in enumerate(s.get_inputs()):
    file = os.path.join(folder, f"input_{i}.pb") if folder else ""
    if os.path.exists(file):
        feed[x.name] = numpy_helper.to_array(onnx.load_tensor(file))
    else:
        shape = [d if isinstance(d, int) else 1 for d in x.shape]
        feed[x.name] = rng.random(shape, np.float32) if "float" in x.type else rng.integers(0, 2, shape, np.int64)
start = time.perf_counter()
s.run(None, feed)
first = time.perf_counter() - start
print(json.dumps({"load_ms": load * 1e3, "first_ms": first * 1e3}), flush=True)
for line in sys.stdin:
    times = []
    for _ in range(int(line)):
        start = time.perf_counter()
        s.run(None, feed)
        times.append((time.perf_counter() - start) * 1e3)
    times.sort()
    print(json.dumps({"median_ms": times[len(times) // 2]}), flush=True)
"""


def folder_of(path):
    """The data set that glovebox bench takes for this model, or nothing."""
    d, stem = os.path.split(path)[0], os.path.basename(path)[:-5]
    for name in (f"test_data_set_{stem}", "test_data_set_0"):
        if os.path.isdir(os.path.join(d, name)):
            return os.path.join(d, name)
    return ""


def peak():
    with tempfile.TemporaryDirectory() as d:
        exe = os.path.join(d, "peak")
        subprocess.run(["cc", "-O3", "-march=native", "-ffp-contract=fast", "-o", exe, os.path.join(HERE, "peak.c")], check=True)
        return [float(x) for x in subprocess.check_output([exe]).split()]


def ours(glovebox, path, threads, runs):
    out = subprocess.check_output([glovebox, "bench", "--json", "--memory", "4GiB", "--threads", str(threads), "--runs", str(runs), "--warmup", "2", path])
    return json.loads(out)




def compare(glovebox, path, threads, rounds):
    peer = subprocess.Popen([sys.executable, "-c", PEER, path, str(threads), folder_of(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    start = json.loads(peer.stdout.readline())
    guess = max(start["first_ms"], 0.05)
    runs = int(min(200, max(5, 400 / guess)))
    pairs, mine = [], None
    for _ in range(rounds):
        peer.stdin.write(f"{runs}\n")
        peer.stdin.flush()
        theirs = json.loads(peer.stdout.readline())["median_ms"]
        mine = ours(glovebox, path, threads, runs)
        pairs.append((theirs, mine["median_ms"]))
    peer.stdin.close()
    peer.wait()
    ratio = statistics.median(a / b for a, b in pairs)
    return {
        "theirs": statistics.median(a for a, _ in pairs), "ours": statistics.median(b for _, b in pairs), "ratio": ratio,
        "load_theirs": start["load_ms"], "load_ours": mine["load_ms"], "first_ours": mine["first_ms"],
        "gflops": mine["flops"] / statistics.median(b for _, b in pairs) / 1e6,
    }


def name_of(path):
    parent = os.path.basename(os.path.dirname(path))
    stem = os.path.basename(path)[:-5]
    return stem if parent in ("gen", "") else f"{parent}/{stem}"


def main():
    a = argparse.ArgumentParser()
    a.add_argument("glovebox")
    a.add_argument("models", nargs="+")
    a.add_argument("--rounds", type=int, default=5)
    a.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    a.add_argument("--out", default="BENCHMARKS.md")
    args = a.parse_args()
    import onnxruntime

    flops, bandwidth = peak()
    version = subprocess.check_output([args.glovebox, "version"], text=True).split("\n")
    lines = [
        "# Benchmarks", "",
        "Written by `just bench`. A ratio is ONNX Runtime's time over ours, the median over the rounds of medians taken in turn; above 1 we are ahead.", "",
        f"- machine: {platform.machine()}, {os.cpu_count()} cores, {flops:.0f} GFLOP/s of FMA on one core and {bandwidth:.0f} GB/s read, measured in this run",
        f"- ONNX Runtime {onnxruntime.__version__}, {version[1]}", "",
        "| model | threads | ONNX Runtime ms | Glovebox ms | ratio | % of peak | load ms (theirs) | load ms (ours) | first run ms |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for path in args.models:
        for threads in args.threads:
            try:
                r = compare(args.glovebox, path, threads, args.rounds)
            except (subprocess.CalledProcessError, json.JSONDecodeError) as e:
                print(f"{path}: {e}", file=sys.stderr)
                continue
            line = (
                f"| {name_of(path)} | {threads} | {r['theirs']:.3f} | {r['ours']:.3f} | {r['ratio']:.2f} "
                f"| {100 * r['gflops'] / flops / threads:.0f} | {r['load_theirs']:.1f} | {r['load_ours']:.1f} | {r['first_ours']:.1f} |"
            )
            print(line, file=sys.stderr, flush=True)
            lines.append(line)
    lines += ["", "| model | cold process ms (Python + ONNX Runtime) | cold process ms (ours) | peak MiB (theirs) | peak MiB (ours) |", "| --- | --- | --- | --- | --- |"]
    for path in args.models:
        cold = [[], []]
        memory = [0, 0]
        for _ in range(args.rounds):
            for i, argv in enumerate((
                [sys.executable, "-c", PEER, path, "1", folder_of(path)],
                [args.glovebox, "bench", "--memory", "4GiB", "--threads", "1", "--runs", "0", path],
            )):
                with open(os.devnull) as null:
                    start = time.perf_counter()
                    p = subprocess.Popen(argv, stdin=null, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                    _, _, use = os.wait4(p.pid, 0)
                cold[i].append((time.perf_counter() - start) * 1e3)
                memory[i] = max(memory[i], use.ru_maxrss / 1024)
        line = f"| {name_of(path)} | {statistics.median(cold[0]):.0f} | {statistics.median(cold[1]):.0f} | {memory[0]:.0f} | {memory[1]:.0f} |"
        print(line, file=sys.stderr, flush=True)
        lines.append(line)
    with open(args.out, "w") as f:
        f.write("\n".join(lines) + "\n")


main()
