package kernels

import (
	"fmt"
	"math"
	"sync"

	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Attention averages the rows of v, each weighed by how well its row of k goes
// with a row of q, for every head.
//
//	z[i, j] = Scale · Σ q[i, d] · k[j, d] + bias[i, j]
//	y[i]    = Σ exp(z[i, j] - max(z[i])) · v[j] / Σ exp(z[i, j] - max(z[i]))
//
// No more of z is in memory than some rows by keysAtOnce columns. The sums and
// the maximum of a row run over blocks of so many keys: where the maximum grows,
// what was summed is multiplied by exp(old-new). The result is within
// 2⁻²³·(8 + largest |Scale|·Σ|q·k|)·largest |v| of the exact one, for usual sizes.
// A row of z that is -Inf throughout gives NaN, as IEEE has it, or with Zero 0.
//
//	q      float32 [batch, Heads, m, Size]
//	k      float32 [batch, KVHeads, n, Size], or Across [batch, KVHeads, Size, n]
//	v      float32 [batch, KVHeads, n, ValueSize]
//	bias   float32, broadcasts to [batch, Heads, m, n]; optional
//	attrs  Heads, KVHeads, Size, ValueSize; Scale, 0 means 1; From, Beside, Zero, Across
//	y      float32 [batch, Heads, m, ValueSize], or Beside [batch, m, Heads·ValueSize]
//
// Each of q, k and v may also be [batch, rows, width]: then the heads of a row
// lie side by side in it, from element From[0], From[1] or From[2] on.
var Attention = Op{name: "attention", plan: planner(planAttention), run: runAttention}

// AttentionAttrs are the attributes of Attention. Heads/KVHeads neighbouring
// heads of q share one of k and v. No From means zeros.
type AttentionAttrs struct {
	Heads, KVHeads  int64
	Size, ValueSize int64
	Scale           float32
	From            []int64
	Beside, Zero    bool
	Across          bool
}

// keysAtOnce is how many keys go through a softmax together. It is part of what
// the op means: another number gives other bits.
const keysAtOnce = 256

// rowsOfHeads is where the rows of each head lie: the distances between
// batches, heads and rows, and the first element.
type rowsOfHeads struct{ first, batch, head, row int }

func (h *rowsOfHeads) at(batch, head int) int { return h.first + batch*h.batch + head*h.head }

type attentionStep struct {
	batch, heads, kvHeads int
	m, n, size, values    int
	q, k, v, y            rowsOfHeads
	kCol                  int // between the elements of a row of k
	scale                 float32
	zero                  bool
	bias                  axes // of batches and heads
	biasRow, biasCol      int
}

func planAttention(in []tensor.Type, a AttentionAttrs) (Plan, error) {
	if len(in) == 4 && in[3] == (tensor.Type{}) {
		in = in[:3]
	}
	if err := required(in, max(3, min(len(in), 4))); err != nil {
		return Plan{}, err
	}
	for _, t := range in {
		if t.DType != tensor.Float32 {
			return Plan{}, fmt.Errorf("%w: %v", ErrDType, t)
		}
	}
	from := [3]int64{}
	if copy(from[:], a.From); len(a.From) != 0 && len(a.From) != 3 {
		return Plan{}, fmt.Errorf("%w: %d beginnings", ErrAttr, len(a.From))
	}
	if a.Heads < 1 || a.KVHeads < 1 || a.Heads%a.KVHeads != 0 || a.Size < 0 || a.ValueSize < 0 {
		return Plan{}, fmt.Errorf("%w: %d heads of %d and %d of %d", ErrAttr, a.Heads, a.Size, a.KVHeads, a.ValueSize)
	}
	s := &attentionStep{
		heads: int(a.Heads), kvHeads: int(a.KVHeads), size: int(a.Size), values: int(a.ValueSize),
		kCol: 1, scale: a.Scale, zero: a.Zero,
	}
	if s.scale == 0 {
		s.scale = 1
	}
	var err error
	var rows [3]int64
	for i, h := range [...]*rowsOfHeads{&s.q, &s.k, &s.v} {
		count, size := a.KVHeads, a.Size
		if i == 0 {
			count = a.Heads
		}
		if i == 2 {
			size = a.ValueSize
		}
		t := in[i]
		if i == 1 && a.Across {
			if t.Rank != 4 {
				return Plan{}, fmt.Errorf("%w: %v", ErrRank, t)
			}
			t.Dims[2], t.Dims[3] = t.Dims[3], t.Dims[2]
		}
		if *h, rows[i], err = headsOf(&t, count, size, from[i]); err != nil {
			return Plan{}, err
		}
	}
	if a.Across {
		s.k.row, s.kCol = 1, int(rows[1])
	}
	batch, m, n := in[0].Dims[0], rows[0], rows[1]
	if in[1].Dims[0] != batch || in[2].Dims[0] != batch || rows[2] != n {
		return Plan{}, fmt.Errorf("%w: %v", ErrShape, in)
	}
	s.batch, s.m, s.n = int(batch), int(m), int(n)
	dims := []int64{batch, a.Heads, m, a.ValueSize}
	if a.Beside {
		dims = []int64{batch, m, tensor.MulSat(a.Heads, a.ValueSize)}
	}
	y, err := sized(tensor.Float32, dims)
	if err != nil {
		return Plan{}, err
	}
	if s.y, _, err = headsOf(&y, a.Heads, a.ValueSize, 0); err != nil {
		return Plan{}, err
	}
	scores := tensor.Of(tensor.Float32, batch, a.Heads, m, n)
	if err := scores.Check(); err != nil {
		return Plan{}, fmt.Errorf("%w: %w", ErrSize, err)
	}
	if len(in) == 4 {
		if !broadcasts(&in[3], &scores) {
			return Plan{}, fmt.Errorf("%w: bias %v for %v", ErrShape, in[3], scores)
		}
		at := broadcastStrides(in[3].Shape(), scores.Shape())
		s.bias.add(s.batch, at[0])
		s.bias.add(s.heads, at[1])
		s.biasRow, s.biasCol = at[2], at[3]
	}
	pairs := tensor.MulSat(batch, a.KVHeads)
	return Plan{
		Out:     []tensor.Type{y},
		Scratch: tensor.AddSat(packedBytes(pairs, a.Size, n), packedBytes(pairs, n, a.ValueSize)),
		Flops:   tensor.MulSat(scores.Elems(), tensor.AddSat(40, tensor.MulSat(2, tensor.AddSat(a.Size, a.ValueSize)))),
		Bytes:   bytesOf(in, y),
		step:    s,
	}, nil
}

// headsOf finds count heads of size elements in t and how many rows they have.
func headsOf(t *tensor.Type, count, size, from int64) (rowsOfHeads, int64, error) {
	switch t.Rank {
	case 4:
		if t.Dims[1] != count || t.Dims[3] != size || from != 0 {
			break
		}
		row := int(size)
		head := int(t.Dims[2]) * row
		return rowsOfHeads{batch: int(count) * head, head: head, row: row}, t.Dims[2], nil
	case 3:
		width := t.Dims[2]
		if from < 0 || from > width || tensor.MulSat(count, size) > width-from {
			break
		}
		return rowsOfHeads{first: int(from), batch: int(t.Dims[1] * width), head: int(size), row: int(width)}, t.Dims[1], nil
	default:
		return rowsOfHeads{}, 0, fmt.Errorf("%w: %v", ErrRank, *t)
	}
	return rowsOfHeads{}, 0, fmt.Errorf("%w: %d heads of %d from %d in %v", ErrShape, count, size, from, *t)
}

func runAttention(c *Call) error {
	s := c.Plan.step.(*attentionStep)
	if c.Out[0].Elems() == 0 {
		return nil
	}
	q, y := tensor.View[float32](c.In[0].Data), tensor.View[float32](c.Out[0].Data)
	if s.n == 0 {
		clear(y)
		return nil
	}
	rest, pairs := scratchOf(c), int64(s.batch*s.kvHeads)
	r := kept(c, func() *attentionRun { return new(attentionRun) })
	r.q, r.k, r.v, r.y = q, tensor.View[float32](c.In[1].Data), tensor.View[float32](c.In[2].Data), y
	r.keys = rest.cut(pairs * int64(simd.PackedLen(s.size, s.n)))
	r.values = rest.cut(pairs * int64(simd.PackedLen(s.n, s.values)))
	across, wide := (s.n+simd.Panel-1)/simd.Panel, (s.values+simd.Panel-1)/simd.Panel
	if err := c.spans(pairs*int64(across), int64(8*simd.PanelLen(s.size)), packKeys); err != nil {
		return err
	}
	if err := c.spans(pairs*int64(wide), int64(4*simd.PanelLen(s.n)), packValues); err != nil {
		return err
	}
	r.bias = nil
	if len(c.In) == 4 {
		r.bias = tensor.View[float32](c.In[3].Data)
	}
	if err := c.Each(s.batch*s.heads*s.strips(), attentionTile); err != nil {
		return err
	}
	// A strip that ran into the deadline is not complete.
	return c.Ctx.Err()
}

// attentionRun is what an attention works on, and kᵀ (size, n) and v (n,
// values) of every head in packed form.
type attentionRun struct{ q, k, v, y, bias, keys, values []float32 }

// strips is how many tiles a head has.
func (s *attentionStep) strips() int { return (s.m + rowsAtOnce - 1) / rowsAtOnce }

func packKeys(c *Call, lo, hi int64) {
	s, r := c.Plan.step.(*attentionStep), c.kept.(*attentionRun)
	across := (s.n + simd.Panel - 1) / simd.Panel
	for u := int(lo); u < int(hi) && s.size > 0; u++ {
		pair, j := u/across, u%across*simd.Panel
		panel := r.keys[u*simd.PanelLen(s.size):][:s.size*simd.Panel]
		at := s.k.at(pair/s.kvHeads, pair%s.kvHeads) + j*s.k.row
		simd.Pack(panel, r.k[at:], s.size, min(simd.Panel, s.n-j), s.kCol, s.k.row)
	}
}

func packValues(c *Call, lo, hi int64) {
	s, r := c.Plan.step.(*attentionStep), c.kept.(*attentionRun)
	wide := (s.values + simd.Panel - 1) / simd.Panel
	for u := int(lo); u < int(hi); u++ {
		pair, j := u/wide, u%wide*simd.Panel
		at := s.v.at(pair/s.kvHeads, pair%s.kvHeads) + j
		simd.Pack(r.values[u*simd.PanelLen(s.n):], r.v[at:], s.n, min(simd.Panel, s.values-j), s.v.row, 1)
	}
}

func attentionTile(c *Call, i int) {
	s, r := c.Plan.step.(*attentionStep), c.kept.(*attentionRun)
	head, row := i/s.strips(), i%s.strips()*rowsAtOnce
	group := head / (s.heads / s.kvHeads)
	w := scoresOf.Get().(*scores)
	t := strip{
		step: s, scores: w, call: c, rows: min(rowsAtOnce, s.m-row),
		q: r.q[s.q.at(head/s.heads, head%s.heads)+row*s.q.row:],
		y: r.y[s.y.at(head/s.heads, head%s.heads)+row*s.y.row:],
		k: r.keys[group*simd.PackedLen(s.size, s.n):],
		v: r.values[group*simd.PackedLen(s.n, s.values):],
	}
	if r.bias != nil {
		t.bias = r.bias[s.bias.at(head)+row*s.biasRow:]
	}
	t.run()
	scoresOf.Put(w)
}

// scores are the z of a strip for one block of keys, (rowsAtOnce, keysAtOnce),
// and for each row what the blocks before came to.
type scores struct {
	z         [rowsAtOnce * keysAtOnce]float32
	peak, sum [rowsAtOnce]float32
	repeated  [keysAtOnce]float32 // a bias that all keys share
}

var scoresOf = sync.Pool{New: func() any { return new(scores) }}

// strip is the work of one tile: some rows of one head. Its slices begin at the
// first of these rows, k and v at the first key.
type strip struct {
	step *attentionStep
	*scores
	call          *Call
	rows          int
	q, k, v, bias []float32
	y             []float32
}

func (t *strip) run() {
	s, low := t.step, float32(math.Inf(-1))
	for r := range t.rows {
		t.peak[r], t.sum[r] = low, 0
	}
	for j := 0; j < s.n; j += keysAtOnce {
		if t.call.Ctx.Err() != nil {
			return
		}
		n := min(keysAtOnce, s.n-j)
		t.products(j, n)
		for r := range t.rows {
			z := t.z[r*keysAtOnce:][:n]
			peak := max(simd.Logits(z, z, t.mask(r, j, n), s.scale), t.peak[r])
			base := peak
			if peak == low {
				base = 0 // so that exp(-Inf) is 0: no key counts as yet
			}
			sum := simd.Exponents(z, z, base)
			if j > 0 {
				fade := simd.Exp32(t.peak[r] - base)
				sum += float32(t.sum[r] * fade)
				y := t.y[r*s.y.row:][:s.values]
				for i := range y {
					y[i] *= fade
				}
			}
			t.peak[r], t.sum[r] = peak, sum
		}
		simd.Gemm(t.y, s.y.row, t.z[:], keysAtOnce, t.v[j*simd.Panel:], simd.PanelLen(s.n), t.rows, s.values, n, j > 0, &simd.Ending{})
	}
	for r := range t.rows {
		y, sum := t.y[r*s.y.row:][:s.values], t.sum[r]
		if s.zero && !(sum > 0) {
			clear(y)
			continue
		}
		simd.Divide(y, sum)
	}
}

// products sets z to q·kᵀ for the keys j … j+n.
func (t *strip) products(j, n int) {
	s := t.step
	k := t.k[j/simd.Panel*simd.PanelLen(s.size):]
	for d := 0; d == 0 || d < s.size; d += simd.Block {
		simd.Gemm(t.z[:], keysAtOnce, t.q[d:], s.q.row, k[d*simd.Panel:], simd.PanelLen(s.size),
			t.rows, n, min(simd.Block, s.size-d), d > 0, &simd.Ending{})
	}
}

// mask is the bias of row r for the keys j … j+n, or nil.
func (t *strip) mask(r, j, n int) []float32 {
	if t.bias == nil {
		return nil
	}
	b := t.bias[r*t.step.biasRow:]
	if t.step.biasCol == 1 {
		return b[j:][:n]
	}
	for i := range n {
		t.repeated[i] = b[0]
	}
	return t.repeated[:n]
}
