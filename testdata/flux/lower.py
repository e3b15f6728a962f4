"""How BSON.jl lowers values of Julia, written down from its sources: what is
shared, and what a type is, depends on the version.

A value of Julia is a number of Python (Int64, Float64, Bool), a text, None, a
numpy array, a list (a Vector of anything), a dict (a Dict of symbols), or one
of the classes below. Objects that can change are the same object if they are
the same in Python: each stands once in the file and is referred to.
"""
import struct

import numpy as np


class Type:
    """A type by its name, with parameters: types, symbols, numbers."""

    def __init__(self, name, *params):
        self.name, self.params = name, params

    def __eq__(self, other):
        return isinstance(other, Type) and (self.name, self.params) == (other.name, other.params)

    def __hash__(self):
        return hash(self.name)


class Object:
    """A struct: its type and its fields; of a primitive type, its bytes."""

    def __init__(self, type, *fields, bytes=None):
        self.type = type if isinstance(type, Type) else Type(type)
        self.fields, self.bytes = fields, bytes


class Symbol(str):
    pass


class Dict:
    """A Dict of keys that are not all symbols, or of another type."""

    def __init__(self, items, type="Base.Dict"):
        self.items, self.type = items, Type(type) if isinstance(type, str) else type


class Elements:
    """An array of elements of a type, given as its bytes, or as values."""

    def __init__(self, type, size, data):
        self.type, self.size, self.data = type, size, data


def named(**fields):
    return Object(Type("Core.NamedTuple", tuple(Symbol(k) for k in fields), Type("Core.Tuple")), *fields.values())


def function(name):
    module, _, last = name.rpartition(".")
    return Object(f"{module}.#{last}")


PRIMITIVE = {
    "i1": "Core.Int8", "i2": "Core.Int16", "i4": "Core.Int32", "i8": "Core.Int64", "u1": "Core.UInt8", "u2": "Core.UInt16",
    "u4": "Core.UInt32", "u8": "Core.UInt64", "f2": "Core.Float16", "f4": "Core.Float32", "f8": "Core.Float64", "b1": "Core.Bool",
}

NOTHING = Object("Core.Nothing")


class Writer:
    """Writes a file. Julia 0.6 has no module Main around its own; BSON.jl 0.2
    refers to types that it has met, later versions write them out again."""

    def __init__(self, main=True, shared_types=False):
        self.main, self.shared_types = main, shared_types

    def file(self, **variables):
        self.count, self.refs, self.lowered, self.keep = {}, {}, [], []
        self.tally(variables)
        doc = {k: self.lower(v) for k, v in variables.items()}
        if self.lowered:
            doc["_backrefs"] = self.lowered
        return document(doc)

    def key(self, v):
        """What says whether two values are the same object; None, if they have no identity."""
        if isinstance(v, Type):
            return v if self.shared_types and v.params else None
        if isinstance(v, (np.ndarray, list, dict, Dict, Elements)) or isinstance(v, Object) and v.fields:
            return id(v)
        return None

    def parts(self, v):
        if isinstance(v, Type):
            return v.params
        if isinstance(v, Object):
            return (v.type, *v.fields)
        if isinstance(v, Dict):
            return [v.type] + [x for pair in v.items for x in pair]
        if isinstance(v, dict):
            return list(v.values())
        if isinstance(v, Elements):
            return [v.type] if isinstance(v.data, bytes) else [v.type, *v.data]
        return v if isinstance(v, (list, tuple)) else []

    def tally(self, v):
        self.keep.append(v)
        k = self.key(v)
        if k is not None:
            self.count[k] = self.count.get(k, 0) + 1
            if self.count[k] > 1:
                return
        for part in self.parts(v):
            self.tally(part)

    def lower(self, v):
        k = self.key(v)
        if k is None or self.count[k] < 2:
            return self.plain(v)
        if k not in self.refs:
            self.refs[k] = len(self.lowered) + 1
            self.lowered.append(None)
            self.lowered[self.refs[k] - 1] = self.plain(v)
        return {"tag": "backref", "ref": self.refs[k]}

    def plain(self, v):
        if isinstance(v, Symbol):
            return {"tag": "symbol", "name": str(v)}
        if v is None or isinstance(v, (bool, int, float, str, bytes)):
            return v
        if isinstance(v, tuple):
            return {"tag": "tuple", "data": [self.lower(x) for x in v]}
        if isinstance(v, list):
            return [self.lower(x) for x in v]
        if isinstance(v, dict):
            return {k: self.lower(x) for k, x in v.items()}
        if isinstance(v, Type):
            name = v.name.split(".")
            if self.main and name[0] in ("Core", "Base"):
                name = ["Main"] + name
            return {"tag": "datatype", "params": self.params(v.params), "name": name}
        if isinstance(v, np.generic):
            return self.plain(Object(PRIMITIVE[v.dtype.str[1:]], bytes=v.tobytes()))
        if isinstance(v, np.ndarray):
            if v.dtype == np.uint8 and v.ndim == 1:
                return v.tobytes()
            name = Type("Base.Complex", Type(PRIMITIVE[f"f{v.itemsize // 2}"])) if v.dtype.kind == "c" else Type(PRIMITIVE[v.dtype.str[1:]])
            return self.plain(Elements(name, v.shape, v.tobytes(order="F")))
        if isinstance(v, Elements):
            data = v.data if isinstance(v.data, bytes) else [self.lower(x) for x in v.data]
            return {"tag": "array", "type": self.lower(v.type), "size": list(v.size), "data": data}
        if isinstance(v, Dict):
            keys, values = [k for k, _ in v.items], [x for _, x in v.items]
            return {"tag": "struct", "type": self.lower(v.type), "data": [self.collected(keys), self.collected(values)]}
        data = [self.lower(x) for x in v.fields] if v.bytes is None else v.bytes
        return {"tag": "struct", "type": self.lower(v.type), "data": data}

    def params(self, ps):
        """A Vector of what all is of one plain type is an array of it."""
        if ps and all(type(p) is int for p in ps):
            return self.plain(np.array(ps, "i8"))
        return [self.lower(p) for p in ps]

    def collected(self, items):
        """The keys or the values of a Dict: an array, if they are numbers of one type."""
        for kind, of in (("i8", int), ("f8", float)):
            if items and all(type(x) is of for x in items):
                return self.plain(np.array(items, kind))
        return [self.lower(x) for x in items]


def document(d):
    body = b""
    for key, v in d.items():
        kind, data = encode(v)
        body += bytes([kind]) + key.encode() + b"\0" + data
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def encode(v):
    """The type byte and the bytes of a value of BSON."""
    if v is None:
        return 0x0A, b""
    if isinstance(v, bool):
        return 0x08, bytes([v])
    if isinstance(v, int):
        return 0x12, struct.pack("<q", v)
    if isinstance(v, float):
        return 0x01, struct.pack("<d", v)
    if isinstance(v, str):
        return 0x02, struct.pack("<i", len(v.encode()) + 1) + v.encode() + b"\0"
    if isinstance(v, bytes):
        return 0x05, struct.pack("<i", len(v)) + b"\0" + v
    if isinstance(v, list):
        return 0x04, document({str(i): x for i, x in enumerate(v)})
    return 0x03, document(v)
