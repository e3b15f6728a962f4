"""Times Glovebox beside ONNX Runtime and writes BENCHMARKS.md.

    python docs/bench/bench.py GLOVEBOX ANCHORS SHARED [--rounds N] [--out FILE]
                               [--web DIR] [--cold NAME=COMMAND]...

ANCHORS holds the networks that gen_models.py writes, SHARED the real models.
Each model runs in turn in both, A B A B, on the same threads and inputs; a
ratio is the peer's time over ours, per round, and the median of the rounds is
printed. The peak of the machine is measured in the same run. Needs numpy, onnx
and onnxruntime, a C compiler for the peak, and Go for two of the figures;
fetches nothing. --web names a folder with onnxruntime-web in its node_modules,
--cold a command that loads {model} and gives a first answer to what is in {folder}:
its inputs, input_N.pb, or nothing if that is empty.
"""

import argparse
import base64
import glob
import json
import os
import platform
import re
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BIG = ["resnet50", "mobilenetv2", "minilm_l6_s128", "bert_base_s128"]
REAL = ["ppocr-v4/*", "yolox-nano/*", "ultraface/*", "super-resolution/*", "magika-v3_3/*", "mnist-burn/*", "mnist-cntk/*"]

BURN = "while True: pass"


def folder_of(path):
    """The data set that glovebox bench takes for this model, or nothing."""
    d, stem = os.path.split(path)[0], os.path.basename(path)[:-5]
    for name in (f"test_data_set_{stem}", "test_data_set_0"):
        if os.path.isdir(os.path.join(d, name)):
            return os.path.join(d, name)
    return ""


def name_of(path):
    stem = os.path.basename(path)[:-5]
    return stem[2:] if stem.startswith("m_") else f"{os.path.basename(os.path.dirname(path))}/{stem}"


def inputs_of(path):
    """The inputs of the data set, as web.mjs takes them."""
    import onnx
    from onnx import numpy_helper

    inputs = []
    for i in range(len(glob.glob(os.path.join(folder_of(path) or "/nowhere", "input_*.pb")))):
        x = numpy_helper.to_array(onnx.load_tensor(os.path.join(folder_of(path), f"input_{i}.pb")))
        inputs.append({"type": str(x.dtype), "dims": x.shape, "data": base64.b64encode(x.tobytes()).decode()})
    return inputs


def peak():
    with tempfile.TemporaryDirectory() as d:
        exe = os.path.join(d, "peak")
        subprocess.run(["cc", "-O3", "-march=native", "-ffp-contract=fast", "-o", exe, os.path.join(HERE, "peak.c")], check=True)
        return [float(x) for x in subprocess.check_output([exe]).split()]


def product(size, path):
    """A model of one product by a matrix that is known."""
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper

    float32, shape = onnx.TensorProto.FLOAT, [size, size]
    b = numpy_helper.from_array(np.random.default_rng(1).standard_normal(shape, np.float32), "b")
    x, y = (helper.make_tensor_value_info(name, float32, shape) for name in "xy")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "b"], ["y"])], "product", [x], [y], [b])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


class Peer:
    """A process that loads a model and runs it as often as it is told to."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.start = json.loads(self.process.stdout.readline())

    def median(self, runs):
        self.process.stdin.write(f"{runs}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())["median_ms"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def onnxruntime(path, threads):
    return Peer([sys.executable, os.path.join(HERE, "peer.py"), path, str(threads), folder_of(path)])


class Bench:
    def __init__(self, args):
        self.args = args
        self.lines = []

    def say(self, line=""):
        print(line, file=sys.stderr, flush=True)
        self.lines.append(line)

    def table(self, *heads):
        self.say("| " + " | ".join(heads) + " |")
        self.say("|" + " --- |" * len(heads))

    def row(self, *cells):
        self.say("| " + " | ".join(str(c) for c in cells) + " |")

    def ours(self, path, threads, runs):
        out = subprocess.check_output([
            self.args.glovebox, "bench", "--json", "--memory", "4GiB", "--threads", str(threads), "--runs", str(runs), "--warmup", "3", path])
        return json.loads(out)

    def pairs(self, path, threads, peer):
        """Times of the peer and ours, round by round."""
        runs = int(min(300, max(5, 400 / max(peer.start["first_ms"], 0.05))))
        theirs, mine = [], []
        for _ in range(self.args.rounds):
            theirs.append(peer.median(runs))
            mine.append(self.ours(path, threads, runs))
        peer.close()
        return theirs, mine

    def side_by_side(self, title, paths, flops):
        self.say(f"\n## {title}\n")
        self.table("model", "threads", "ONNX Runtime ms", "Glovebox ms", "ratio", "% of peak", "load ms (theirs)", "load ms (ours)", "first run ms")
        ratios = {1: [], 2: []}
        for path in paths:
            for threads in (1, 2):
                peer = onnxruntime(path, threads)
                theirs, mine = self.pairs(path, threads, peer)
                times = [m["median_ms"] for m in mine]
                ratio = statistics.median(a / b for a, b in zip(theirs, times))
                ratios[threads].append(ratio)
                ms = statistics.median(times)
                self.row(
                    name_of(path), threads, f"{statistics.median(theirs):.3f}", f"{ms:.3f}", f"{ratio:.2f}",
                    f"{100 * mine[0]['flops'] / ms / 1e6 / flops / threads:.0f}", f"{peer.start['load_ms']:.1f}",
                    f"{statistics.median(m['load_ms'] for m in mine):.1f}", f"{statistics.median(m['first_ms'] for m in mine):.1f}")
        for threads, list_ in ratios.items():
            self.row("geometric mean", threads, "", "", f"{statistics.geometric_mean(list_):.2f}", "", "", "", "")

    def busy(self, paths):
        """The stranger first has a session of its own, as another user's, service's
        or container's process does: where the scheduler shares a core among
        sessions (autogroup) or control groups first, it takes more of its core
        than one of our threads does. Then it shares ours, as a child does."""
        self.say("\n## With another process that holds one of the two cores, two threads\n")
        self.table("the other process", "model", "ONNX Runtime ms", "Glovebox ms", "ratio", "our one thread, alone, ms", "ours over that")
        for whose, apart in (("has its own session", True), ("shares ours", False)):
            burner = subprocess.Popen([sys.executable, "-c", BURN], start_new_session=apart)
            try:
                for path in paths:
                    self.beside(burner, whose, path)
            finally:
                burner.kill()

    def beside(self, burner, whose, path):
        peer = onnxruntime(path, 2)
        runs = int(min(300, max(5, 400 / peer.start["first_ms"])))
        theirs, mine, alone = [], [], []
        for _ in range(self.args.rounds):
            burner.send_signal(signal.SIGSTOP)
            alone.append(self.ours(path, 1, runs)["median_ms"])
            burner.send_signal(signal.SIGCONT)
            theirs.append(peer.median(runs))
            mine.append(self.ours(path, 2, runs)["median_ms"])
        peer.close()
        self.row(
            whose, name_of(path), f"{statistics.median(theirs):.1f}", f"{statistics.median(mine):.1f}",
            f"{statistics.median(a / b for a, b in zip(theirs, mine)):.2f}", f"{statistics.median(alone):.1f}",
            f"{statistics.median(a / b for a, b in zip(mine, alone)):.2f}")

    def web(self, paths):
        if not self.args.web:
            return
        self.say("\n## Beside onnxruntime-web, one thread\n")
        self.table("model", "onnxruntime-web ms", "Glovebox ms", "ratio")
        for path in paths:
            with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
                json.dump(inputs_of(path), f)
                f.flush()
                try:
                    peer = Peer(["node", os.path.join(HERE, "web.mjs"), self.args.web, path, f.name])
                except (json.JSONDecodeError, OSError):
                    self.row(name_of(path), "it does not run there", "", "")
                    continue
            theirs, mine = self.pairs(path, 1, peer)
            times = [m["median_ms"] for m in mine]
            self.row(
                name_of(path), f"{statistics.median(theirs):.2f}", f"{statistics.median(times):.2f}",
                f"{statistics.median(a / b for a, b in zip(theirs, times)):.1f}")

    def cold(self, paths):
        peers = [("Python + ONNX Runtime", [sys.executable, os.path.join(HERE, "peer.py"), "{model}", "1", "{folder}"])]
        for given in self.args.cold:
            name, _, command = given.partition("=")
            peers.append((name, shlex.split(command)))
        peers.append(("ours", [self.args.glovebox, "bench", "--memory", "4GiB", "--threads", "1", "--runs", "0", "{model}"]))
        self.say("\n## From the start of a process to its first answer, files and compiled guest in the cache\n")
        self.table("model", *(f"{name} ms" for name, _ in peers), *(f"{name} MiB" for name, _ in (peers[0], peers[-1])))
        for path in paths:
            times, memory = [[] for _ in peers], [0] * len(peers)
            for _ in range(self.args.rounds):
                for i, (_, command) in enumerate(peers):
                    argv = [c.replace("{model}", path).replace("{folder}", folder_of(path)) for c in command]
                    start = time.perf_counter()
                    p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                    _, status, use = os.wait4(p.pid, 0)
                    times[i].append((time.perf_counter() - start) * 1e3 if status == 0 else float("nan"))
                    memory[i] = max(memory[i], use.ru_maxrss / 1024)
            self.row(name_of(path), *(f"{statistics.median(t):.0f}" for t in times), f"{memory[0]:.0f}", f"{memory[-1]:.0f}")

    def go(self):
        """The figures that no command of ours prints."""
        self.say("\n## Products and lengths\n")
        found = subprocess.run(
            ["go", "test", "-run", "^$", "-bench", "Products", "-benchtime", "1s", "./kernels"], cwd=ROOT, capture_output=True, text=True).stdout
        self.table("prepacked product", "threads", "% of the peak measured beside it, median", "the fastest, % of the highest peak", "ONNX Runtime's time over ours")
        for size, threads, best, share in re.findall(r"BenchmarkProducts/(\d+)/(\d+)\S*.*?([\d.]+) %best\s+([\d.]+) %peak", found):
            with tempfile.TemporaryDirectory() as d:
                path = os.path.join(d, "product.onnx")
                product(int(size), path)
                theirs, mine = self.pairs(path, int(threads), onnxruntime(path, int(threads)))
            ratio = statistics.median(a / b["median_ms"] for a, b in zip(theirs, mine))
            self.row(f"{size}³", threads, share, best, f"{ratio:.2f}")
        for share in re.findall(r"BenchmarkProducts/tile/1\S*.*?([\d.]+) %peak", found):
            self.say(f"\nThe peak loads nothing. The tiles of these products, all of whose operands lie in the first cache, do {share} % of it on one thread: no product can do better here.")
        found = subprocess.run(
            ["go", "test", "-run", "^$", "-bench", "Lengths", "-benchtime", "3x", "./runtime"], cwd=ROOT, capture_output=True, text=True).stdout
        for share in re.findall(r"([\d.]+) share", found):
            self.say(f"\nA sentence of a length never seen before runs at {share} of the speed of the same length again (minilm-l6-w8, 48 lengths).")
        # The first second goes to the compiler, which is not done with the guest yet.
        found = subprocess.run(
            ["go", "test", "-run", "^$", "-bench", "Load/", "-benchtime", "5s", "./runtime"], cwd=ROOT, capture_output=True, text=True).stdout
        for name, ns in re.findall(r"BenchmarkLoad/(\S+?)(?:-\d+)?\s+\d+\s+(\d+) ns/op", found):
            self.say(f"\nIn a process that has loaded a model before, {name} loads in {float(ns) / 1e6:.1f} ms.")
        found = subprocess.run(
            ["go", "test", "-run", "^$", "-bench", "Served/", "./runtime"], cwd=ROOT, capture_output=True, text=True).stdout
        for name, best, kernels in re.findall(r"BenchmarkServed/(\S+?)(?:-\d+)?\s.*?([\d.]+) ns/best\s+([\d.]+) ns/kernels", found):
            self.say(f"\nA served run of {name} takes {float(best) / 1e3:.1f} µs, its operations by themselves {float(kernels) / 1e3:.1f} µs.")


def main():
    a = argparse.ArgumentParser()
    a.add_argument("glovebox")
    a.add_argument("anchors")
    a.add_argument("shared")
    a.add_argument("--rounds", type=int, default=7)
    a.add_argument("--web")
    a.add_argument("--cold", action="append", default=[])
    a.add_argument("--out", default="BENCHMARKS.md")
    args = a.parse_args()
    # Memory that this process has had counts as had by those it starts, so
    # nothing large is imported here before that of others is measured.
    ort = subprocess.check_output([sys.executable, "-c", "import onnxruntime; print(onnxruntime.__version__)"], text=True).strip()

    b = Bench(args)
    flops, bandwidth = peak()
    version = subprocess.check_output([args.glovebox, "version"], text=True).split("\n")
    b.say("# Benchmarks\n")
    b.say("Written by `just bench`. A ratio is the peer's time over ours, the median over the rounds of medians taken in turn; above 1 we are ahead.\n")
    b.say(f"- machine: {platform.machine()}, {os.cpu_count()} cores, {flops:.0f} GFLOP/s of FMA on one core and {bandwidth:.0f} GB/s read, measured in this run")
    b.say(f"- ONNX Runtime {ort}, {version[1]}, {args.rounds} rounds")
    big = [os.path.join(args.anchors, f"m_{n}.onnx") for n in BIG]
    real = sorted(p for n in REAL for p in glob.glob(os.path.join(args.shared, n + ".onnx")))
    b.side_by_side("Large networks", big, flops)
    b.side_by_side("Real models", real, flops)
    b.busy(big)
    b.cold(big + real)
    b.web(big + real)
    b.go()
    with open(args.out, "w") as f:
        f.write("\n".join(b.lines) + "\n")


main()
