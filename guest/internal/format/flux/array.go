package flux

import (
	"fmt"
	"slices"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// array is an array of numbers: bytes of the file with the first axis fastest.
type array struct {
	at     int64
	dtype  tensor.DType
	dims   []int64 // Julia's
	opaque bool    // elements that no type of ours fits: their bytes are the first dim
	turned bool    // read with its two axes exchanged
}

// elements are the types of numbers that Julia has.
var elements = map[string]tensor.DType{
	"Core.Float16": tensor.Float16, "Core.Float32": tensor.Float32, "Core.Float64": tensor.Float64,
	"Core.BFloat16": tensor.BFloat16, "BFloat16s.BFloat16": tensor.BFloat16,
	"Core.Int8": tensor.Int8, "Core.Int16": tensor.Int16, "Core.Int32": tensor.Int32, "Core.Int64": tensor.Int64,
	"Core.UInt8": tensor.Uint8, "Core.UInt16": tensor.Uint16, "Core.UInt32": tensor.Uint32, "Core.UInt64": tensor.Uint64,
	"Core.Bool": tensor.Bool, "Core.Char": tensor.Uint32,
}

// typ is a as the type of a row-major tensor, whose dims are in the opposite
// order.
func (a *array) typ() abi.Type {
	dims := make([]int64, len(a.dims))
	for i, d := range a.dims {
		dims[len(dims)-1-i] = d
	}
	return tensor.Of(a.dtype, dims...)
}

// tensor is a as one of the tensors of a file, with Julia's dims.
func (a *array) tensor(h abi.Handle, p *path) weights.Tensor {
	typ := a.typ()
	t := weights.Tensor{Name: p.String(), DType: a.dtype, Shape: a.dims, Blob: h, At: a.at, Size: typ.Bytes(), ColumnMajor: true}
	if a.turned {
		t.Shape, t.ColumnMajor = []int64{a.dims[1], a.dims[0]}, false
	}
	return t
}

// array reads what follows the tag of an array.
func (f *file) array(n *node) value {
	size := n.get("size")
	v := value{form: formArray, n: n, typ: n.get("type"), data: n.get("data"), size: size.items}
	if len(v.size) > maxNumbers {
		return code(n, ruleNone, "an array of %d dims", len(v.size))
	}
	count := int64(1)
	for i := range v.size {
		d := &v.size[i]
		if !d.isInt() || d.bits < 0 {
			return code(n, ruleNone, "an array with a dim that is no size")
		}
		count = tensor.MulSat(count, d.bits)
	}
	switch {
	case size.kind != kindArray:
		return code(n, ruleNone, "an array without a size")
	case v.data.kind == kindArray:
		if int64(len(v.data.items)) != count {
			return code(n, ruleNone, "an array of %d elements that has %d", count, len(v.data.items))
		}
		v.items = v.data.items
	case v.data.kind != kindBinary:
		return code(n, ruleNone, "an array without data")
	default:
		if _, why := f.numbers(v); why != "" {
			return code(n, ruleNone, "%s", why)
		}
	}
	return v
}

// numbers gives an array of plain elements, or says what is wrong with it.
func (f *file) numbers(v value) (a *array, why string) {
	a = &array{at: v.data.at}
	count := int64(1)
	for i := range v.size {
		a.dims = append(a.dims, v.size[i].bits)
		count = tensor.MulSat(count, v.size[i].bits)
	}
	name := f.typeName(v.typ)
	if name == "" {
		return nil, "an array of elements without a plain type"
	}
	have := v.data.bits
	d, parts := f.element(v.typ, 0)
	if d == 0 {
		if count > 0 && have%count != 0 {
			return nil, fmt.Sprintf("an array of %d elements of type %s in %d bytes", count, name, have)
		}
		a.dtype, a.opaque = tensor.Uint8, true
		a.dims = append([]int64{have / max(count, 1)}, a.dims...)
		return a.ranked()
	}
	want := tensor.MulSat(count, int64(d.Size()))
	for _, n := range parts {
		want = tensor.MulSat(want, n)
	}
	if want != have {
		return nil, fmt.Sprintf("an array %d of %s, %d bytes, that has %d", a.dims, name, want, have)
	}
	a.dtype, a.dims = d, append(parts, a.dims...)
	return a.ranked()
}

// maxInside is how deep numbers lie in the elements of an array: those of
// tuples of complex numbers do two deep. More would be many steps for few bytes.
const maxInside = 2

// element gives the numbers that elements of a type are made of, if they are
// all of one type: dims that run faster than those of the array. The type of
// numbers is 0, if they are not.
func (f *file) element(typ *node, depth int) (d tensor.DType, parts []int64) {
	name := f.typeName(typ)
	if d := elements[name]; d != 0 || depth == maxInside {
		return d, nil
	}
	params := f.params(typ)
	if len(params) > maxNumbers {
		return 0, nil
	}
	switch {
	case (last(name) == "Complex" || last(name) == "Rational") && len(params) == 1:
		d, parts = f.element(&params[0], depth+1)
		return d, append(parts, 2)
	case name == "StaticArrays.SArray" && len(params) == 4 && params[3].isInt() && params[3].bits > 0:
		d, parts = f.element(&params[1], depth+1)
		return d, append(parts, params[3].bits)
	case name == "Core.Tuple" && len(params) > 0:
		d, parts = f.element(&params[0], depth+1)
		for i := range params[1:] {
			if e, more := f.element(&params[i+1], depth+1); e != d || !slices.Equal(parts, more) {
				return 0, nil
			}
		}
		return d, append(parts, int64(len(params)))
	}
	return 0, nil
}

// ranked refuses more dims than a tensor has.
func (a *array) ranked() (*array, string) {
	if len(a.dims) > tensor.MaxRank {
		return nil, fmt.Sprintf("an array of %d dims", len(a.dims))
	}
	typ := a.typ()
	if err := typ.Check(); err != nil {
		return nil, err.Error()
	}
	return a, ""
}

// bytes is a vector that BSON.jl wrote as binary data without a tag.
func (n *node) bytes() *array {
	return &array{at: n.at, dtype: tensor.Uint8, dims: []int64{n.bits}}
}

// unwrap gives the array that a value is, looking through what Tracker, CUDA
// and LinearAlgebra put around arrays; nil, if it is none.
func (f *file) unwrap(n *node) *array {
	turned := false
	for range maxWrapped {
		v := f.value(n)
		switch {
		case v.form == formArray && v.data.kind == kindBinary:
			a, _ := f.numbers(v)
			if turned && len(a.dims) != 2 {
				return nil
			}
			a.turned = turned
			return a
		case v.form == formPlain && v.n.kind == kindBinary:
			return v.n.bytes()
		case v.form != formStruct:
			return nil
		}
		if n = f.wrapped(v); n == nil {
			return nil
		}
		turned = turned != wrappers[v.name]
	}
	return nil
}

// maxWrapped is how many wrappers an array may have around it.
const maxWrapped = 8

// wrappers are the types that are put around arrays, and whether they exchange
// the two axes of one.
var wrappers = map[string]bool{
	"Tracker.TrackedArray": false, "Flux.Tracker.TrackedArray": false, "CUDA.CuArray": false, "CuArrays.CuArray": false,
	"LinearAlgebra.Adjoint": true, "LinearAlgebra.Transpose": true,
}

// wrapped is the first field of a wrapper that is an array, or nil: what
// Tracker has behind the data is the gradient. An array on a GPU is in a file
// only if it was written as one.
func (f *file) wrapped(v value) *node {
	if _, ok := wrappers[v.name]; !ok {
		return nil
	}
	for i := range v.items[:min(len(v.items), maxNumbers)] {
		inner := f.value(&v.items[i])
		_, again := wrappers[inner.name]
		if inner.form == formArray || inner.form == formStruct && again {
			return &v.items[i]
		}
	}
	return nil
}
