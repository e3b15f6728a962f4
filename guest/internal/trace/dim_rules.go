package trace

import "github.com/glovebox-ml/glovebox/guest/abi"

func likeFirst(_ *Tracer, n *node) []Int { return n.in[0].allDims() }

// viewDims works out a dim of -1 where symbols of the input cancel against
// those of the result and leave a constant or one symbol.
func viewDims(t *Tracer, n *node) []Int {
	dims, rest := t.ints(n.attrs.(*abi.View).Dims), -1
	left := n.in[0].allDims()
	for i, d := range dims {
		if d == Const(-1) {
			rest = i
			continue
		}
		for j := range left {
			if d.sym != nil && identical(left[j], d) {
				left, d = append(left[:j], left[j+1:]...), Const(1)
				break
			}
		}
		if d.sym != nil {
			left = append(left, unknown)
		}
	}
	if rest < 0 {
		return dims
	}
	size, div := Const(1), int64(1)
	for _, d := range left {
		switch {
		case d == unknown || d.sym != nil && size.sym != nil:
			dims[rest] = unknown
			return dims
		case d.sym != nil:
			d, size = size, d
		}
		var ok bool
		if size, ok = scaled(size, d.N); !ok {
			dims[rest] = unknown
			return dims
		}
	}
	for i, d := range dims {
		if i != rest && d.sym == nil {
			div *= max(d.N, 1)
		}
	}
	if size.sym != nil && (size.sym.d != 1 || size.sym.a%div != 0 || size.sym.b%div != 0) {
		dims[rest] = unknown
		return dims
	}
	dims[rest], _ = floored(size, div)
	return dims
}

func permuteDims(_ *Tracer, n *node) []Int {
	perm := n.attrs.(*abi.Permute).Perm
	dims := make([]Int, len(perm))
	for i, p := range perm {
		dims[i] = n.in[0].dim(int(p))
	}
	return dims
}

// concatDims adds up the axis. Other dims are those of any input; a constant
// among them is the best to have.
func concatDims(_ *Tracer, n *node) []Int {
	axis := int(n.attrs.(*abi.Concat).Axis)
	dims := n.in[0].allDims()
	for _, r := range n.in[1:] {
		for i := range dims {
			if i != axis {
				if r.dim(i).sym == nil {
					dims[i] = r.dim(i)
				}
				continue
			}
			s, ok := sum(dims[i], r.dim(i))
			if !ok || dims[i] == unknown {
				s = unknown
			}
			dims[i] = s
		}
	}
	return dims
}

func padDims(t *Tracer, n *node) []Int {
	a := n.attrs.(*abi.Pad)
	dims := n.in[0].allDims()
	for i := range dims {
		dims[i] = chain(dims[i], plus(t.int(a.Before[i])), plus(t.int(a.After[i])))
	}
	return dims
}

func tileDims(t *Tracer, n *node) []Int {
	dims := n.in[0].allDims()
	for i, w := range n.attrs.(*abi.Tile).Reps {
		a, b := dims[i], t.int(w)
		if b.sym != nil {
			a, b = b, a
		}
		dims[i] = unknown
		if b.sym == nil {
			dims[i] = chain(a, times(b.N))
		}
	}
	return dims
}

func gatherDims(_ *Tracer, n *node) []Int {
	a := n.attrs.(*abi.Gather)
	x, i := n.in[0].allDims(), n.in[1].allDims()
	dims := append([]Int(nil), x[:a.Axis]...)
	dims = append(dims, i[a.Batch:]...)
	return append(dims, x[a.Axis+1:]...)
}

func topKDims(t *Tracer, n *node) []Int {
	a := n.attrs.(*abi.TopK)
	dims := n.in[0].allDims()
	dims[a.Axis] = t.int(a.K)
	return dims
}

func reducedDims(x *result, axes []int64, keep bool) []Int {
	folded := make([]bool, x.typ.Rank)
	for _, a := range axes {
		folded[a] = true
	}
	var dims []Int
	for i, d := range x.allDims() {
		switch {
		case !folded[i]:
			dims = append(dims, d)
		case keep:
			dims = append(dims, Const(1))
		}
	}
	return dims
}

// broadcastDims are the dims that rs broadcast to, but for the last skip.
func broadcastDims(rs []*result, skip int) []Int {
	rank := 0
	for _, r := range rs {
		if r != nil {
			rank = max(rank, int(r.typ.Rank)-skip)
		}
	}
	dims := make([]Int, rank)
	for i := range dims {
		var ds []Int
		for _, r := range rs {
			if r == nil {
				continue
			}
			if at := int(r.typ.Rank) - skip - rank + i; at >= 0 {
				ds = append(ds, r.dim(at))
			}
		}
		dims[i] = broadcastDim(ds)
	}
	return dims
}

// broadcastDim is what ds broadcast to at any sizes for which they do: a
// constant other than 1, or else the only symbol. Two different symbols may
// be equal here and one of them 1 elsewhere.
func broadcastDim(ds []Int) Int {
	d := Const(1)
	for _, x := range ds {
		if x.sym == nil && x.N != 1 {
			return x
		}
	}
	for _, x := range ds {
		if x.sym == nil || identical(d, x) {
			continue
		}
		if d.sym != nil {
			return unknown
		}
		d = x
	}
	return d
}

func matMulDims(_ *Tracer, n *node) []Int {
	a := n.attrs.(*abi.MatMul)
	x, w := n.in[0], n.in[1]
	if x.typ.Rank < 2 || w.typ.Rank < 2 {
		return nil
	}
	dims := broadcastDims(n.in[:2], 2)
	row, col := int(x.typ.Rank)-2, int(w.typ.Rank)-1
	if a.TA {
		row++
	}
	if a.TB {
		col--
	}
	return append(dims, x.dim(row), w.dim(col))
}

func attentionDims(_ *Tracer, n *node) []Int {
	a, q := n.attrs.(*abi.Attention), n.in[0]
	rows := q.dim(int(q.typ.Rank) - 2)
	if a.Beside {
		return []Int{q.dim(0), rows, Const(a.Heads * a.ValueSize)}
	}
	return []Int{q.dim(0), Const(a.Heads), rows, Const(a.ValueSize)}
}

func convDims(_ *Tracer, n *node) []Int {
	a := n.attrs.(*abi.Conv)
	w := n.in[1]
	dims := n.in[0].allDims()
	for i := range a.Stride {
		dims[i+1] = windowed(dims[i+1], w.typ.Dims[i], a.Stride[i], a.Dilation[i], a.Before[i]+a.After[i])
	}
	dims[len(dims)-1] = w.dim(int(w.typ.Rank) - 1)
	return dims
}

func convTransposeDims(_ *Tracer, n *node) []Int {
	a := n.attrs.(*abi.ConvTranspose)
	w := n.in[1]
	dims := n.in[0].allDims()
	for i := range a.Stride {
		fixed := a.Dilation[i]*(w.typ.Dims[i]-1) + 1 + a.OutPad[i] - a.Before[i] - a.After[i] - a.Stride[i]
		dims[i+1] = chain(dims[i+1], times(a.Stride[i]), plus(Const(fixed)))
	}
	dims[len(dims)-1] = chain(w.dim(int(w.typ.Rank)-1), times(a.Groups))
	return dims
}

func poolDims(_ *Tracer, n *node) []Int {
	a := n.attrs.(*abi.Pool)
	dims := n.in[0].allDims()
	for i := range a.Stride {
		if a.Ceil {
			dims[i+1] = unknown
			continue
		}
		dims[i+1] = windowed(dims[i+1], a.Window[i], a.Stride[i], a.Dilation[i], a.Before[i]+a.After[i])
	}
	return dims
}

// windowed is how many windows of size k fit into d.
func windowed(d Int, k, stride, dilation, pad int64) Int {
	return chain(d, plus(Const(pad-dilation*(k-1)-1)), over(stride), plus(Const(1)))
}

type change func(Int) (Int, bool)

func plus(b Int) change    { return func(a Int) (Int, bool) { return sum(a, b) } }
func times(c int64) change { return func(a Int) (Int, bool) { return scaled(a, c) } }
func over(c int64) change  { return func(a Int) (Int, bool) { return floored(a, c) } }

// chain applies changes in turn; unknown if one leaves the affine.
func chain(a Int, changes ...change) Int {
	for _, f := range changes {
		var ok bool
		if a, ok = f(a); !ok {
			return unknown
		}
	}
	return a
}
