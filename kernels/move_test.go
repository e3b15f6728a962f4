package kernels

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// everywhere runs a call on one thread and on four, over results and scratch
// that held 0xAA and 0x55, also from memory that is aligned for its elements and
// no more, and demands the same result each time.
func everywhere(t testing.TB, op *Op, attrs any, in ...Tensor) ([]Tensor, error) {
	t.Helper()
	types := make([]tensor.Type, len(in))
	for i := range in {
		types[i] = in[i].Type
	}
	p, err := op.Plan(types, attrs)
	if err != nil {
		return nil, err
	}
	if p.Flops < 0 || p.Bytes < 0 {
		t.Fatalf("%s: negative cost: %+v", op.Name(), p)
	}
	var first []Tensor
	for _, try := range []struct {
		threads int
		before  byte
		shifted bool
	}{{1, 0xAA, false}, {1, 0x55, true}, {4, 0xAA, false}} {
		room := func(t tensor.Type) []byte {
			if !try.shifted {
				return tensor.Aligned(t.Bytes())
			}
			size := int64(t.DType.Size())
			return tensor.Aligned(size + t.Bytes())[size:]
		}
		c := Call{Ctx: context.Background(), Plan: &p, In: in, Scratch: tensor.Aligned(p.Scratch)}
		if try.shifted {
			c.In = slices.Clone(in)
			for i, x := range in {
				if x.Type != (tensor.Type{}) {
					c.In[i].Data = room(x.Type)
					copy(c.In[i].Data, x.Data)
				}
			}
		}
		for i := range c.Scratch {
			c.Scratch[i] = try.before
		}
		for _, y := range p.Out {
			data := room(y)
			for i := range data {
				data[i] = try.before
			}
			c.Out = append(c.Out, Tensor{y, data})
		}
		if try.threads > 1 {
			c.Pool = NewPool(try.threads)
		}
		err := op.Run(&c)
		c.Pool.Close()
		if err != nil {
			return nil, err
		}
		for i, y := range first {
			if !bytes.Equal(y.Data, c.Out[i].Data) {
				t.Fatalf("%s %+v of %v: output %d with %d threads over %#x differs", op.Name(), attrs, types, i, try.threads, try.before)
			}
		}
		if first == nil {
			first = c.Out
		}
	}
	return first, nil
}

// a refusal is a call that Plan must refuse, for one reason.
type refusal struct {
	name  string
	attrs any
	in    []tensor.Type
	want  error
}

func refuses(t *testing.T, op *Op, cases []refusal) {
	t.Helper()
	for _, c := range cases {
		if _, err := op.Plan(c.in, c.attrs); !errors.Is(err, c.want) {
			t.Errorf("%s %s: got %v, want %v", op.Name(), c.name, err, c.want)
		}
	}
}

func types(in ...tensor.Type) []tensor.Type { return in }

// vector is a tensor of the elements given.
func vector[T tensor.Element](d tensor.DType, dims []int64, v ...T) Tensor {
	return Tensor{tensor.Of(d, dims...), tensor.Bytes(v)}
}

// dice makes random calls.
type dice struct{ *rand.Rand }

func newDice() dice { return dice{rand.New(rand.NewPCG(1, 2))} }

// rank is mostly small, so that dims can be larger.
func (r dice) rank(least int) int {
	if r.IntN(20) == 0 {
		return tensor.MaxRank
	}
	return least + r.IntN(5-least)
}

func (r dice) dims(rank, limit int) []int64 {
	d := make([]int64, rank)
	if rank > 5 {
		limit = 2
	}
	for i := range d {
		d[i] = r.Int64N(int64(limit)) + 1
		if r.IntN(40) == 0 {
			d[i] = 0
		}
	}
	return d
}

// tensor has random bytes, and each of Bool 0 or 1.
func (r dice) tensor(d tensor.DType, dims ...int64) Tensor {
	t := tensor.Of(d, dims...)
	data := tensor.Aligned(t.Bytes())
	for i := range data {
		data[i] = byte(r.Uint32())
		if d == tensor.Bool {
			data[i] &= 1
		}
	}
	return Tensor{t, data}
}

// index has random indices in [-n, n).
func (r dice) index(n int64, dims ...int64) Tensor {
	d := []tensor.DType{tensor.Int32, tensor.Int64}[r.IntN(2)]
	t := Tensor{Type: tensor.Of(d, dims...)}
	for range t.Elems() {
		t.Data = appendInt(t.Data, d, r.Int64N(max(2*n, 1))-n)
	}
	aligned := tensor.Aligned(int64(len(t.Data)))
	copy(aligned, t.Data)
	t.Data = aligned
	return t
}

func appendInt(b []byte, d tensor.DType, v int64) []byte {
	for range d.Size() {
		b = append(b, byte(v))
		v >>= 8
	}
	return b
}

func (r dice) dtype() tensor.DType { return tensor.DType(r.IntN(13) + 1) }

// each calls f with every index tuple of dims, in row-major order.
func each(dims []int64, f func(flat int64, at []int64)) {
	at := make([]int64, len(dims))
	for flat := range tensor.Product(dims) {
		rest := flat
		for k := len(dims) - 1; k >= 0; k-- {
			at[k] = rest % dims[k]
			rest /= dims[k]
		}
		f(flat, at)
	}
}

// flat is the place of an index tuple.
func flat(dims, at []int64) int64 {
	n := int64(0)
	for k, d := range dims {
		n = n*d + at[k]
	}
	return n
}

// elem is the bytes of one element.
func elem(t Tensor, i int64) []byte {
	n := int64(t.DType.Size())
	return t.Data[i*n : (i+1)*n]
}

// movesAs demands that element at of the result is element source(at) of x.
func movesAs(t *testing.T, op *Op, attrs any, in []Tensor, dims []int64, source func(at []int64) int64) {
	t.Helper()
	out, err := everywhere(t, op, attrs, in...)
	if err != nil {
		t.Fatalf("%s %+v of %v: %v", op.Name(), attrs, in[0].Type, err)
	}
	y := out[0]
	if y.Type != tensor.Of(in[0].DType, dims...) {
		t.Fatalf("%s %+v of %v: got %v, want %v", op.Name(), attrs, in[0].Type, y.Type, dims)
	}
	each(dims, func(i int64, at []int64) {
		want := make([]byte, y.DType.Size())
		if s := source(at); s >= 0 {
			want = elem(in[0], s)
		} else if len(in) > 1 {
			want = elem(in[1], 0)
		}
		if !bytes.Equal(elem(y, i), want) {
			t.Fatalf("%s %+v of %v: at %v: got %x, want %x", op.Name(), attrs, in[0].Type, at, elem(y, i), want)
		}
	})
}

func TestMovesInStep(t *testing.T) {
	r := newDice()
	for range 400 {
		rank := r.rank(0)
		dims := r.dims(rank, 5)
		x := r.tensor(r.dtype(), dims...)

		perm := make([]int64, rank)
		permuted := make([]int64, rank)
		for i, p := range r.Perm(rank) {
			perm[i], permuted[i] = int64(p), dims[p]
		}
		movesAs(t, &Permute, PermuteAttrs{perm}, []Tensor{x}, permuted, func(at []int64) int64 {
			from := make([]int64, rank)
			for k, p := range perm {
				from[p] = at[k]
			}
			return flat(dims, from)
		})

		s := SliceAttrs{Start: make([]int64, rank), Size: make([]int64, rank), Step: make([]int64, rank)}
		for k, n := range dims {
			s.Step[k] = r.Int64N(3) + 1
			if n > 0 {
				s.Size[k] = (n-1)/s.Step[k] + 1
				s.Start[k] = r.Int64N(n - (s.Size[k]-1)*s.Step[k])
			}
			if r.IntN(2) == 0 && n > 0 {
				s.Start[k] += (s.Size[k] - 1) * s.Step[k]
				s.Step[k] = -s.Step[k]
			}
		}
		movesAs(t, &Slice, s, []Tensor{x}, s.Size, func(at []int64) int64 {
			from := make([]int64, rank)
			for k := range from {
				from[k] = s.Start[k] + at[k]*s.Step[k]
			}
			return flat(dims, from)
		})

		reps, tiled := make([]int64, rank), make([]int64, rank)
		for k, n := range dims {
			reps[k] = r.Int64N(4)
			tiled[k] = n * reps[k]
		}
		movesAs(t, &Tile, TileAttrs{reps}, []Tensor{x}, tiled, func(at []int64) int64 {
			from := make([]int64, rank)
			for k := range from {
				from[k] = at[k] % dims[k]
			}
			return flat(dims, from)
		})

		wide := slices.Clone(dims)
		for k, n := range wide {
			if n == 1 {
				wide[k] = r.Int64N(4)
			}
		}
		lead := r.IntN(min(3, tensor.MaxRank-rank+1))
		wide = append(r.dims(lead, 3), wide...)
		movesAs(t, &Broadcast, BroadcastAttrs{wide}, []Tensor{x}, wide, func(at []int64) int64 {
			from := slices.Clone(at[lead:])
			for k := range from {
				if dims[k] == 1 {
					from[k] = 0
				}
			}
			return flat(dims, from)
		})

		movesAs(t, &View, ViewAttrs{[]int64{x.Elems(), 1}}, []Tensor{x}, []int64{x.Elems(), 1}, func(at []int64) int64 { return at[0] })

		p := PadAttrs{make([]int64, rank), make([]int64, rank), r.Int64N(4) + 1}
		padded := make([]int64, rank)
		for k, n := range dims {
			if (n > 0 || p.Mode == PadConstant) && r.IntN(3) > 0 {
				p.Before[k], p.After[k] = r.Int64N(5), r.Int64N(5)
			}
			padded[k] = p.Before[k] + n + p.After[k]
		}
		in := []Tensor{x}
		if p.Mode == PadConstant && r.IntN(2) == 0 {
			in = append(in, r.tensor(x.DType))
		}
		movesAs(t, &Pad, p, in, padded, func(at []int64) int64 { return padSource(p, dims, at) })
	}
}

// padSource walks to the element of x that stands at a place of a padded one.
func padSource(p PadAttrs, dims, at []int64) int64 {
	from := make([]int64, len(dims))
	for k, n := range dims {
		i := at[k] - p.Before[k]
		for i < 0 || i >= n {
			switch {
			case p.Mode == PadConstant:
				return -1
			case p.Mode == PadEdge && i < 0, p.Mode == PadReflect && n == 1:
				i = 0
			case p.Mode == PadEdge:
				i = n - 1
			case p.Mode == PadWrap && i < 0:
				i += n
			case p.Mode == PadWrap:
				i -= n
			case i < 0:
				i = -i
			default:
				i = 2*(n-1) - i
			}
		}
		from[k] = i
	}
	return flat(dims, from)
}

// Tiles, blocks and pieces have edges that small tensors do not reach.
func TestMovesInBlocks(t *testing.T) {
	r := newDice()
	for _, d := range []tensor.DType{tensor.Uint8, tensor.BFloat16, tensor.Float32, tensor.Int64} {
		x := r.tensor(d, 3, 130, 67, 5)
		for _, perm := range [][]int64{{0, 2, 3, 1}, {3, 2, 1, 0}, {2, 0, 1, 3}, {0, 3, 1, 2}} {
			dims := []int64{x.Dims[perm[0]], x.Dims[perm[1]], x.Dims[perm[2]], x.Dims[perm[3]]}
			from := make([]int64, 4)
			movesAs(t, &Permute, PermuteAttrs{perm}, []Tensor{x}, dims, func(at []int64) int64 {
				for k, p := range perm {
					from[p] = at[k]
				}
				return flat(x.Shape(), from)
			})
		}
		long := r.tensor(d, 2, 200_003)
		n := long.Dims[1]
		movesAs(t, &Slice, SliceAttrs{Start: []int64{0, n - 1}, Size: []int64{2, n}, Step: []int64{1, -1}}, []Tensor{long}, []int64{2, n}, func(at []int64) int64 {
			return at[0]*n + n - 1 - at[1]
		})
		movesAs(t, &Broadcast, BroadcastAttrs{[]int64{2, 2, n}}, []Tensor{long}, []int64{2, 2, n}, func(at []int64) int64 {
			return at[1]*n + at[2]
		})
		p := PadAttrs{[]int64{1, 70_000}, []int64{0, 3}, PadReflect}
		movesAs(t, &Pad, p, []Tensor{long}, []int64{3, n + 70_003}, func(at []int64) int64 { return padSource(p, long.Shape(), at) })
		p.Mode = PadConstant
		movesAs(t, &Pad, p, []Tensor{long}, []int64{3, n + 70_003}, func(at []int64) int64 { return padSource(p, long.Shape(), at) })
	}
}

// fading is a context that ends when it has been asked often enough.
type fading struct {
	context.Context
	left *atomic.Int64
}

func (f fading) Err() error {
	if f.left.Add(-1) < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

// A run that meets its deadline says so: what it returns without an error is
// whole.
func TestDeadlines(t *testing.T) {
	r := newDice()
	x, line := r.tensor(tensor.Float32, 3, 70_000), r.tensor(tensor.Float32, 140_000)
	at := r.index(140_000, 140_000)
	for _, c := range []struct {
		op    *Op
		attrs any
		in    []Tensor
	}{
		{&View, ViewAttrs{[]int64{210_000}}, []Tensor{x}},
		{&Permute, PermuteAttrs{[]int64{1, 0}}, []Tensor{x}},
		{&Concat, ConcatAttrs{1}, []Tensor{x, x}},
		{&Pad, PadAttrs{[]int64{1, 1}, []int64{1, 1}, PadEdge}, []Tensor{x}},
		{&Resize, ResizeAttrs{Dims: []int64{4, 80_000}, Mode: ResizeLinear, Coord: CoordHalfPixel}, []Tensor{x}},
		{&Resize, ResizeAttrs{Dims: []int64{4, 80_000}, Mode: ResizeNearest, Coord: CoordHalfPixel, Round: RoundFloor}, []Tensor{x}},
		{&Gather, GatherAttrs{}, []Tensor{line, at}},
		{&GatherElements, GatherElementsAttrs{}, []Tensor{line, at}},
		{&ScatterElements, ScatterElementsAttrs{0, ReduceSum}, []Tensor{line, at, line}},
		{&ScatterND, ScatterNDAttrs{}, []Tensor{line, {tensor.Of(at.DType, 140_000, 1), at.Data}, line}},
		{&TopK, TopKAttrs{Axis: 0, K: 100_000, Largest: true}, []Tensor{line}},
		{&Arg, ArgAttrs{Axis: 1}, []Tensor{x}},
		{&Nonzero, NonzeroAttrs{}, []Tensor{x}},
		{&Compress, CompressAttrs{}, []Tensor{line, r.tensor(tensor.Bool, 140_000)}},
	} {
		whole, err := everywhere(t, c.op, c.attrs, c.in...)
		if err != nil {
			t.Fatal(err)
		}
		var in []tensor.Type
		for _, x := range c.in {
			in = append(in, x.Type)
		}
		p, err := c.op.Plan(in, c.attrs)
		if err != nil {
			t.Fatal(err)
		}
		ended := false
		for asked := int64(0); !ended && asked < 200; asked++ {
			call := Call{Ctx: fading{t.Context(), new(atomic.Int64)}, Plan: &p, In: c.in, Scratch: tensor.Aligned(p.Scratch)}
			call.Ctx.(fading).left.Store(asked)
			for _, y := range p.Out {
				call.Out = append(call.Out, Tensor{y, tensor.Aligned(y.Bytes())})
			}
			if err := c.op.Run(&call); err != nil {
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Fatalf("%s: %v", c.op.Name(), err)
				}
				continue
			}
			ended = true
			for i, y := range whole {
				if !bytes.Equal(y.Data, call.Out[i].Data) {
					t.Errorf("%s: half a result after %d questions", c.op.Name(), asked)
				}
			}
		}
		if !ended {
			t.Errorf("%s: no end", c.op.Name())
		}
	}
}
