"""Loads a model with ONNX Runtime, runs it once, and then as often as lines of
standard input say, each time printing the median.

    python docs/bench/peer.py MODEL.onnx THREADS FOLDER

FOLDER has the inputs, input_N.pb; without it they are random.
"""

import json
import os
import sys
import time

import numpy as np
import onnxruntime as ort

path, threads, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
options = ort.SessionOptions()
options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 3
start = time.perf_counter()
session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
load = time.perf_counter() - start
rng, feed = np.random.default_rng(1), {}
for i, x in enumerate(session.get_inputs()):
    file = os.path.join(folder, f"input_{i}.pb") if folder else ""
    if os.path.exists(file):
        import onnx
        from onnx import numpy_helper

        feed[x.name] = numpy_helper.to_array(onnx.load_tensor(file))
    else:
        shape = [d if isinstance(d, int) else 1 for d in x.shape]
        feed[x.name] = rng.random(shape, np.float32) if "float" in x.type else rng.integers(0, 2, shape, np.int64)
start = time.perf_counter()
session.run(None, feed)
first = time.perf_counter() - start
print(json.dumps({"load_ms": load * 1e3, "first_ms": first * 1e3}), flush=True)
for line in sys.stdin:
    times = []
    for _ in range(int(line)):
        start = time.perf_counter()
        session.run(None, feed)
        times.append((time.perf_counter() - start) * 1e3)
    times.sort()
    print(json.dumps({"median_ms": times[len(times) // 2]}), flush=True)
