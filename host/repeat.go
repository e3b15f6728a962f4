package host

import (
	"context"
	"fmt"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Repeat is the one op that is no kernel: it runs a program that was sealed
// before, turn by turn, in the scratch of the op. What a turn costs and needs is
// known, so what all of them do is too.

// maxWithin bounds the ops and values of the programs within a program, counted
// as often as they stand there.
const maxWithin = 2 * abi.MaxOps

// size is what a program holds, with the programs within.
func (p *program) size() int { return len(p.ops) + len(p.values) + p.within }

// turnTypes are the types of the inputs of one turn.
func turnTypes(in []tensor.Type, a *abi.Repeat) ([]tensor.Type, abi.Errno) {
	if a.Counted {
		if len(in) == 0 || in[0].Elems() != 1 || in[0].DType != tensor.Int32 && in[0].DType != tensor.Int64 {
			return nil, abi.ErrType
		}
		in = in[1:]
	}
	once := a.Fixed + a.Carried
	if a.Fixed < 0 || a.Carried < 0 || a.Fixed > abi.MaxArity || a.Carried > abi.MaxArity || once > int64(len(in)) {
		return nil, abi.ErrArity
	}
	types := append([]tensor.Type(nil), in...)
	for i := range types {
		t := &types[i]
		if *t == (tensor.Type{}) {
			return nil, abi.ErrArity
		}
		if int64(i) < once {
			continue
		}
		if t.Rank == 0 || t.Dims[0] != a.N.N {
			return nil, abi.ErrShape
		}
		*t = tensor.Of(t.DType, t.Dims[1:t.Rank]...)
	}
	return types, abi.OK
}

// planRepeat is the plan of a Repeat of body on inputs of one turn, and its work.
func planRepeat(turn []tensor.Type, a *abi.Repeat, body *program) (kernels.Plan, uint64, abi.Errno) {
	sequences, stacks := len(turn)-int(a.Fixed+a.Carried), len(body.out)-int(a.Carried)
	switch {
	case len(turn) != len(body.inputs) || stacks < 0:
		return kernels.Plan{}, 0, abi.ErrArity
	case a.N.N < 0 || a.N.N > tensor.MaxBytes || len(a.Back) != sequences+stacks:
		return kernels.Plan{}, 0, abi.ErrAttr
	}
	for _, b := range a.Back {
		if b != 0 && b != 1 {
			return kernels.Plan{}, 0, abi.ErrAttr
		}
	}
	if !equalTypes(turn, body.inputs) {
		return kernels.Plan{}, 0, abi.ErrType
	}
	p := kernels.Plan{
		Scratch: body.layout.arena,
		Flops:   tensor.MulSat(a.N.N, body.layout.flops),
	}
	for i := range body.out {
		t := body.outType(i)
		if i < int(a.Carried) {
			if t != turn[int(a.Fixed)+i] {
				return kernels.Plan{}, 0, abi.ErrType
			}
			if !body.keeps(i, a) {
				p.Scratch = tensor.AddSat(p.Scratch, roundUp(t.Bytes()))
			}
		} else {
			if t.Rank == tensor.MaxRank {
				return kernels.Plan{}, 0, abi.ErrRank
			}
			t = tensor.Of(t.DType, append([]int64{a.N.N}, t.Shape()...)...)
			if t.Check() != nil {
				return kernels.Plan{}, 0, abi.ErrSize
			}
		}
		p.Out = append(p.Out, t)
		p.Bytes = tensor.AddSat(p.Bytes, 2*t.Bytes())
	}
	if p.Scratch > tensor.MaxBytes {
		return kernels.Plan{}, 0, abi.ErrSize
	}
	all := mulWork(uint64(a.N.N), addWork(body.layout.work, minWork))
	return p, addWork(all, uint64(p.Bytes/8)+minWork), abi.OK
}

// keeps reports whether a turn leaves carried value i where it was given.
func (p *program) keeps(i int, a *abi.Repeat) bool {
	return p.layout.kept[i] == int32(a.Fixed)+int32(i)
}

// turns are the turns of one Repeat in a frame.
type turns struct {
	abi.Repeat
	body  *program
	frame *frame
	in    []kernels.Tensor // of a turn
	out   []kernels.Tensor
	spare [][]byte // where every other turn leaves a carried value; nil for one that is kept in place
}

// newTurns makes the turns of o over its scratch.
func newTurns(o *op, scratch []byte, pool *kernels.Pool) *turns {
	t := &turns{Repeat: o.repeat, body: o.body}
	cut := func(n int64) []byte {
		part := scratch[:n:n]
		scratch = scratch[roundUp(n):]
		return part
	}
	t.frame = o.body.newFrame(cut(o.body.layout.arena), pool)
	for _, typ := range o.body.inputs {
		t.in = append(t.in, kernels.Tensor{Type: typ})
	}
	for i := range o.body.out {
		typ := o.body.outType(i)
		t.out = append(t.out, kernels.Tensor{Type: typ})
		switch {
		case i >= int(t.Carried):
		case o.body.keeps(i, &t.Repeat):
			t.spare = append(t.spare, nil)
		default:
			t.spare = append(t.spare, cut(typ.Bytes()))
		}
	}
	return t
}

// run makes all turns.
func (t *turns) run(ctx context.Context, m *Model, c *kernels.Call) error {
	in, n := c.In, t.N.N
	if t.Counted {
		var err error
		if n, err = t.count(in[0]); err != nil {
			return err
		}
		in = in[1:]
	}
	for i := range in[:t.Fixed] {
		t.in[i].Data = in[i].Data
	}
	carried, sequences := in[t.Fixed:t.Fixed+t.Carried], in[t.Fixed+t.Carried:]
	stacks := c.Out[t.Carried:]
	if n == 0 {
		for i := range carried {
			copy(c.Out[i].Data, carried[i].Data)
		}
	}
	for turn := range n {
		if err := stopped(ctx); err != nil {
			return err
		}
		for i := range carried {
			t.carry(i, turn, n, carried[i].Data, c.Out[i].Data)
		}
		for i := range sequences {
			x := &t.in[int(t.Fixed+t.Carried)+i]
			x.Data = t.entry(sequences[i].Data, x.Bytes(), i, turn, n)
		}
		for i := range stacks {
			y := &t.out[int(t.Carried)+i]
			y.Data = t.entry(stacks[i].Data, y.Bytes(), len(sequences)+i, turn, n)
		}
		if err := t.frame.run(ctx, m, t.in, t.out); err != nil {
			return err
		}
	}
	for i := range stacks {
		size := t.out[int(t.Carried)+i].Bytes()
		clear(stacks[i].Data[n*size:])
	}
	return nil
}

func (t *turns) forget() {
	t.frame.forget()
	for _, all := range [][]kernels.Tensor{t.in, t.out} {
		for i := range all {
			all[i].Data = nil
		}
	}
}

// count is the number of turns that the run says.
func (t *turns) count(x kernels.Tensor) (int64, error) {
	var n int64
	if x.DType == tensor.Int32 {
		n = int64(tensor.View[int32](x.Data)[0])
	} else {
		n = tensor.View[int64](x.Data)[0]
	}
	if n < 0 || n > t.N.N {
		return 0, fmt.Errorf("repeat: %w: %d turns of %d", kernels.ErrValue, n, t.N.N)
	}
	return n, nil
}

// carry says where a turn finds carried value i and where it leaves it: in the
// result and in the spare place by turns, so that the last leaves it in the
// result.
func (t *turns) carry(i int, turn, n int64, first, result []byte) {
	x, y := &t.in[int(t.Fixed)+i], &t.out[i]
	if t.body.keeps(i, &t.Repeat) {
		if turn == 0 {
			copy(result, first)
		}
		x.Data, y.Data = result, result
		return
	}
	x.Data, y.Data = t.spare[i], result
	if (n-1-turn)%2 != 0 {
		x.Data, y.Data = result, t.spare[i]
	}
	if turn == 0 {
		x.Data = first
	}
}

// entry is what a turn is given of a sequence, or where it leaves what is
// stacked; k counts them for Back.
func (t *turns) entry(all []byte, size int64, k int, turn, n int64) []byte {
	if t.Back[k] == 1 {
		turn = n - 1 - turn
	}
	return all[turn*size : (turn+1)*size : (turn+1)*size]
}

// mulWork multiplies, saturating.
func mulWork(a, b uint64) uint64 {
	if b != 0 && a > ^uint64(0)/b {
		return ^uint64(0)
	}
	return a * b
}
