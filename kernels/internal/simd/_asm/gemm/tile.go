package main

import (
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/glovebox-ml/glovebox/kernels/internal/simd/_asm/vec"
)

// A tile is one function. It adds up a[i, k]·b[k, j] for its rows i and
// columns j, k ascending, each sum in one accumulator from zero, and stores
// the sums in c or adds them to it. It does so many times, each time for the
// rows below.
//
// Row i of a is given in runs: run r has lens[r] elements that begin at
// x[at[r·stride+i]], or at zeros where that is negative. The columns come as
// panels of 16 that are ldb elements apart. Bit j of columns says whether
// column j is stored. What becomes of a sum is in store.
//
// Meanwhile lines of cache are fetched from ahead on, where panels lie that are
// read soon: one for every few terms, so that as many tiles share a panel, and
// until so many tiles as fetches says have done so. A line for each term would
// take all the room for lines under way, and those of b would wait.
type tile struct {
	form
	rows, cols int // cols are vectors
	every      int // terms for which a line is fetched, 1 or a power of two

	acc  [][]reg.VecVirtual // by row and column
	row  []reg.GPVirtual    // where each row's run begins
	at   reg.GPVirtual
	b    reg.GPVirtual
	ldb  reg.GPVirtual // in bytes
	b3   reg.GPVirtual // 3·ldb behind b, for tiles of 4 panels
	next reg.GPVirtual
	k, n reg.GPVirtual // the term of the run, and how many are left
	left Mem           // how many runs are left
	then Mem           // where the next tile fetches on
	lens Mem           // where the length of the next run is
}

// A sparing tile fetches ahead as often as it is to, and no longer, and may begin
// with what is at sums, its rows one after another, instead of zeros.
const signature = "func(times int, c *float32, ldc int, columns uint64, add bool, " +
	"x, zeros *float32, at *int, stride int, lens *int, runs int, b *float32, ldb int, ahead *float32, fetches int, " +
	"bias, plus *float32, clamp bool, low, high, zero float32)"

func (t *tile) write() {
	signature := signature
	if t.sparing {
		signature = strings.TrimSuffix(signature, ")") + ", sums *float32)"
	}
	vec.Begin(fmt.Sprintf("gemm%s_%dx%d", t.name, t.rows, t.cols*t.bytes/4), signature)
	if t.leads != nil {
		vec.Align(t.leads[t.cols])
	}
	vec.FlushSubnormals()
	local := AllocLocal(24)
	t.left, t.lens, t.then = local, local.Offset(8), local.Offset(16)
	SHLQ(Imm(2), t.arg("ldc"))
	SHLQ(Imm(2), t.arg("ldb"))
	SHLQ(Imm(3), t.arg("stride"))
	MOVQ(t.load("ahead"), t.then)

	Label("tile")
	t.fetch()
	t.begin()
	CMPQ(t.left, Imm(0))
	JLE(LabelRef("store"))
	Label("run")
	t.point()
	t.sum()
	DECQ(t.left)
	JNZ(LabelRef("run"))
	Label("store")
	MOVQ(t.next, t.then)
	t.store()
	t.below()
	DECQ(t.arg("times"))
	JNZ(LabelRef("tile"))
	vec.Leave()
}

// fetch asks for what is read and written last.
func (t *tile) fetch() {
	c, plus, ldc := t.load("c"), t.load("plus"), t.load("ldc")
	TESTQ(plus, plus)
	JZ(LabelRef("alone"))
	for range t.rows {
		for at := 0; at < t.cols*t.bytes; at += 64 {
			PREFETCHT0(Mem{Base: plus, Disp: at})
		}
		ADDQ(ldc, plus)
	}
	Label("alone")
	for range t.rows {
		for at := 0; at < t.cols*t.bytes; at += 64 {
			PREFETCHT0(Mem{Base: c, Disp: at})
		}
		ADDQ(ldc, c)
	}
}

// below moves the operands to the rows below.
func (t *tile) below() {
	ADDQ(Imm(uint64(8*t.rows)), t.arg("at"))
	MOVQ(t.arg("ldc"), t.k)
	IMUL3Q(Imm(uint64(t.rows)), t.k, t.k)
	ADDQ(t.k, t.arg("c"))
	CMPQ(t.arg("plus"), Imm(0))
	JEQ(LabelRef("noplus"))
	ADDQ(t.k, t.arg("plus"))
	Label("noplus")
	if t.sparing {
		CMPQ(t.arg("sums"), Imm(0))
		JEQ(LabelRef("afresh"))
		ADDQ(I32(t.rows*t.cols*t.bytes), t.arg("sums"))
		Label("afresh")
	}
	DECQ(t.arg("fetches"))
	JLE(LabelRef("fetched"))
	if t.every > 1 {
		MOVQ(t.arg("fetches"), t.k)
		TESTQ(I32(t.every-1), t.k)
		JNZ(LabelRef("within"))
	}
	MOVQ(t.arg("ldb"), t.k)
	ADDQ(t.k, t.arg("ahead"))
	Label("fetched")
	MOVQ(t.arg("ahead"), t.k)
	MOVQ(t.k, t.then)
	Label("within")
}

func (t *tile) arg(name string) Mem {
	b, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

func (t *tile) load(name string) reg.GPVirtual {
	r := GP64()
	MOVQ(t.arg(name), r)
	return r
}

// begin sets the registers for the first term of a tile.
func (t *tile) begin() {
	t.acc, t.row, t.b3 = nil, nil, nil
	t.b, t.ldb, t.next, t.at = t.load("b"), t.load("ldb"), GP64(), t.load("at")
	MOVQ(t.then, t.next)
	if t.cols*t.bytes > 3*64 {
		t.b3 = GP64()
		LEAQ(Mem{Base: t.b, Index: t.ldb, Scale: 2}, t.b3)
		ADDQ(t.ldb, t.b3)
	}
	t.k, t.n = GP64(), GP64()
	MOVQ(t.arg("runs"), t.k)
	MOVQ(t.k, t.left)
	MOVQ(t.arg("lens"), t.k)
	MOVQ(t.k, t.lens)
	for range t.rows {
		t.row = append(t.row, GP64())
		var acc []reg.VecVirtual
		for range t.cols {
			v := t.vector()
			t.zero(v)
			acc = append(acc, v)
		}
		t.acc = append(t.acc, acc)
	}
	if !t.sparing {
		return
	}
	sums := t.load("sums")
	TESTQ(sums, sums)
	JZ(LabelRef("zeros"))
	for i, acc := range t.acc {
		for v, s := range acc {
			VMOVUPS(Mem{Base: sums, Disp: (i*t.cols + v) * t.bytes}, s)
		}
	}
	Label("zeros")
}

// point sets the rows to where the next run begins, and n to its length.
func (t *tile) point() {
	MOVQ(t.arg("x"), t.k)
	MOVQ(t.arg("zeros"), t.n)
	for i, p := range t.row {
		MOVQ(Mem{Base: t.at, Disp: 8 * i}, p)
		TESTQ(p, p)
		LEAQ(Mem{Base: t.k, Index: p, Scale: 4}, p)
		CMOVQLT(t.n, p)
	}
	ADDQ(t.arg("stride"), t.at)
	MOVQ(t.lens, t.n)
	ADDQ(Imm(8), t.lens)
	MOVQ(Mem{Base: t.n}, t.n)
	XORQ(t.k, t.k)
}

// sum adds the terms of a run, some at a time and then one by one.
func (t *tile) sum() {
	if t.sparing {
		// Each term takes as many instructions as two threads of a core can
		// be given, so these are without the fetches and have fewer rounds.
		CMPQ(t.arg("fetches"), Imm(0))
		JG(LabelRef("begin"))
		SUBQ(Imm(2*unroll), t.n)
		JLT(LabelRef("few"))
		t.terms("more", 2*unroll, false)
		Label("few")
		ADDQ(Imm(2*unroll), t.n)
		Label("begin")
	}
	SUBQ(Imm(unroll), t.n)
	JLT(LabelRef("rest"))
	t.terms("terms", unroll, true)
	Label("rest")
	ADDQ(Imm(unroll), t.n)
	JZ(LabelRef("ran"))
	Label("term")
	t.term(0, t.every == 1)
	t.advance(1, t.every == 1)
	DECQ(t.n)
	JNZ(LabelRef("term"))
	Label("ran")
}

// terms adds so many terms at a time until fewer are left.
func (t *tile) terms(label string, count int, fetch bool) {
	Label(label)
	for u := range count {
		t.term(u, fetch)
	}
	t.advance(count, fetch)
	SUBQ(Imm(uint64(count)), t.n)
	JGE(LabelRef(label))
}

func (t *tile) term(u int, fetch bool) {
	var b []reg.VecVirtual
	for v := range t.cols {
		b = append(b, t.vector())
		VMOVUPS(t.panel(v, u), b[v])
	}
	if fetch && u%t.every == 0 {
		PREFETCHT1(Mem{Base: t.next, Disp: 64 * u / t.every})
	}
	for i, p := range t.row {
		a := t.vector()
		VBROADCASTSS(Mem{Base: p, Index: t.k, Scale: 4, Disp: 4 * u}, a)
		for v := range t.cols {
			VFMADD231PS(a, b[v], t.acc[i][v])
		}
	}
}

// panel is where the columns of vector v begin in the row of term u.
func (t *tile) panel(v, u int) Mem {
	at := v * t.bytes
	m := Mem{Base: t.b, Disp: 64*u + at%64}
	switch at / 64 {
	case 1, 2:
		m.Index, m.Scale = t.ldb, uint8(at/64)
	case 3:
		m.Base = t.b3
	}
	return m
}

func (t *tile) advance(terms int, fetch bool) {
	ADDQ(Imm(uint64(terms)), t.k)
	ADDQ(I32(64*terms), t.b)
	if fetch && terms%t.every == 0 {
		ADDQ(I32(64*terms/t.every), t.next)
	}
	if t.b3 != nil {
		ADDQ(I32(64*terms), t.b3)
	}
}

// store finishes the sums: each is added to c if add is set, then bias of its
// column is added, then the element of plus that lies as its own does in c,
// then it is brought between low and high if clamp is set.
func (t *tile) store() {
	if t.sparing {
		CMPQ(t.arg("columns"), I32(1<<(t.cols*t.bytes/4)-1))
		JEQ(LabelRef("whole"))
		t.finish("part", t.masks(t))
		JMP(LabelRef("stored"))
		Label("whole")
		t.finish("whole", make([]reg.Register, t.cols))
		Label("stored")
		return
	}
	t.finish("", t.masks(t))
}

// finish does so for the columns of the masks.
func (t *tile) finish(name string, masks []reg.Register) {
	c, ldc := t.load("c"), t.load("ldc")
	CMPB(t.arg("add"), Imm(0))
	JEQ(LabelRef(name + "bias"))
	MOVQ(c, t.k)
	t.addMatrix(ldc, masks)

	Label(name + "bias")
	MOVQ(t.arg("bias"), t.k)
	TESTQ(t.k, t.k)
	JZ(LabelRef(name + "plus"))
	for v := range t.cols {
		bias := t.vector()
		t.loadMasked(Mem{Base: t.k, Disp: v * t.bytes}, masks[v], bias)
		for i := range t.acc {
			VADDPS(bias, t.acc[i][v], t.acc[i][v])
		}
	}

	Label(name + "plus")
	MOVQ(t.arg("plus"), t.k)
	TESTQ(t.k, t.k)
	JZ(LabelRef(name + "clamp"))
	t.addMatrix(ldc, masks)

	Label(name + "clamp")
	CMPB(t.arg("clamp"), Imm(0))
	JEQ(LabelRef(name + "set"))
	// AVX2 has registers for two of these at once.
	low, zero, high := t.vector(), t.vector(), t.vector()
	VBROADCASTSS(t.arg("low"), low)
	VBROADCASTSS(t.arg("zero"), zero)
	for i := range t.acc {
		for _, s := range t.acc[i] {
			// Of a NaN and of equal zeros the instruction gives its first operand.
			VMAXPS(s, low, s)
			VADDPS(zero, s, s)
		}
	}
	VBROADCASTSS(t.arg("high"), high)
	for i := range t.acc {
		for _, s := range t.acc[i] {
			VMINPS(s, high, s)
		}
	}

	Label(name + "set")
	for i := range t.acc {
		for v, s := range t.acc[i] {
			t.storeMasked(s, masks[v], Mem{Base: c, Disp: v * t.bytes})
		}
		ADDQ(ldc, c)
	}
}

// addMatrix adds the matrix at k to the sums.
func (t *tile) addMatrix(ldc reg.GPVirtual, masks []reg.Register) {
	for i := range t.acc {
		for v, s := range t.acc[i] {
			m := t.vector()
			t.loadMasked(Mem{Base: t.k, Disp: v * t.bytes}, masks[v], m)
			VADDPS(s, m, s)
		}
		ADDQ(ldc, t.k)
	}
}
