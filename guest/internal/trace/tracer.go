// Package trace turns what the lowerings of a model ask for into tensor
// programs. It keeps integers that it can work out itself (shapes, axes, trip
// counts) away from the program, lets permutes melt into each other, drops
// what nobody needs, fuses what belongs together, and has the host run the
// rest. It remembers nothing between runs.
package trace

import (
	"encoding/binary"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Tracer is one run of a model.
type Tracer struct {
	// Live calls yield for each value that later nodes may still use. It lets
	// a program that has to run early leave behind what would otherwise be
	// computed again; nil is allowed and only slower.
	Live func(yield func(*Value))

	box     abi.Box
	rows    []row     // the fusions
	results []*result // by id-1
	nodes   map[string]*node
	guards  []guard // not yet part of a program
	guarded map[guard]bool
	named   map[string]Int
	equal   [][2]Int // dims that the next program has to prove equal
	dynamic bool     // an input has free dims
	mixed   bool     // the run cannot be served again from its programs
	depth   int      // of the loop body being traced
	fusions int      // programs that were rewritten
	walks   int      // over what results follow from
	runs    int      // programs run and contents read so far

	bodies []abi.Handle // of loops that the host repeats
	trying int          // loops whose body is being traced for that

	draft    abi.Handle // types ops as they are appended; it never runs
	draftOps int
	draftIn  int
	rec      []byte
	answers  [abi.MaxOutputs]abi.Result

	constants map[*Constant]*Value
	outputs   []output
}

type output struct {
	port uint32
	v    *Value
}

// New starts the trace of one run.
func New(box abi.Box) *Tracer {
	return &Tracer{box: box, rows: rows, nodes: map[string]*node{}, constants: map[*Constant]*Value{}}
}

// Input is the value of an input port; nil, if it is optional and absent. Dims
// that the port leaves free (a negative size) are symbols; those of one name
// are one symbol as long as they are equal.
func (t *Tracer) Input(port uint32, dims []abi.PortDim) *Value {
	in, e := t.box.RunInput(port)
	t.must(e, "input")
	if in.Tensor == 0 {
		return nil
	}
	if in.Type.Check() != nil {
		t.Fail(abi.FaultInput, "input %d has no tensor type", port)
	}
	free := make([]bool, in.Type.Rank)
	for i := range free {
		free[i] = i >= len(dims) || dims[i].Size != in.Type.Dims[i]
	}
	v := t.leaf(in.Type, in.Tensor, free)
	for i := range min(len(free), len(dims)) {
		if d := v.Dim(i); free[i] && dims[i].Name != "" {
			t.unify(dims[i].Name, d, v.src.dims)
		}
	}
	return v
}

// leaf is a tensor that exists already.
func (t *Tracer) leaf(typ abi.Type, h abi.Handle, free []bool) *Value {
	r := t.newResult(typ)
	r.tensor, r.depth = h, t.depth
	for i, f := range free {
		if f && r.dims == nil {
			r.dims = Consts(typ.Shape()...)
		}
		if f {
			r.dims[i].sym = &symbol{of: r, dim: i, a: 1, d: 1}
			r.dyn, t.dynamic = true, true
		}
	}
	return placed(r)
}

// maxResults bounds what one run keeps in the guest. A program cannot be as
// large; loops that are traced turn by turn come near.
const maxResults = 1 << 20

func (t *Tracer) newResult(typ abi.Type) *result {
	if len(t.results) >= maxResults {
		t.Fail(abi.FaultUnsupported, "over %d operations", maxResults)
	}
	r := &result{id: uint32(len(t.results) + 1), typ: typ}
	t.results = append(t.results, r)
	return r
}

func placed(r *result) *Value {
	return &Value{typ: r.typ, dims: r.dims, src: r, con: r.con}
}

// Constant is a tensor of bytes of the model. It is made at load and stays
// valid in every run.
type Constant struct {
	tensor abi.Handle
	blob   abi.Handle
	off    int64
	typ    abi.Type
	data   []byte // the contents of small ones
}

// maxKnown is how many elements of an integer constant are held in the guest;
// longer ones are tables, not shapes.
const maxKnown = 1024

// NewConstant makes a view of the bytes at off. Contents of small integer
// tensors and of single elements are read here, once for all runs.
func NewConstant(box abi.Box, blob abi.Handle, off int64, typ abi.Type) (*Constant, abi.Errno) {
	c := &Constant{blob: blob, off: off, typ: typ}
	var e abi.Errno
	if c.tensor, e = box.TensorConst(blob, off, typ); e != abi.OK {
		return nil, e
	}
	n := typ.Elems()
	if n == 1 || n > 0 && n <= maxKnown && !typ.DType.IsFloat() {
		c.data = make([]byte, typ.Bytes())
		if e = box.BlobRead(blob, off, c.data); e != abi.OK {
			return nil, e
		}
	}
	return c, abi.OK
}

// Constant is the value of a constant of the model.
func (t *Tracer) Constant(c *Constant) *Value {
	if v := t.constants[c]; v != nil {
		return v
	}
	r := t.newResult(c.typ)
	r.tensor, r.file, r.con = c.tensor, c, true
	v := placed(r)
	if c.data != nil && !c.typ.DType.IsFloat() {
		v.known = Consts(integers(c.typ.DType, c.data)...)
	} else if c.typ.Elems() == 0 && !c.typ.DType.IsFloat() {
		v.known = []Int{}
	}
	if c.typ.Elems() == 1 {
		v.bits, v.splat = element(c.data, c.typ.DType.Size()), true
	}
	t.constants[c] = v
	return v
}

// element is the bit pattern of the first element of p, little-endian.
func element(p []byte, size int) uint64 {
	var b [8]byte
	copy(b[:], p[:size])
	return binary.LittleEndian.Uint64(b[:])
}

// integers reads the elements of p.
func integers(d tensor.DType, p []byte) []int64 {
	size := d.Size()
	ns := make([]int64, len(p)/size)
	for i := range ns {
		ns[i] = whole(d, element(p[i*size:], size))
	}
	return ns
}

// Output says that v is the value of an output port. It is computed by Finish.
func (t *Tracer) Output(port uint32, v *Value) { t.outputs = append(t.outputs, output{port, v}) }
