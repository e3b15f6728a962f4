package trace

import (
	"math"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Permute makes dim i of the result dim perm[i] of x. Nothing is moved until an
// op needs it.
func (t *Tracer) Permute(x *Value, perm ...int64) *Value {
	return x
}

// Reshape gives x other dims. One of them may be Const(-1): what is left.
func (t *Tracer) Reshape(x *Value, dims []Int) *Value { return nil }

// Slice takes size[i] elements of dim i, from start[i] in steps of step[i]. A
// nil step means 1 throughout.
func (t *Tracer) Slice(x *Value, start, size []Int, step []int64) *Value { return nil }

// Concat joins xs along axis.
func (t *Tracer) Concat(axis int, xs ...*Value) *Value { return nil }

// Broadcast expands x to dims, as numpy does.
func (t *Tracer) Broadcast(x *Value, dims []Int) *Value { return nil }

// Cast converts the elements of x to d as FnCast does.
func (t *Tracer) Cast(x *Value, d tensor.DType) *Value { return nil }

// Gather takes slices of x along axis at the indices i, negative from the end.
func (t *Tracer) Gather(x, i *Value, axis int) *Value { return nil }

// Scalar is a constant without dims.
func (t *Tracer) Scalar(d tensor.DType, v float64) *Value { return nil }

// Fill is a tensor of one value, given as v is for Scalar.
func (t *Tracer) Fill(d tensor.DType, v float64, dims []Int) *Value { return nil }

// Elems is the number of elements of x.
func (t *Tracer) Elems(x *Value) Int { return Const(0) }

// Map1 applies fn to each element of x.
func (t *Tracer) Map1(fn abi.Fn, imm uint64, x *Value) *Value { return nil }

// Map2 applies fn to a and b, which broadcast as in numpy.
func (t *Tracer) Map2(fn abi.Fn, a, b *Value) *Value { return nil }

// Map3 applies fn to a, b and c, which broadcast as in numpy.
func (t *Tracer) Map3(fn abi.Fn, a, b, c *Value) *Value { return nil }

// Expr applies a micro-program to in, which broadcast as in numpy.
func (t *Tracer) Expr(p abi.Program, in ...*Value) []*Value { return nil }

// Ints are the contents of v as integers. Those of a placed value are
// computed now and become a guard of the run.
func (t *Tracer) Ints(v *Value) []Int { return nil }

// Floats are the contents of v, of any float type, likewise.
func (t *Tracer) Floats(v *Value) []float32 { return nil }

// Finish computes the outputs and ends the run.
func (t *Tracer) Finish() { _ = math.Pi }

// Body is a piece of a model that runs again and again with values of the same
// types: it is traced and sealed once for each list of types.
type Body struct {
	t     *Tracer
	trace func(in []*Value) []*Value
}

// NewBody makes a body of what trace makes of its inputs.
func (t *Tracer) NewBody(trace func(in []*Value) []*Value) *Body { return &Body{t, trace} }

// Run runs the body once. Results of one run that are inputs of the next are
// freed when that has ended, unless Keep was asked for.
func (b *Body) Run(in []*Value) []*Value { return nil }

// Close frees what the body holds.
func (b *Body) Close() {}
