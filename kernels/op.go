// Package kernels holds the tensor operations that a checked program may use.
// Each is a pure function of its inputs and attributes, knows nothing of wasm,
// handles or files, and stands in one file: doc, Op value, plan, run.
//
// Plan sees types and attributes only. It proves that the run cannot go wrong
// on any shape and says what the run costs; it is the one shape rule of the
// system. Run is entered only with a Plan, and may fail only on a value that
// no shape rules out, such as an index in Gather.
//
// Where float32s are multiplied (in products, convolutions, attention,
// normalisations, windows and maps, and in activations that have their argument
// as a factor) subnormal numbers are zeros of their sign, since a processor may
// take a hundred times as long for them. So are subnormal quotients; division
// and square root know subnormal arguments. Everything else keeps them.
//
// This package may change at any release.
package kernels

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Op is one operation. Its fields are set in this package alone.
type Op struct {
	name string
	plan func(in []tensor.Type, attrs any) (Plan, error)
	pack func(c *Call, w Tensor, dst []byte) error
	run  func(c *Call) error
}

// Plan is what is known of one call before it runs.
type Plan struct {
	// Out are the types of the results.
	Out []tensor.Type
	// Scratch is the memory in bytes that the run needs besides its results.
	// It need not be zeroed. Where there is a packed form, Scratch has room for
	// it: a run that is given the packed form needs Packed bytes less.
	Scratch int64
	// Packed is the size in bytes of the packed form of input 1, when that
	// input is a constant; 0 where the op has none. It depends on the
	// attributes and the type of input 1 alone.
	Packed int64
	// Flops is the arithmetic of the run in the worst case of its values, one
	// for each add, multiply, compare or move of an element. Bytes is what it
	// reads and writes.
	Flops, Bytes int64

	// step is what run needs to know: strides, blocks, a decoded program.
	step any
}

// Tensor is a type and its memory. Data is aligned for its elements and has
// exactly Type.Bytes() bytes. The zero Tensor is an absent optional input.
type Tensor struct {
	tensor.Type
	Data []byte
}

// Call is one execution of a Plan.
type Call struct {
	Ctx     context.Context
	Plan    *Plan
	In      []Tensor // never written
	Out     []Tensor // every byte is written, whatever it held
	Packed  []byte   // the packed form of In[1], or nil
	Scratch []byte
	Pool    *Pool

	// What the op keeps from one time that the call is made to the next.
	tiles   tiles
	kept    any
	outside atomic.Bool // a tile met a value that is out of range
}

// Refusal is a reason for which a plan or a run is refused.
type Refusal string

func (r Refusal) Error() string { return string(r) }

const (
	ErrArity Refusal = "wrong number of inputs"
	ErrDType Refusal = "element type not allowed"
	ErrRank  Refusal = "rank not allowed"
	ErrAttr  Refusal = "attribute out of range"
	ErrShape Refusal = "shapes do not fit"
	ErrSize  Refusal = "too large"
	ErrValue Refusal = "value out of range"
)

// Name is the operation's name in the vocabulary.
func (o *Op) Name() string { return o.name }

// Plan checks the types and attributes of a call. A zero Type is an absent
// optional input. The error wraps one Refusal.
func (o *Op) Plan(in []tensor.Type, attrs any) (Plan, error) {
	for i, t := range in {
		if t == (tensor.Type{}) {
			continue
		}
		if err := t.Check(); err != nil {
			return Plan{}, fmt.Errorf("%s: input %d: %w: %w", o.name, i, ErrSize, err)
		}
	}
	p, err := o.plan(in, attrs)
	if err != nil {
		return Plan{}, fmt.Errorf("%s: %w", o.name, err)
	}
	for i, t := range p.Out {
		if err := t.Check(); err != nil {
			return Plan{}, fmt.Errorf("%s: output %d: %w: %w", o.name, i, ErrSize, err)
		}
	}
	if p.Scratch < 0 || p.Scratch > tensor.MaxBytes || p.Packed < 0 || p.Packed > tensor.MaxBytes {
		return Plan{}, fmt.Errorf("%s: scratch: %w", o.name, ErrSize)
	}
	return p, nil
}

// HasPack reports whether the op gains from a packed form of input 1.
func (o *Op) HasPack() bool { return o.pack != nil }

// Pack writes the packed form of input 1 into dst, which has Packed bytes. Of
// the call it uses the plan, the deadline and the pool.
func (o *Op) Pack(c *Call, w Tensor, dst []byte) error {
	if err := o.pack(c, w, dst); err != nil {
		return fmt.Errorf("%s: %w", o.name, err)
	}
	return nil
}

// Run computes the results of a planned call.
func (o *Op) Run(c *Call) error {
	if err := o.run(c); err != nil {
		return fmt.Errorf("%s: %w", o.name, err)
	}
	return nil
}

// planner adapts a plan over one attribute struct to the common signature.
func planner[A any](f func(in []tensor.Type, a A) (Plan, error)) func([]tensor.Type, any) (Plan, error) {
	return func(in []tensor.Type, attrs any) (Plan, error) {
		a, ok := attrs.(A)
		if !ok {
			return Plan{}, ErrAttr
		}
		return f(in, a)
	}
}
