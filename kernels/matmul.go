package kernels

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// MatMul multiplies matrices; leading dims broadcast.
//
//	y[…, i, j] = Alpha · Σ a[…, i, k] · b[…, k, j]
//
// In float32 a sum runs over blocks of 1024 terms, k ascending, each by fused
// multiply-adds from zero, and adds the blocks up in order. Float16 and
// bfloat16 are multiplied as float32 and rounded once. Integers wrap around.
//
//	a      float or 32 or 64 bit integer [..., m, k], with TA [..., k, m]
//	b      like a [..., k, n], with TB [..., n, k]
//	e…     inputs of the epilogue
//	attrs  TA, TB, Alpha (0 means 1; integers take no other), Epilogue
//	y      like a [..., m, n]
var MatMul = Op{name: "matmul", plan: planner(planMatMul), pack: packMatMul, run: runMatMul}

// MatMulAttrs are the attributes of MatMul.
//
// Epilogue is run on each element of the result: its register 0 is that
// element, its registers 1… are the further inputs of the op, which broadcast
// to the result's shape; it has one output. An empty program changes nothing.
type MatMulAttrs struct {
	TA, TB   bool
	Alpha    float32
	Epilogue Program
}

type matmulStep struct {
	gemm
	ta, tb   bool
	alpha    float32
	batch    int
	a, b     axes // of the matrix that a matrix of the result needs
	aCount   int  // matrices in a
	bCount   int
	epilogue *epilogue
}

func planMatMul(in []tensor.Type, attrs MatMulAttrs) (Plan, error) {
	if len(in) < 2 {
		return Plan{}, fmt.Errorf("%w: %d, want at least 2", ErrArity, len(in))
	}
	if err := required(in[:2], 2); err != nil {
		return Plan{}, err
	}
	a, b := in[0], in[1]
	switch a.DType {
	case tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16:
	case tensor.Int32, tensor.Int64, tensor.Uint32, tensor.Uint64:
		if attrs.Alpha != 0 && attrs.Alpha != 1 {
			return Plan{}, fmt.Errorf("%w: alpha %v with integers", ErrAttr, attrs.Alpha)
		}
	default:
		return Plan{}, fmt.Errorf("%w: %v", ErrDType, a)
	}
	if b.DType != a.DType {
		return Plan{}, fmt.Errorf("%w: %v and %v", ErrDType, a, b)
	}
	if a.Rank < 2 || b.Rank < 2 {
		return Plan{}, fmt.Errorf("%w: %v and %v", ErrRank, a, b)
	}
	m, k := matrixDims(&a, attrs.TA)
	bk, n := matrixDims(&b, attrs.TB)
	if k != bk {
		return Plan{}, fmt.Errorf("%w: %d and %d terms", ErrShape, k, bk)
	}
	y, err := broadcastBatches(a, b)
	if err != nil {
		return Plan{}, err
	}
	y.Dims[y.Rank-2], y.Dims[y.Rank-1] = m, n
	if y, err = sized(y.DType, y.Shape()); err != nil {
		return Plan{}, err
	}
	e, err := planEpilogue(attrs.Epilogue, y, in[2:])
	if err != nil {
		return Plan{}, err
	}

	if attrs.Alpha == 0 || attrs.Alpha == 1 {
		e.quicken(attrs.Epilogue, y, in[2:], true)
	}

	batch := tensor.Product(y.Dims[:y.Rank-2])
	if attrs.Alpha == 0 {
		attrs.Alpha = 1
	}
	step := &matmulStep{
		gemm: newProduct(int(m), int(n), int(k), e),
		ta:   attrs.TA, tb: attrs.TB, alpha: attrs.Alpha,
		batch: int(batch),
		a:     batchesOf(&a, &y), b: batchesOf(&b, &y),
		aCount: int(tensor.Product(a.Dims[:a.Rank-2])), bCount: int(tensor.Product(b.Dims[:b.Rank-2])),
		epilogue: e,
	}
	if step.bCount == 1 && !step.ta {
		// One matrix for all: the batch is more rows.
		step.gemm = newProduct(int(batch*m), int(n), int(k), e)
		step.batch = 1
	}
	p := Plan{
		Out:   []tensor.Type{y},
		Flops: tensor.MulSat(y.Elems(), tensor.AddSat(tensor.MulSat(2, k), e.flops())),
		Bytes: bytesOf(in, y),
		step:  step,
	}
	if isFloat32(a.DType) {
		p.Packed = packedBytes(int64(step.bCount), k, n)
		p.Scratch = tensor.AddSat(p.Packed, float32Scratch(a, y))
		if step.ta {
			p.Scratch = tensor.AddSat(p.Scratch, 4*a.Elems())
		}
	}
	return p, nil
}

func matrixDims(t *tensor.Type, transposed bool) (rows, cols int64) {
	rows, cols = t.Dims[t.Rank-2], t.Dims[t.Rank-1]
	if transposed {
		return cols, rows
	}
	return rows, cols
}

// broadcastBatches broadcasts the dims before the last two; those two are
// left for the caller.
func broadcastBatches(a, b tensor.Type) (tensor.Type, error) {
	if a.Rank < b.Rank {
		a, b = b, a
	}
	y := a
	for i := range int(b.Rank) - 2 {
		at := int(a.Rank) - int(b.Rank) + i
		switch n := b.Dims[i]; {
		case a.Dims[at] == 1:
			y.Dims[at] = n
		case n != 1 && n != a.Dims[at]:
			return y, fmt.Errorf("%w: %v and %v", ErrShape, a, b)
		}
	}
	return y, nil
}

func batchesOf(t, y *tensor.Type) axes {
	var a axes
	full := y.Dims[:y.Rank-2]
	stride := broadcastStrides(t.Dims[:t.Rank-2], full)
	for d, n := range full {
		a.add(int(n), stride[d])
	}
	return a
}

// bytesOf is what an op reads and writes that goes over its operands once.
func bytesOf(in []tensor.Type, out ...tensor.Type) int64 {
	n := int64(0)
	for i := range in {
		if in[i] != (tensor.Type{}) {
			n = tensor.AddSat(n, in[i].Bytes())
		}
	}
	for i := range out {
		n = tensor.AddSat(n, out[i].Bytes())
	}
	return n
}

func packMatMul(c *Call, w Tensor, dst []byte) error {
	return c.Plan.step.(*matmulStep).packB(c, tensor.View[float32](dst), w)
}

// packB packs the matrices of b, each (k, n), or (n, k) with tb.
func (s *matmulStep) packB(c *Call, dst []float32, b Tensor) error {
	row, col := s.n, 1
	if s.tb {
		row, col = 1, s.k
	}
	return packPanels(c, dst, b, s.bCount, s.k, s.n, s.k*s.n, row, col)
}

func runMatMul(c *Call) error {
	switch s := c.Plan.step.(*matmulStep); c.In[0].DType {
	case tensor.Float64:
		return matmulAny(c, s, float64(s.alpha))
	case tensor.Int32, tensor.Uint32:
		return matmulAny[uint32](c, s, 1)
	case tensor.Int64, tensor.Uint64:
		return matmulAny[uint64](c, s, 1)
	default:
		return matmulFloat32(c, s)
	}
}

// matmulFloat32 multiplies in float32. Scratch holds what is not yet in the
// form that the product needs: a transposed, halves widened, b packed.
func matmulFloat32(c *Call, s *matmulStep) error {
	a, b, y := c.In[0], c.In[1], c.Out[0]
	if y.Elems() == 0 {
		return nil
	}
	rest := scratchOf(c)
	av, err := c.asFloat32(a, &rest)
	if err != nil {
		return err
	}
	if s.ta {
		t := rest.cut(a.Elems())
		if err := transposeAll(c, t, av, s.aCount, s.m, s.k); err != nil {
			return err
		}
		av = t
	}
	r := kept(c, func() *matmulRun { return new(matmulRun) })
	r.a, r.y, r.b = av, output[float32](y, &rest), tensor.View[float32](c.Packed)
	if c.Packed == nil {
		r.b = rest
		if err := s.packB(c, r.b, b); err != nil {
			return err
		}
	}
	return s.run(c, s.batch, matmulTile)
}

// matmulRun is what a product works on, b packed.
type matmulRun struct{ a, b, y []float32 }

func matmulTile(c *Call, p patch) {
	s, r := c.Plan.step.(*matmulStep), c.kept.(*matmulRun)
	base := p.batch * s.m * s.n
	s.float32s(p, r.y[base:], r.a[s.a.at(p.batch)*s.m*s.k:], s.k, r.b[s.b.at(p.batch)*simd.PackedLen(s.k, s.n):],
		s.ending(p, base, s.epilogue, c.In[2:]))
	finish(&s.gemm, c, p, base, r.y, s.alpha, s.epilogue, c.In[2:])
}

// transposing is what transposeAll is about to do.
type transposing struct {
	dst, src         []byte
	size, rows, cols int
}

// transposeBlock is how many rows and columns are transposed at once.
const transposeBlock = 64

// transposeAll writes count matrices (cols, rows) of src as (rows, cols).
func transposeAll[T real](c *Call, dst, src []T, count, rows, cols int) error {
	if len(dst) == 0 {
		return nil
	}
	d, s := tensor.Bytes(dst), tensor.Bytes(src)
	c.tiles.transposing = transposing{d, s, len(d) / len(dst), rows, cols}
	down, across := ceilDiv(rows, transposeBlock), ceilDiv(cols, transposeBlock)
	return c.Each(count*down*across, transposeTile)
}

func transposeTile(c *Call, i int) {
	t := &c.tiles.transposing
	down, across := ceilDiv(t.rows, transposeBlock), ceilDiv(t.cols, transposeBlock)
	at := i / across / down * t.rows * t.cols
	r, k := i/across%down*transposeBlock, i%across*transposeBlock
	d, s := t.dst[(at+r*t.cols+k)*t.size:], t.src[(at+k*t.rows+r)*t.size:]
	height, width := min(transposeBlock, t.rows-r), min(transposeBlock, t.cols-k)
	if t.size == 4 {
		simd.Transpose(tensor.View[uint32](d), t.cols, tensor.View[uint32](s), t.rows, height, width)
	} else {
		simd.Transpose(tensor.View[uint64](d), t.cols, tensor.View[uint64](s), t.rows, height, width)
	}
}

// matmulAny multiplies in T, each sum in one accumulator.
func matmulAny[T uint32 | uint64 | float64](c *Call, s *matmulStep, alpha T) error {
	a, b, y := tensor.View[T](c.In[0].Data), tensor.View[T](c.In[1].Data), tensor.View[T](c.Out[0].Data)
	aRow, aCol, bRow, bCol := s.k, 1, s.n, 1
	if s.ta {
		aRow, aCol = 1, s.m
	}
	if s.tb {
		bRow, bCol = 1, s.k
	}
	return s.run(c, s.batch, func(c *Call, p patch) {
		am, bm, ym := a[s.a.at(p.batch)*s.m*s.k:], b[s.b.at(p.batch)*s.k*s.n:], y[p.batch*s.m*s.n:]
		for i := p.row0; i < p.row1; i++ {
			row := ym[i*s.n+p.col0 : i*s.n+p.col1]
			if p.k0 == 0 {
				clear(row)
			}
			for k := p.k0; k < p.k1; k++ {
				v := am[i*aRow+k*aCol]
				if bCol == 1 {
					w := bm[k*bRow+p.col0:][:len(row)]
					for j := range row {
						row[j] += T(v * w[j])
					}
					continue
				}
				for j := range row {
					row[j] += T(v * bm[k*bRow+(p.col0+j)*bCol])
				}
			}
		}
		finish(&s.gemm, c, p, p.batch*s.m*s.n, y, alpha, s.epilogue, c.In[2:])
	})
}
