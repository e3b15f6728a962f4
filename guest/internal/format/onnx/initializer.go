package onnx

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
	"google.golang.org/protobuf/encoding/protowire"
)

var (
	tensorMessage = message{name: "TensorProto", single: set(2, 3, 8, 9, 14), repeated: set(1, 4, 5, 6, 7, 10, 11, 13), passed: set(12, 16)}
	sparseMessage = message{name: "SparseTensorProto", single: set(1, 2), repeated: set(3)}
)

// Fields of TensorProto that hold elements.
const (
	fieldFloat  = 4
	fieldInt32  = 5
	fieldString = 6
	fieldInt64  = 7
	fieldRaw    = 9
	fieldDouble = 10
	fieldUint64 = 11
)

// elements is TensorProto.DataType: what each number means, and the field that
// holds elements which are not raw. Those without a type are not supported.
var elements = [...]struct {
	name  string
	dtype tensor.DType
	field int
}{
	1: {"float32", tensor.Float32, fieldFloat}, 2: {"uint8", tensor.Uint8, fieldInt32}, 3: {"int8", tensor.Int8, fieldInt32},
	4: {"uint16", tensor.Uint16, fieldInt32}, 5: {"int16", tensor.Int16, fieldInt32}, 6: {"int32", tensor.Int32, fieldInt32},
	7: {"int64", tensor.Int64, fieldInt64}, elementString: {"string", 0, fieldString}, 9: {"bool", tensor.Bool, fieldInt32},
	10: {"float16", tensor.Float16, fieldInt32}, 11: {"float64", tensor.Float64, fieldDouble},
	12: {"uint32", tensor.Uint32, fieldUint64}, 13: {"uint64", tensor.Uint64, fieldUint64},
	14: {"complex64", 0, fieldFloat}, 15: {"complex128", 0, fieldDouble}, 16: {"bfloat16", tensor.BFloat16, fieldInt32},
	17: {"float8e4m3fn", 0, fieldInt32}, 18: {"float8e4m3fnuz", 0, fieldInt32}, 19: {"float8e5m2", 0, fieldInt32},
	20: {"float8e5m2fnuz", 0, fieldInt32}, 21: {"uint4", 0, fieldInt32}, 22: {"int4", 0, fieldInt32},
	23: {"float4e2m1", 0, fieldInt32}, 24: {"float8e8m0", 0, fieldInt32}, 25: {"uint2", 0, fieldInt32}, 26: {"int2", 0, fieldInt32},
	27: {"float6e2m3", 0, fieldInt32}, 28: {"float6e3m2", 0, fieldInt32},
}

// elementString is the DataType that only a port can have.
const elementString = 8

// elementType gives the type of a TensorProto.DataType, or why there is none.
func elementType(n int64) (tensor.DType, string) {
	switch {
	case n == 0:
		return 0, "no element type"
	case n < 0 || n >= int64(len(elements)):
		return 0, fmt.Sprintf("element type %d", n)
	case elements[n].dtype == 0:
		return 0, "element type " + elements[n].name
	}
	return elements[n].dtype, ""
}

// wireTypes are those of one element of the fields that hold elements.
var wireTypes = [...]protowire.Type{
	fieldFloat: protowire.Fixed32Type, fieldInt32: protowire.VarintType, fieldInt64: protowire.VarintType,
	fieldDouble: protowire.Fixed64Type, fieldUint64: protowire.VarintType,
}

// contents is what a TensorProto says of its elements.
type contents struct {
	field  int // that holds them, 0: none so far
	fields int // how many of it there are
	count  int64
	body   scan.Cursor
	packed bool
}

// tensor reads a TensorProto. What it declares must be what it holds; the
// elements themselves stay where they are.
func (p *parser) tensor(t *initializer, c scan.Cursor) {
	t.offset, t.blob, t.message = c.Offset(), c.Blob().Handle(), c
	var dims []int64
	var data contents
	var external []property
	location := int64(0)
	for f := range tensorMessage.fields(c) {
		switch f.number {
		case 1:
			for d := range f.scalars(protowire.VarintType) {
				if dims = append(dims, int64(d)); int64(d) < 0 || len(dims) > maxEdges {
					f.body.FailAt(f.offset, "tensor %q has dimension %d", t.name, int64(d))
				}
			}
		case 2:
			t.elem = f.int()
		case 3:
			unsupported(&f.body, "a tensor in segments")
		case 8:
			t.name = f.text(maxName)
		case 13:
			if external = append(external, p.entry(f.message())); len(external) > 8 {
				f.body.Fail("too many entries of external data")
			}
		case 14:
			location = f.int()
		default:
			data.add(&f)
		}
	}
	t.typ.DType, t.reason = elementType(t.elem)
	if len(dims) > tensor.MaxRank {
		t.reason = fmt.Sprintf("rank %d", len(dims))
	}
	if t.elem < 1 || t.elem >= int64(len(elements)) {
		c.Fail("tensor %q has element type %d", t.name, t.elem)
	}
	if t.reason != "" {
		p.known(t)
		return
	}
	t.typ = tensor.Of(t.typ.DType, dims...)
	if err := t.typ.Check(); err != nil {
		c.Fail("tensor %q: %v", t.name, err)
	}
	switch {
	case location == 1 && data.field == 0:
		p.external(t, &c, external)
	case location != 0 || len(external) != 0:
		c.Fail("tensor %q is both inside and outside the file", t.name)
	default:
		p.inside(t, &c, &data)
	}
	p.known(t)
}

// known notes a tensor that was read whole.
func (p *parser) known(t *initializer) {
	t.refused = false
	p.tensors = append(p.tensors, t)
}

// Tensor is a value of a file of its own, and where its bytes are.
type Tensor struct {
	Type abi.Type
	Blob abi.Handle
	At   int64
	Name string
}

// ReadTensor reads a blob that is one TensorProto.
func ReadTensor(box abi.Box, blob abi.Handle) Tensor {
	p := &parser{box: box}
	c := scan.Open(box, blob).All()
	t := &initializer{}
	p.tensor(t, c)
	if t.reason != "" {
		unsupported(&c, "a tensor with %s", t.reason)
	}
	p.rewrite()
	return Tensor{t.typ, t.blob, t.at, t.name}
}

// add notes one field with elements. Counting them is the first of two walks;
// the second, in rewrite, has a place to put them.
func (d *contents) add(f *field) {
	if d.field != 0 && d.field != f.number {
		f.body.FailAt(f.offset, "a tensor with elements in fields %d and %d", d.field, f.number)
	}
	d.field, d.body = f.number, f.body
	d.fields++
	d.packed = f.typ == protowire.BytesType
	switch f.number {
	case fieldRaw:
		f.message()
	case fieldString:
		f.message()
		d.count++
	default:
		for range f.scalars(wireTypes[f.number]) {
			d.count++
		}
	}
}

// inside finds the elements of a tensor that lie in the file itself.
func (p *parser) inside(t *initializer, c *scan.Cursor, d *contents) {
	size := int64(t.typ.DType.Size())
	want := elements[t.elem].field
	have := d.count
	if d.field == fieldRaw {
		have = d.body.Left()
		if have != t.typ.Bytes() {
			c.Fail("tensor %q is %s, %d bytes, but holds %d bytes", t.name, t.typ, t.typ.Bytes(), have)
		}
	} else if d.field != 0 && d.field != want {
		c.Fail("tensor %q of %s holds its elements in field %d", t.name, t.typ.DType, d.field)
	} else if have != t.typ.Elems() {
		c.Fail("tensor %q is %s, %d elements, but holds %d", t.name, t.typ, t.typ.Elems(), have)
	}
	t.at = c.Offset()
	fixed := d.field == fieldRaw || (d.field == fieldFloat || d.field == fieldDouble) && d.packed && d.fields == 1
	switch {
	case have == 0:
	case fixed:
		t.at = d.body.Offset()
	default:
		t.field, t.at = d.field, p.rewritten
		p.rewritten = tensor.AddSat(p.rewritten, have*size)
		p.typed = append(p.typed, t)
	}
}

// external finds the elements of a tensor in another part of the model. The
// host opened the parts: the file can only say which of them it means.
func (p *parser) external(t *initializer, c *scan.Cursor, entries []property) {
	numbers := map[string]int64{"offset": 0, "length": t.typ.Bytes()}
	for i, e := range entries {
		for _, before := range entries[:i] {
			if before.name == e.name {
				c.Fail("tensor %q: %q of its external data stands twice", t.name, e.name)
			}
		}
		switch e.name {
		case "location":
			t.part = e.value
		case "offset", "length":
			n, err := strconv.ParseInt(e.value, 10, 64)
			if err != nil || n < 0 {
				c.Fail("tensor %q: %s %q of its external data", t.name, e.name, e.value)
			}
			numbers[e.name] = n
		case "checksum":
		default:
			c.Fail("tensor %q: external data with %q", t.name, e.name)
		}
	}
	if t.part == "" || path.IsAbs(t.part) || path.Clean(t.part) != t.part || t.part == ".." || strings.HasPrefix(t.part, "../") || strings.ContainsAny(t.part, "\\\x00") {
		c.Fail("tensor %q: %q cannot be the name of a part", t.name, t.part)
	}
	if numbers["length"] != t.typ.Bytes() {
		c.Fail("tensor %q is %s, %d bytes, but its external data has %d", t.name, t.typ, t.typ.Bytes(), numbers["length"])
	}
	h, e := p.box.BlobPart(t.part)
	if e != abi.OK {
		scan.Refuse(abi.Fault{
			Kind: abi.FaultInput, Blob: c.Blob().Handle(), Offset: c.Offset(),
			Text: fmt.Sprintf("a tensor is kept in the file %q: give it as a part of that name, with Load in Go, with --part NAME=FILE or --parts DIR in the command (tensor %q)", t.part, t.name),
		})
	}
	size, e := p.box.BlobSize(h)
	if e != abi.OK || numbers["offset"] > size || t.typ.Bytes() > size-numbers["offset"] {
		c.Fail("tensor %q: bytes %d to %d of part %q, which has %d", t.name, numbers["offset"], tensor.AddSat(numbers["offset"], t.typ.Bytes()), t.part, size)
	}
	t.blob, t.at = h, numbers["offset"]
}

// sparse reads a SparseTensorProto as far as its name.
func (p *parser) sparse(t *initializer, c scan.Cursor) {
	var values initializer
	for f := range sparseMessage.fields(c) {
		if f.number == 1 {
			p.tensor(&values, f.message())
		}
	}
	*t = initializer{offset: c.Offset(), name: values.name, reason: "a sparse tensor"}
}

// rewrite writes the elements that protobuf packed as varints, or scattered,
// into one blob. Host and kernels then read them like bytes of the file.
func (p *parser) rewrite() {
	if p.rewritten == 0 {
		return
	}
	h, e := p.box.BlobNew(p.rewritten)
	if e != abi.OK {
		scan.Refuse(abi.Fault{Kind: abi.FaultUnsupported, Offset: -1, Text: fmt.Sprintf("%d bytes of packed tensors: %v", p.rewritten, e)})
	}
	w := blobWriter{box: p.box, blob: h}
	for _, t := range p.typed {
		t.blob = h
		size := t.typ.DType.Size()
		for f := range tensorMessage.fields(t.message) {
			if f.number != t.field {
				continue
			}
			for v := range f.scalars(wireTypes[t.field]) {
				if t.field == fieldInt32 || t.field == fieldUint64 {
					v = narrow(&f, t.typ.DType, v)
				}
				w.put(v, size)
			}
		}
		t.message = scan.Cursor{}
	}
	w.flush()
}

// narrow checks that v, as int32_data or uint64_data holds it, is a value of d.
func narrow(f *field, d tensor.DType, v uint64) uint64 {
	bits := 8 * d.Size()
	var ok bool
	switch {
	case d == tensor.Bool:
		ok = v <= 1
	case d.IsSigned():
		ok = int64(v)>>(bits-1) == 0 || int64(v)>>(bits-1) == -1
	default:
		ok = v>>(bits-1)>>1 == 0
	}
	if !ok {
		f.body.FailAt(f.offset, "element %d is not a %s", int64(v), d)
	}
	return v
}

// blobWriter fills a blob from its start.
type blobWriter struct {
	box  abi.Box
	blob abi.Handle
	off  int64
	buf  []byte
}

func (w *blobWriter) put(v uint64, size int) {
	for range size {
		w.buf = append(w.buf, byte(v))
		v >>= 8
	}
	if len(w.buf) >= 64<<10 {
		w.flush()
	}
}

func (w *blobWriter) flush() {
	if e := w.box.BlobWrite(w.blob, w.off, w.buf); e != abi.OK {
		scan.Refuse(abi.Fault{Kind: abi.FaultMalformed, Offset: -1, Text: "writing packed tensors: " + e.Error()})
	}
	w.off += int64(len(w.buf))
	w.buf = w.buf[:0]
}
