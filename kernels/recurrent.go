package kernels

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// RecurrentAttrs are the attributes of LSTM, GRU and RNN. Activations are those
// of one direction, then those of the other; Alpha and Beta are the bit
// patterns of their float32 parameters. Clip bounds what goes into the
// activations of gates, 0 does not. Coupled is for LSTM alone and makes the
// forget gate 1 minus the input gate, LinearBefore for GRU.
type RecurrentAttrs struct {
	Direction    int64
	Activations  []int64
	Alpha, Beta  []int64
	Clip         float32
	Coupled      bool
	LinearBefore bool
}

// The directions of a recurrent op.
const (
	DirForward       = 1
	DirReverse       = 2
	DirBidirectional = 3
)

// The inputs of recurrent ops; the last two are LSTM's.
const (
	recX       = 0 // [time, batch, in]
	recW       = 1 // [dirs, gates·hidden, in]
	recR       = 2 // [dirs, gates·hidden, hidden]
	recBias    = 3 // [dirs, 2·gates·hidden]: of W, then of R
	recH       = 4 // [dirs, batch, hidden]
	recLen     = 5 // int32 [batch]
	recC       = 6 // [dirs, batch, hidden]
	recPeep    = 7 // [dirs, 3·hidden]: input, output, forget
	recLimit   = 8
	recCommon  = 6
	recMinimum = 3
)

// A recurrentKind is what tells the recurrent ops apart.
type recurrentKind struct {
	gates       int64
	activations int     // of a direction
	parts       []int64 // gates whose products with the state are made together
	cell        bool    // a second state
}

type recurrentStep struct {
	recurrentKind
	attrs                      RecurrentAttrs
	time, batch, in, hid, wide int // wide is gates·hidden
	dirs                       int
	input                      gemm   // x (time·batch, in) by W
	hidden                     []gemm // state (batch, hidden) by each part of R
	apply                      []*pre
	has                        [recLimit]bool
}

func planRecurrent(in []tensor.Type, a RecurrentAttrs, kind recurrentKind) (Plan, error) {
	limit := recCommon
	if kind.cell {
		limit = recLimit
	}
	if len(in) < recMinimum || len(in) > limit {
		return Plan{}, fmt.Errorf("%w: %d", ErrArity, len(in))
	}
	if err := required(in[:recMinimum], recMinimum); err != nil {
		return Plan{}, err
	}
	x, r := in[recX], in[recR]
	if !x.DType.IsFloat() {
		return Plan{}, fmt.Errorf("%w: %v", ErrDType, x)
	}
	if x.Rank != 3 || r.Rank != 3 {
		return Plan{}, fmt.Errorf("%w: %v and %v", ErrRank, x, r)
	}
	if a.Direction < DirForward || a.Direction > DirBidirectional {
		return Plan{}, fmt.Errorf("%w: direction %d", ErrAttr, a.Direction)
	}
	if !(a.Clip >= 0) || a.Coupled && !kind.cell || a.LinearBefore && len(kind.parts) == 1 {
		return Plan{}, fmt.Errorf("%w: %+v", ErrAttr, a)
	}
	dirs := int64(1)
	if a.Direction == DirBidirectional {
		dirs = 2
	}
	time, batch, hid := x.Dims[0], x.Dims[1], r.Dims[2]
	wide := tensor.MulSat(kind.gates, hid)
	f := func(dims ...int64) tensor.Type { return tensor.Of(x.DType, dims...) }
	state := f(dirs, batch, hid)
	want := [recLimit]tensor.Type{
		recX: x, recW: f(dirs, wide, x.Dims[2]), recR: f(dirs, wide, hid), recBias: f(dirs, tensor.MulSat(2, wide)),
		recH: state, recLen: tensor.Of(tensor.Int32, batch), recC: state, recPeep: f(dirs, tensor.MulSat(3, hid)),
	}
	s := &recurrentStep{
		recurrentKind: kind, attrs: a,
		time: int(time), batch: int(batch), in: int(x.Dims[2]), hid: int(hid), wide: int(wide), dirs: int(dirs),
	}
	for i, t := range in {
		if s.has[i] = t != (tensor.Type{}); !s.has[i] {
			continue
		}
		if t.DType != want[i].DType {
			return Plan{}, fmt.Errorf("%w: input %d: %v, want %v", ErrDType, i, t, want[i])
		}
		if t != want[i] {
			return Plan{}, fmt.Errorf("%w: input %d: %v, want %v", ErrShape, i, t, want[i])
		}
	}
	cost, err := s.activate(x.DType)
	if err != nil {
		return Plan{}, err
	}
	y, err := sized(x.DType, []int64{time, dirs, batch, hid})
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Out: []tensor.Type{y, state}, step: s}
	if kind.cell {
		p.Out = append(p.Out, state)
	}
	terms := tensor.AddSat(x.Dims[2], hid)
	work := tensor.AddSat(tensor.MulSat(2*kind.gates, terms), cost+8*kind.gates)
	p.Flops = tensor.AddSat(tensor.MulSat(y.Elems(), work), bytesOf(in[:recMinimum]))
	p.Bytes = bytesOf(in, p.Out...)

	lines, err := sized(x.DType, []int64{time, batch, wide})
	if err != nil {
		return Plan{}, err
	}
	s.input = newGemm(int(time*batch), s.wide, s.in)
	scratch := lines.Elems() + batch*wide + 3*batch*hid
	p.Scratch = tensor.MulSat(realSize(x.DType), scratch)
	for i, t := range in {
		if i != recW && i != recR && i != recLen {
			p.Scratch = tensor.AddSat(p.Scratch, float32Scratch(t))
		}
	}
	for _, n := range kind.parts {
		g := newGemm(s.batch, int(n*hid), s.hid)
		g.ldc = s.wide
		s.hidden = append(s.hidden, g)
		if x.DType != tensor.Float64 {
			p.Scratch = tensor.AddSat(p.Scratch, packedBytes(dirs, hid, n*hid))
		}
	}
	if x.DType != tensor.Float64 {
		p.Packed = packedBytes(dirs, x.Dims[2], wide)
		p.Scratch = tensor.AddSat(p.Scratch, p.Packed)
	}
	return p, nil
}

// activate plans the activations and says what they cost for an element of Y.
func (s *recurrentStep) activate(d tensor.DType) (cost int64, err error) {
	a := &s.attrs
	if n := s.activations * s.dirs; len(a.Activations) != n || len(a.Alpha) != n || len(a.Beta) != n {
		return 0, fmt.Errorf("%w: %d activations, want %d", ErrAttr, len(a.Activations), n)
	}
	for i, fn := range a.Activations {
		alpha, beta := a.Alpha[i], a.Beta[i]
		if alpha>>32 != 0 || beta>>32 != 0 {
			return 0, fmt.Errorf("%w: parameters %d, %d", ErrAttr, alpha, beta)
		}
		if fn < 0 || fn >= int64(len(functions)) || functions[fn].arity != 1 {
			return 0, fmt.Errorf("%w: activation %d", ErrAttr, fn)
		}
		compute := d
		if isHalf(d) {
			compute = tensor.Float32
		}
		p, err := planPre(Program{Code: []Instr{{Fn: Fn(fn), DType: compute, Imm: uint64(alpha) | uint64(beta)<<32}}, Out: []int64{1}}, compute)
		if err != nil {
			return 0, err
		}
		if p.out() != compute {
			return 0, fmt.Errorf("%w: activation %d", ErrDType, fn)
		}
		s.apply = append(s.apply, p)
		cost += p.flops() * s.gates
	}
	return cost, nil
}

func packRecurrent(c *Call, w Tensor, dst []byte) error {
	return c.Plan.step.(*recurrentStep).packW(c, tensor.View[float32](dst), w)
}

func (s *recurrentStep) packW(c *Call, dst []float32, w Tensor) error {
	return packPanels(c, dst, w, s.dirs, s.in, s.wide, s.in*s.wide, 1, s.in)
}

// packR packs part i of R for every direction.
func (s *recurrentStep) packR(c *Call, dst []float32, r Tensor, i int) error {
	r.Data = r.Data[s.first(i)*s.hid*r.DType.Size():]
	return packPanels(c, dst, r, s.dirs, s.hid, s.hidden[i].n, s.wide*s.hid, 1, s.hid)
}

// first is the first row of part i of R.
func (s *recurrentStep) first(i int) int {
	at := 0
	for _, g := range s.hidden[:i] {
		at += g.n
	}
	return at
}
