// Package safetensors reads files of named tensors as huggingface/safetensors
// writes them: the length of a header, the header in JSON, and the tensors one
// after the other up to the end of the file.
//
//	0          8                  8+n             end
//	┌──────────┬──────────────────┬───────────────┐
//	│ u64 n    │ {"name": {… }, … │ tensors       │
//	└──────────┴──────────────────┴───────────────┘
package safetensors

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/guest/internal/strictjson"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

const (
	maxHeader = 100_000_000 // bytes of a header: the cap of the format itself
	maxName   = abi.MaxName // bytes of a name: what the name of a port may have
	maxNames  = 16 << 20    // bytes of all names: what a report may have
	maxRank   = 32          // dims of a tensor, which is only listed if it has more than operations take: numpy's cap
	maxValue  = 1 << 20     // bytes of one text of the metadata; a report cuts it
)

// Element is an element type of the format: its size in bits and, where
// operations take it, its number.
type Element struct {
	Name  string
	bits  uint64
	dtype tensor.DType
}

// elements are in the order of the format: tensors of the last are stored
// first.
var elements = [...]Element{
	{"BOOL", 8, tensor.Bool}, {"F4", 4, 0}, {"F6_E2M3", 6, 0}, {"F6_E3M2", 6, 0}, {"U8", 8, tensor.Uint8}, {"I8", 8, tensor.Int8},
	{"F8_E5M2", 8, 0}, {"F8_E4M3", 8, 0}, {"F8_E8M0", 8, 0}, {"F8_E4M3FNUZ", 8, 0}, {"F8_E5M2FNUZ", 8, 0},
	{"I16", 16, tensor.Int16}, {"U16", 16, tensor.Uint16}, {"F16", 16, tensor.Float16}, {"BF16", 16, tensor.BFloat16},
	{"I32", 32, tensor.Int32}, {"U32", 32, tensor.Uint32}, {"F32", 32, tensor.Float32}, {"C64", 64, 0}, {"F64", 64, tensor.Float64},
	{"I64", 64, tensor.Int64}, {"U64", 64, tensor.Uint64},
}

// ElementOf is the element type of t and its place in the order of the format.
func ElementOf(t *weights.Tensor) (e Element, order int, ok bool) {
	for k, e := range elements {
		if t.DType != 0 && e.dtype == t.DType || t.DType == 0 && e.dtype == 0 && e.Name == t.Element {
			return e, k, true
		}
	}
	return Element{}, -1, false
}

// Fits reports whether a file begins as one of this format does: a length below
// 2⁴⁰ and an object. Whether the length is right is for Read to say.
func Fits(c scan.Cursor) bool {
	head := c.Peek(10)
	return len(head) == 10 && string(head[5:9]) == "\x00\x00\x00{" && strings.IndexByte("\"} \n\r\t", head[9]) >= 0
}

// Read lists the tensors of blob h in the order in which they lie.
func Read(box abi.Box, h abi.Handle, f *weights.File) {
	f.Format = "safetensors"
	c := scan.Open(box, h).All()
	n := c.Uint64()
	if n > maxHeader {
		c.FailAt(0, "a header of %d bytes, over the limit of %d", n, maxHeader)
	}
	r := &reader{json: strictjson.New(c.Take(n), "header"), file: f, data: c}
	if at := r.json.Offset(); r.json.Next() != '{' || r.json.Offset() != at {
		r.json.Refuse(at, "it does not begin with an object")
	}
	r.json.Object(maxName, r.entry)
	r.json.End()
	r.tile()
}

type reader struct {
	json  *strictjson.Reader
	file  *weights.File
	data  scan.Cursor
	names int
	found []found
}

// found is a tensor and where its entry in the header stands.
type found struct {
	weights.Tensor
	entry int64
}

// entry reads what the header says of one tensor, or the metadata.
func (r *reader) entry(name string, at int64) {
	if name == "__metadata__" {
		r.json.Object(maxName, func(key string, _ int64) { r.file.Field(key, r.json.String(maxValue)) })
		return
	}
	if r.names += len(name); r.names > maxNames {
		r.json.Refuse(at, "names of more than %d bytes", maxNames)
	}
	var (
		kind       string
		dims, span []int64
		have       int
	)
	r.json.Object(maxName, func(key string, at int64) {
		have++
		switch key {
		case "dtype":
			kind = r.json.String(maxName)
		case "shape":
			dims = r.numbers(maxRank, at)
		case "data_offsets":
			span = r.numbers(2, at)
		default:
			r.json.Refuse(at, "key %q in tensor %q", key, name)
		}
	})
	if have != 3 {
		r.json.Refuse(at, "tensor %q has %d of 3 keys", name, have)
	}
	k := slices.IndexFunc(elements[:], func(e Element) bool { return e.Name == kind })
	if k < 0 {
		scan.Refuse(abi.Fault{
			Kind: abi.FaultUnsupported, Blob: r.data.Blob().Handle(), Offset: at, Node: name, Text: fmt.Sprintf("header: element type %q is not known", kind),
		})
	}
	if len(span) != 2 || span[0] > span[1] || span[1] > r.data.Left() {
		r.json.Refuse(at, "tensor %q has the data offsets %d, of %d bytes", name, span, r.data.Left())
	}
	e := elements[k]
	size, fits := sizeOf(dims, e.bits)
	if !fits || size != span[1]-span[0] {
		r.json.Refuse(at, "tensor %q of %s%d does not take %d bytes", name, kind, dims, span[1]-span[0])
	}
	t := weights.Tensor{Name: name, DType: e.dtype, Element: kind, Shape: dims, Blob: r.data.Blob().Handle(), At: r.data.Offset() + span[0], Size: size}
	r.found = append(r.found, found{t, at})
}

// numbers reads an array of at most limit whole numbers.
func (r *reader) numbers(limit int, at int64) []int64 {
	list := make([]int64, 0, 4)
	r.json.Array(func(i int) {
		if i == limit {
			r.json.Refuse(at, "more than %d numbers", limit)
		}
		list = append(list, r.json.Uint())
	})
	return list
}

// sizeOf is how many bytes elements of some bits take. It is not there if it
// wraps, also on the way past a dim of 0, or is not whole.
func sizeOf(dims []int64, width uint64) (int64, bool) {
	n := width
	zero := false
	for _, d := range dims {
		if d == 0 {
			zero = true
			continue
		}
		hi, lo := bits.Mul64(n, uint64(d))
		if hi != 0 || lo > 8*tensor.MaxBytes {
			return 0, false
		}
		n = lo
	}
	if zero {
		return 0, true
	}
	return int64(n / 8), n%8 == 0
}

// tile demands that each byte behind the header is of one tensor.
func (r *reader) tile() {
	slices.SortStableFunc(r.found, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Size, b.Size))
	})
	end := r.data.Offset()
	for i := range r.found {
		t := &r.found[i]
		switch {
		case t.At < end:
			r.json.Refuse(t.entry, "tensor %q overlaps another", t.Name)
		case t.At > end:
			r.json.Refuse(t.entry, "a hole of %d bytes before tensor %q", t.At-end, t.Name)
		}
		end += t.Size
		r.file.Tensors = append(r.file.Tensors, t.Tensor)
	}
	if left := r.data.Offset() + r.data.Left() - end; left > 0 {
		r.data.FailAt(end, "%d bytes that are of no tensor", left)
	}
}
