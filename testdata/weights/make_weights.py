"""Writes small files of weights, and what is in them and in files beside the
repository, as numpy, h5py and safetensors read it:

    python make_weights.py ../../../shared

golden.json has for each file the tensors with their type, shape and the SHA-256
of their elements, little-endian, the last dim running fastest. Element types
that numpy does not have are called as in the file. Arrays of JLD2
have Julia's dims, which are HDF5's in the opposite order. A file that is to be
refused has null.
"""

import glob
import hashlib
import json
import os
import sys

import h5py
import numpy as np
import safetensors
import safetensors.numpy

shared = os.path.abspath(sys.argv[1])
here = os.path.dirname(os.path.abspath(__file__))
os.chdir(here)
rng = np.random.default_rng(1)


def arrays():
    return {
        "layer.weight": rng.standard_normal((3, 4)).astype("<f4"),
        "layer.bias": rng.standard_normal(3).astype("<f8"),
        "half": rng.standard_normal((2, 1, 3)).astype("<f2"),
        "count": np.array(7, "<i8"),
        "bytes": np.arange(300, dtype="u1").reshape(3, 100),
        "mask": np.array([[True, False], [False, True]]),
        "empty": np.zeros((0, 5), "<i2"),
    }


# The element types of safetensors, as its serialiser calls them, and how many
# bytes two of their elements take. It does not write those of 6 bits.
KINDS = {
    "bool": 2, "uint8": 2, "int8": 2, "int16": 4, "uint16": 4, "float16": 4, "bfloat16": 4, "int32": 8, "uint32": 8, "float32": 8,
    "complex64": 16, "float64": 16, "int64": 16, "uint64": 16, "float4_e2m1fn_x2": 2,
    "float8_e5m2": 2, "float8_e4m3fn": 2, "float8_e8m0fnu": 2, "float8_e4m3fnuz": 2, "float8_e5m2fnuz": 2,
}


def write_kinds(path):
    draw = np.random.default_rng(2)
    data = {k: draw.integers(0, 2 if k == "bool" else 256, 6 * n // 2).astype("u1") for k, n in KINDS.items()}
    names = {k: k for k in KINDS} | {"bool": 'quoted "\\ \x7f \u00e9 \U0001f600', "uint8": "lines\n\t\x01"}
    spec = {names[k]: safetensors.TensorSpec(dtype=k, shape=[3, 2], data_ptr=x.ctypes.data, data_len=x.nbytes) for k, x in data.items()}
    with open(path, "wb") as f:
        f.write(safetensors.serialize(spec))


def write():
    a = arrays()
    write_kinds("kinds.safetensors")
    safetensors.numpy.save_file(a, "small.safetensors", {"by": "make_weights.py"})
    a["fortran"] = np.asfortranarray(rng.standard_normal((4, 5)).astype("<f4"))
    a["big"] = rng.standard_normal((4, 5)).astype(">f4")
    np.savez("stored.npz", **a)
    np.savez_compressed("deflated.npz", zeros=np.zeros((50, 50), "<f4"), **a)
    np.save("fortran.npy", np.asfortranarray(rng.integers(0, 1 << 60, (2, 3, 4)).astype(">i8")))
    with h5py.File("small.h5", "w", libver=("v108", "v108")) as f:
        g = f.create_group("layers/dense")
        for name, x in a.items():
            if x.dtype != bool:
                g.create_dataset(name.replace("/", "."), data=x)
        compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        compact.set_layout(h5py.h5d.COMPACT)
        x = rng.standard_normal(8).astype("<f4")
        d = h5py.h5d.create(f.id, b"compact", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple(x.shape), compact)
        d.write(h5py.h5s.ALL, h5py.h5s.ALL, x)
        f["text"] = "text is no tensor"
    with h5py.File("compressed.h5", "w", libver=("v108", "v108")) as f:
        f.create_dataset("x", data=np.zeros(100), compression="gzip")


def entry(x, dims=None):
    x = np.asarray(x)
    p = np.ascontiguousarray(x.astype(x.dtype.newbyteorder("<"), copy=False)).tobytes()
    return {"dtype": x.dtype.name, "shape": list(x.shape if dims is None else dims), "sha256": hashlib.sha256(p).hexdigest()}


def read_npy(path):
    return {"arr_0": entry(np.load(path))}


def read_npz(path):
    with np.load(path) as z:
        return {k: entry(z[k]) for k in z.files}


def read_safetensors(path):
    with open(path, "rb") as f:
        raw = safetensors.deserialize(f.read())
    ours = {"BOOL": "bool", "BF16": "bfloat16", "F": "float", "I": "int", "U": "uint"}
    out = {}
    for name, t in raw:
        kind = t["dtype"]
        if kind in ours:
            kind = ours[kind]
        elif kind[0] in ours and kind[1:] in ("8", "16", "32", "64") and kind != "F8":
            kind = ours[kind[0]] + kind[1:]
        out[name] = {"dtype": kind, "shape": list(t["shape"]), "sha256": hashlib.sha256(bytes(t["data"])).hexdigest()}
    return out


def read_h5(path):
    out = {}
    with h5py.File(path, "r") as f:
        def visit(name, x):
            if isinstance(x, h5py.Dataset) and x.dtype.kind in "fiu":
                out[name] = entry(x[()])
        f.visititems(visit)
    return out


def read_jld2(path):
    out = {}
    with h5py.File(path, "r") as f:
        def value(x, path, tuple_):
            if isinstance(x, h5py.h5r.Reference):
                d = f[x]
                # Julia's array is the transpose of HDF5's.
                out[path] = entry(d[()].T)
            elif isinstance(x, np.void):
                for name in x.dtype.names:
                    value(x[name], f"{path}[{name}]" if name.isdigit() else f"{path}.{name}", False)
        for name in f:
            if name != "_types":
                value(f[name][()], name, False)
    return out


readers = {"npy": read_npy, "npz": read_npz, "safetensors": read_safetensors, "h5": read_h5, "hdf5": read_h5, "jld2": read_jld2}


def superblock(path):
    with open(path, "rb") as f:
        head = f.read(9)
    return head[8] if head[:8] == b"\x89HDF\r\n\x1a\n" else None


def outside(path):
    """Whether a file has what is outside of the subset of HDF5 that is read."""
    if superblock(path) not in (2, 3):
        return True
    try:
        f = h5py.File(path, "r")
    except OSError as e:  # it was not closed
        print(path, e)
        return True
    with f:
        found = []

        def visit(name, x):
            if isinstance(x, h5py.Dataset):
                found.append(x.id.get_create_plist().get_layout() not in (h5py.h5d.COMPACT, h5py.h5d.CONTIGUOUS))
            elif isinstance(x, h5py.Group):
                found.append(len(x) > 8)  # then the links are in a heap, unless a writer was told otherwise

        visit("", f["/"])
        f.visititems(visit)
    return any(found)


def read(path):
    kind = path.rsplit(".", 1)[-1]
    if kind in ("h5", "hdf5", "hdf5bad") and outside(path):
        return None
    try:
        return readers[kind](path)
    except ValueError as e:  # arrays of objects, which numpy does not read unless told
        print(path, e)
        return None


write()
golden = {os.path.basename(p): read(p) for p in sorted(glob.glob("*.*")) if p.rsplit(".", 1)[-1] in readers}
golden["compressed.h5"] = None
patterns = ["conformance/npy/*.np[yz]", "conformance/hdf5/*.h*5*", "models/*/*.safetensors", "models/*/*.npz", "models/flux/*.jld2"]
for pattern in patterns:
    for p in sorted(glob.glob(os.path.join(shared, pattern))):
        golden["../shared/" + os.path.relpath(p, shared)] = read(p)
with open("golden.json", "w") as f:
    json.dump(golden, f, indent=1, sort_keys=True)
    f.write("\n")
