"""Builds the architectures beside it as ONNX and runs them in ONNX Runtime.

usage: make_onnx_golden.py GLOVEBOX MODELS > onnx_golden.json

GLOVEBOX is the command, MODELS the folder with mnist-burn. For each architecture
the golden file has the SHA-256 of what was built, which onnx.checker has seen,
and what ONNX Runtime gives for it on the inputs of the model that it describes.
"""
import glob
import hashlib
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

glovebox, models = os.path.abspath(sys.argv[1]), sys.argv[2]
here = os.path.dirname(os.path.abspath(__file__))
digits, mnist = os.path.join(here, "..", "models"), os.path.join(models, "mnist-burn")
golden = {}
with tempfile.TemporaryDirectory() as temp:
    weights = os.path.join(temp, "digits.safetensors")
    subprocess.run([glovebox, "convert", os.path.join(digits, "digits.onnx"), "-o", weights], check=True)
    for name, weights, folder in ("digits", weights, digits), ("mnist", os.path.join(mnist, "mnist.safetensors"), mnist):
        built = os.path.join(temp, name + ".onnx")
        subprocess.run([glovebox, "build", os.path.join(here, name + ".json"), "--weights", weights, "-o", built], check=True)
        onnx.checker.check_model(built, full_check=True)
        session = onnxruntime.InferenceSession(built, providers=["CPUExecutionProvider"])
        outputs = {}
        for path in sorted(glob.glob(os.path.join(folder, "test_data_set_*", "input_0.pb"))):
            x = numpy_helper.to_array(onnx.load_tensor(path)).astype(np.float32)
            (y,) = session.run(None, {session.get_inputs()[0].name: x})
            outputs[os.path.basename(os.path.dirname(path))] = [float(v) for v in y.ravel()]
        with open(built, "rb") as f:
            golden[name] = {"sha256": hashlib.sha256(f.read()).hexdigest(), "outputs": outputs}
print(json.dumps(golden, indent=1))
