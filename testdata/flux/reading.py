"""An independent reading of BSON files as BSON.jl writes them: a parser, and
what its tags say. Nothing here is shared with the front end that it judges.
"""
import math
import struct

import numpy as np


def parse(data):
    """Reads one BSON document."""

    def document(at, is_array):
        end = at + struct.unpack_from("<i", data, at)[0]
        at += 4
        out = []
        while data[at]:
            kind = data[at]
            stop = data.index(0, at + 1)
            key = data[at + 1 : stop].decode()
            at = stop + 1
            if kind == 0x01:
                value, at = struct.unpack_from("<d", data, at)[0], at + 8
            elif kind == 0x02:
                n = struct.unpack_from("<i", data, at)[0]
                value, at = data[at + 4 : at + 3 + n].decode(), at + 4 + n
            elif kind in (0x03, 0x04):
                value, at = document(at, kind == 0x04)
            elif kind == 0x05:
                n = struct.unpack_from("<i", data, at)[0]
                value, at = data[at + 5 : at + 5 + n], at + 5 + n
            elif kind == 0x08:
                value, at = bool(data[at]), at + 1
            elif kind == 0x0A:
                value = None
            elif kind == 0x10:
                value, at = struct.unpack_from("<i", data, at)[0], at + 4
            elif kind == 0x12:
                value, at = struct.unpack_from("<q", data, at)[0], at + 8
            else:
                raise ValueError(f"type {kind} at {at}")
            out.append((key, value))
        assert at + 1 == end
        return ([v for _, v in out] if is_array else dict(out)), end

    return document(0, False)[0]


NUMBERS = {
    "Float16": "f2", "Float32": "f4", "Float64": "f8", "Int8": "i1", "Int16": "i2", "Int32": "i4", "Int64": "i8",
    "UInt8": "u1", "UInt16": "u2", "UInt32": "u4", "UInt64": "u8", "Bool": "?", "Char": "u4",
}


class Struct:
    """A struct of Julia: the name of its type, the type's parameters, its fields."""

    def __init__(self, name, params, fields):
        self.name, self.params, self.fields = name, params, fields

    @property
    def short(self):
        return self.name.split(".")[-1]


class Reader:
    def __init__(self, data):
        self.root = parse(data)
        self.refs = self.root.pop("_backrefs", [])
        self.void = b"\x00Void\x00" in data
        self.tracker = b"\x00TrackedArray\x00" in data

    def follow(self, v):
        while isinstance(v, dict) and v.get("tag") == "backref":
            v = self.refs[v["ref"] - 1]
        return v

    def type(self, v):
        v = self.follow(v)
        return ".".join(p for p in v["name"] if p != "Main"), v["params"]

    def value(self, v):
        v = self.follow(v)
        if isinstance(v, list):
            return [self.value(x) for x in v]
        if not isinstance(v, dict):
            return v
        tag = v.get("tag")
        if tag is None:
            return {k: self.value(x) for k, x in v.items()}
        if tag == "symbol":
            return v["name"]
        if tag == "tuple":
            return tuple(self.value(x) for x in v["data"])
        if tag == "array":
            return [self.value(x) for x in v["data"]] if isinstance(v["data"], list) else self.array(v)
        if tag == "struct":
            if self.follow(v["type"])["tag"] == "jl_anonymous":
                return Struct("anonymous function", [], [self.value(x) for x in v["data"]])
            name, params = self.type(v["type"])
            if name.split(".")[-1] in NUMBERS:
                return np.frombuffer(v["data"], NUMBERS[name.split(".")[-1]])[0]
            s = Struct(name, params, [self.value(x) for x in v["data"]])
            if s.short in ("TrackedArray", "CuArray"):
                return next((f for f in s.fields if isinstance(f, np.ndarray)), s)
            if s.short == "TrackedReal":
                return s.fields[0]
            if s.short in ("Adjoint", "Transpose"):
                return s.fields[0].T
            return s
        raise ValueError(f"tag {tag}")

    def element(self, t):
        """The numbers in an element of an array: their type, and dims that run faster than those of the array."""
        name, params = self.type(t)
        short = name.split(".")[-1]
        if short in NUMBERS:
            return NUMBERS[short], []
        parts = []
        if short in ("Complex", "Rational"):
            parts = [params[0]] * 2
        elif name == "Core.Tuple":
            parts = params
        inner = [self.element(p) for p in parts]
        if inner and inner[0][0] and all(p == inner[0] for p in inner):
            return inner[0][0], inner[0][1] + [len(parts)]
        return None, []

    def array(self, v):
        kind, parts = self.element(v["type"])
        if kind:
            return np.frombuffer(v["data"], kind).reshape(parts + v["size"], order="F")
        count = math.prod(v["size"])  # of elements that are no numbers: their bytes
        return np.frombuffer(v["data"], "u1").reshape([len(v["data"]) // max(count, 1)] + v["size"], order="F")

    def arrays(self):
        """The arrays of the file, without the gradients that Tracker has beside them. Each is found once."""
        found, seen, left = [], set(), list(self.root.values())
        while left:
            v = self.follow(left.pop())
            if isinstance(v, (dict, list)):
                if id(v) in seen:
                    continue
                seen.add(id(v))
            if isinstance(v, bytes):
                found.append(np.frombuffer(v, "u1"))
            elif isinstance(v, list):
                left += v
            elif not isinstance(v, dict):
                continue
            elif v.get("tag") == "array" and isinstance(v["data"], bytes):
                found.append(self.array(v))
            elif "tag" not in v:
                left += v.values()
            elif v["tag"] == "struct" and self.follow(v["type"])["tag"] == "datatype":
                short = self.type(v["type"])[0].split(".")[-1]
                wrapped = self.value(v) if short in ("TrackedArray", "CuArray", "Adjoint", "Transpose") else None
                if isinstance(wrapped, np.ndarray):
                    seen |= self.inside(v)
                    found.append(wrapped)
                elif not isinstance(v["data"], bytes):
                    left += v["data"]
            elif v["tag"] in ("tuple", "array", "struct"):
                left += v["data"]
        return found

    def inside(self, v, deep=4):
        """The values that belong to an array that was found."""
        v = self.follow(v)
        items = v.get("data", []) if isinstance(v, dict) else v if isinstance(v, list) else []
        ids = {id(v)}
        if deep and isinstance(items, list):
            ids.update(*(self.inside(x, deep - 1) for x in items))
        return ids
