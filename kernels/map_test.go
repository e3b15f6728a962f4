package kernels

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// program makes a random valid program for inputs of those types.
func (r dice) program(in []tensor.DType, rank int) Program {
	regs := slices.Clone(in)
	var p Program
	for tries := 0; len(p.Code) < 1+r.IntN(20) && tries < 500; tries++ {
		i := Instr{Fn: Fn(r.IntN(fnCount)), DType: r.dtype()}
		if len(regs) > 0 && r.IntN(3) > 0 {
			i.DType = regs[r.IntN(len(regs))]
		}
		f := &functions[i.Fn]
		for k, reg := range []*uint8{&i.A, &i.B, &i.C}[:f.arity] {
			want := i.DType
			if i.Fn == FnSelect && k == 0 {
				want = tensor.Bool
			}
			for try := 0; try < 10 && len(regs) > 0; try++ {
				*reg = uint8(r.IntN(len(regs)))
				if regs[*reg] == want || i.Fn == FnCast {
					break
				}
			}
		}
		switch f.imm {
		case immValue:
			i.Imm = r.Uint64() >> (64 - 8*i.DType.Size())
			if i.DType == tensor.Bool {
				i.Imm = uint64(r.IntN(2))
			}
		case immAxis:
			i.Imm = uint64(r.IntN(max(rank, 1)))
		case immSigns:
			i.Imm = uint64(r.IntN(4))
		case immAlpha, immBoth:
			i.Imm = uint64(math.Float32bits(r.Float32()))
		}
		if f.name != "" && i.check(regs, rank) == nil {
			p.Code = append(p.Code, i)
			regs = append(regs, i.result())
		}
	}
	for range 1 + r.IntN(maxMapOutputs) {
		if len(regs) > 0 {
			p.Out = append(p.Out, int64(r.IntN(len(regs))))
		}
	}
	return p
}

// naiveMap computes each element alone, register by register.
func naiveMap(p Program, in []Tensor, shape tensor.Type) [][]byte {
	out := make([][]byte, len(p.Out))
	each(shape.Shape(), func(_ int64, at []int64) {
		var regs [][]byte
		var types []tensor.DType
		for _, x := range in {
			own := slices.Clone(at[len(at)-int(x.Rank):])
			for k := range own {
				if x.Dims[k] == 1 {
					own[k] = 0
				}
			}
			b := tensor.Aligned(8)
			copy(b, elem(x, flat(x.Shape(), own)))
			regs = append(regs, b)
			types = append(types, x.DType)
		}
		for k := range p.Code {
			i := &p.Code[k]
			dst := tensor.Aligned(8)
			one := func(r uint8) []byte { // as the register is held
				if int(r) >= len(regs) {
					return nil
				}
				b := tensor.Aligned(8)
				copy(b, regs[r])
				if d := types[r]; held(d) != d {
					tensor.View[float32](b)[0] = halfOf(d).widen(tensor.View[uint16](b)[0])
				}
				return b[:held(types[r]).Size()]
			}
			d := i.result()
			part := dst[:held(d).Size()]
			switch i.Fn {
			case FnConst:
				copy(dst, tensor.Bytes([]uint64{i.Imm}))
			case FnIota:
				castLoop(tensor.Int64, d)(part, tensor.Bytes([]int64{at[i.Imm]}), nil, nil, 0)
			case FnCast:
				castLoop(types[i.A], d)(part, one(i.A), nil, nil, 0)
			default:
				loopTable[held(i.DType)][i.Fn](part, one(i.A), one(i.B), one(i.C), i.Imm)
			}
			if held(d) != d && i.Fn != FnConst {
				tensor.View[uint16](dst)[0] = halfOf(d).narrow(tensor.View[float32](dst)[0])
			}
			regs = append(regs, dst)
			types = append(types, d)
		}
		for k, r := range p.Out {
			out[k] = append(out[k], regs[r][:types[r].Size()]...)
		}
	})
	return out
}

// operand makes a random input that broadcasts to dims.
func (r dice) operand(dims []int64) Tensor {
	own := slices.Clone(dims[r.IntN(len(dims)+1):])
	if r.IntN(3) == 0 {
		own = slices.Clone(dims)
	}
	for k := range own {
		if r.IntN(4) == 0 {
			own[k] = 1
		}
	}
	d := r.dtype()
	if d.IsFloat() && r.IntN(2) == 0 || d == tensor.Bool {
		return r.numbers(d, own...)
	}
	return r.tensor(d, own...)
}

// sameElements demands equal bytes, but takes all NaNs for the same.
func sameElements(t testing.TB, y Tensor, want []byte) {
	t.Helper()
	if bytes.Equal(y.Data, want) {
		return
	}
	w := Tensor{y.Type, tensor.Aligned(int64(len(want)))}
	copy(w.Data, want)
	a, b := values(y), values(w)
	for i := range a {
		if x, y := elem(y, int64(i)), elem(w, int64(i)); !bytes.Equal(x, y) && (a[i] == a[i] || b[i] == b[i]) {
			t.Fatalf("element %d is %v (% x), want %v (% x)", i, a[i], x, b[i], y)
		}
	}
}

func TestMapAgainstNaive(t *testing.T) {
	r := newDice()
	for n := range 400 {
		dims := r.dims(r.IntN(5), 6)
		if n%40 == 0 { // longer than a tile, and some of a period
			dims = []int64{3, 5, 7, 24}
		}
		var in []Tensor
		var kinds []tensor.DType
		var shapes []tensor.Type
		for range r.IntN(5) {
			x := r.operand(dims)
			in = append(in, x)
			kinds = append(kinds, x.DType)
			shapes = append(shapes, x.Type)
		}
		shape, err := common(shapes)
		if err != nil {
			t.Fatal(err)
		}
		p := r.program(kinds, int(shape.Rank))
		if len(p.Out) == 0 {
			continue
		}
		out := must(t, &Map, MapAttrs{p}, in...)
		for k, want := range naiveMap(p, in, shape) {
			func() {
				defer func() {
					if t.Failed() {
						t.Logf("output %d of %+v on %v", k, p, shapes)
					}
				}()
				sameElements(t, out[k], want)
			}()
		}
	}
}

// program2 is one function of two inputs, program1 of one.
func program2(f Fn, d tensor.DType) Program {
	return Program{Code: []Instr{{Fn: f, DType: d, A: 0, B: 1}}, Out: []int64{2}}
}

func program1(f Fn, d tensor.DType, imm uint64) Program {
	return Program{Code: []Instr{{Fn: f, DType: d, Imm: imm}}, Out: []int64{1}}
}

func TestMapBroadcast(t *testing.T) {
	r := newDice()
	for _, c := range []struct{ a, b []int64 }{
		{[]int64{}, []int64{}},
		{[]int64{0}, []int64{1}},
		{[]int64{3, 0}, []int64{0}},
		{[]int64{5000}, []int64{}},
		{[]int64{5, 1000}, []int64{1000}},
		{[]int64{70, 64}, []int64{64}},
		{[]int64{70, 64}, []int64{70, 1}},
		{[]int64{7, 3000}, []int64{3000}},
		{[]int64{7, 3001}, []int64{7, 1}},
		{[]int64{2, 1, 40, 1, 50}, []int64{30, 1, 20, 1}},
		{[]int64{2, 3, 2, 3, 2, 3, 2, 3}, []int64{3, 1, 3, 1, 3, 1, 3}},
	} {
		a, b := r.numbers(tensor.Float32, c.a...), r.numbers(tensor.Float32, c.b...)
		y := must(t, &Map, MapAttrs{program2(FnSub, tensor.Float32)}, a, b)[0]
		shape, _ := common(types(a.Type, b.Type))
		sameElements(t, y, naiveMap(program2(FnSub, tensor.Float32), []Tensor{a, b}, shape)[0])
	}
}

func TestMapRefuses(t *testing.T) {
	f32 := tensor.Of(tensor.Float32, 4)
	boolean := tensor.Of(tensor.Bool, 4)
	add := program2(FnAdd, tensor.Float32)
	one := func(i Instr) MapAttrs { return MapAttrs{Program{[]Instr{i}, []int64{1}}} }
	long := Program{Code: make([]Instr, maxMapCode+1), Out: []int64{0}}
	for i := range long.Code {
		long.Code[i] = Instr{Fn: FnNeg, DType: tensor.Float32}
	}
	refuses(t, &Map, []refusal{
		{"attributes", nil, types(f32), ErrAttr},
		{"nine inputs", MapAttrs{add}, types(f32, f32, f32, f32, f32, f32, f32, f32, f32), ErrArity},
		{"absent input", MapAttrs{add}, types(f32, tensor.Type{}), ErrArity},
		{"shapes", MapAttrs{add}, types(f32, tensor.Of(tensor.Float32, 3)), ErrShape},
		{"zero against four", MapAttrs{add}, types(f32, tensor.Of(tensor.Float32, 0)), ErrShape},
		{"product", MapAttrs{add}, types(tensor.Of(tensor.Float32, 1<<40, 1), tensor.Of(tensor.Float32, 1, 1<<40)), ErrSize},
		{"product of widened", MapAttrs{program1(FnCast, tensor.Float64, 0)}, types(tensor.Of(tensor.Int8, 1<<46)), ErrSize},
		{"no output", MapAttrs{Program{Code: add.Code}}, types(f32, f32), ErrAttr},
		{"five outputs", MapAttrs{Program{add.Code, []int64{0, 0, 0, 0, 0}}}, types(f32, f32), ErrAttr},
		{"output register", MapAttrs{Program{add.Code, []int64{3}}}, types(f32, f32), ErrAttr},
		{"negative output", MapAttrs{Program{add.Code, []int64{-1}}}, types(f32, f32), ErrAttr},
		{"too long", MapAttrs{long}, types(f32), ErrAttr},
		{"function 0", one(Instr{DType: tensor.Float32}), types(f32), ErrAttr},
		{"function in a gap", one(Instr{Fn: 9, DType: tensor.Float32}), types(f32), ErrAttr},
		{"function past the table", one(Instr{Fn: 65535, DType: tensor.Float32}), types(f32), ErrAttr},
		{"type 0", one(Instr{Fn: FnNeg}), types(f32), ErrDType},
		{"string", one(Instr{Fn: FnCast, DType: tensor.String}), types(f32), ErrDType},
		{"exp of an integer", one(Instr{Fn: FnExp, DType: tensor.Int32}), types(tensor.Of(tensor.Int32, 4)), ErrDType},
		{"and of a float", one(Instr{Fn: FnAnd, DType: tensor.Float32}), types(f32), ErrDType},
		{"less of bool", one(Instr{Fn: FnLt, DType: tensor.Bool}), types(boolean), ErrDType},
		{"iota of bool", one(Instr{Fn: FnIota, DType: tensor.Bool}), types(boolean), ErrDType},
		{"operand type", one(Instr{Fn: FnNeg, DType: tensor.Float64}), types(f32), ErrDType},
		{"select by a float", one(Instr{Fn: FnSelect, DType: tensor.Float32}), types(f32), ErrDType},
		{"later register", one(Instr{Fn: FnNeg, DType: tensor.Float32, A: 1}), types(f32), ErrAttr},
		{"unused operand", MapAttrs{Program{[]Instr{{Fn: FnNeg, DType: tensor.Float32, B: 1}}, []int64{2}}}, types(f32, f32), ErrAttr},
		{"unused immediate", one(Instr{Fn: FnNeg, DType: tensor.Float32, Imm: 1}), types(f32), ErrAttr},
		{"wide constant", one(Instr{Fn: FnConst, DType: tensor.Uint8, Imm: 256}), types(f32), ErrAttr},
		{"bool constant", one(Instr{Fn: FnConst, DType: tensor.Bool, Imm: 2}), types(f32), ErrAttr},
		{"iota axis", one(Instr{Fn: FnIota, DType: tensor.Int64, Imm: 1}), types(f32), ErrAttr},
		{"isinf signs", one(Instr{Fn: FnIsInf, DType: tensor.Float32, Imm: 4}), types(f32), ErrAttr},
		{"second parameter", one(Instr{Fn: FnElu, DType: tensor.Float32, Imm: 1 << 32}), types(f32), ErrAttr},
	})
}

func TestEpilogueIsMap(t *testing.T) {
	r := newDice()
	done := 0
	for done < 150 {
		dims := r.dims(r.IntN(4), 40)
		d := r.dtype()
		y := r.numbers(d, dims...)
		if r.IntN(2) == 0 {
			y = r.tensor(d, dims...)
		}
		var extra []Tensor
		in := []Tensor{y}
		kinds := []tensor.DType{d}
		var shapes []tensor.Type
		for range r.IntN(4) {
			x := r.operand(dims)
			extra = append(extra, x)
			in = append(in, x)
			kinds = append(kinds, x.DType)
			shapes = append(shapes, x.Type)
		}
		p := r.program(kinds, len(dims))
		p.Out = p.Out[:1]
		e, err := planEpilogue(p, y.Type, shapes)
		if err != nil {
			continue // the random program gives another type
		}
		done++
		want := must(t, &Map, MapAttrs{p}, in...)[0]
		got := Tensor{y.Type, tensor.Aligned(y.Bytes())}
		copy(got.Data, y.Data)
		n := y.Elems()
		c := Call{Ctx: context.Background(), Pool: NewPool(3)}
		part := 1 + r.Int64N(n+1)
		err = c.Tiles(int((n+part-1)/part), func(i int) {
			from := int64(i) * part
			e.apply(got.Data, extra, from, min(from+part, n))
		})
		c.Pool.Close()
		if err != nil {
			t.Fatalf("%+v on %v: %v", p, shapes, err)
		}
		if !bytes.Equal(got.Data, want.Data) {
			t.Fatalf("%+v on %v, %v in parts of %d: differs from map", p, y.Type, shapes, part)
		}
	}
}

func TestEpilogueRefuses(t *testing.T) {
	y := tensor.Of(tensor.Float32, 4, 5)
	relu := program1(FnRelu, tensor.Float32, 0)
	f := func(d ...int64) tensor.Type { return tensor.Of(tensor.Float32, d...) }
	refuses(t, &Op{name: "epilogue", plan: func(in []tensor.Type, attrs any) (Plan, error) {
		_, err := planEpilogue(attrs.(Program), in[0], in[1:])
		return Plan{}, err
	}}, []refusal{
		{"extra for nothing", Program{}, types(y, y), ErrArity},
		{"larger", relu, types(y, f(2, 4, 5)), ErrShape},
		{"larger rank", relu, types(y, f(1, 4, 5)), ErrShape},
		{"does not fit", relu, types(y, f(4)), ErrShape},
		{"grows a dim", relu, types(f(4, 1), f(4, 5)), ErrShape},
		{"absent", relu, types(y, tensor.Type{}), ErrArity},
		{"two outputs", Program{relu.Code, []int64{1, 1}}, types(y), ErrAttr},
		{"no output", Program{Code: relu.Code}, types(y), ErrAttr},
		{"another type", program1(FnCast, tensor.Int8, 0), types(y), ErrDType},
	})
	if _, err := planEpilogue(relu, tensor.Type{DType: tensor.Float32, Rank: 9}, nil); err == nil {
		t.Error("rank 9 is accepted")
	}
	if e, err := planEpilogue(Program{}, y, nil); e != nil || err != nil || e.flops() != 0 {
		t.Error("an empty program has an epilogue")
	}
}

func TestPre(t *testing.T) {
	r := newDice()
	for _, d := range []tensor.DType{tensor.Float32, tensor.Float16, tensor.Int8} {
		p, err := planPre(Program{
			Code: []Instr{{Fn: FnMul, DType: d}, {Fn: FnCast, DType: tensor.Float32, A: 1}}, Out: []int64{2},
		}, d)
		if err != nil || p.out() != tensor.Float32 {
			t.Fatal(p, err)
		}
		for _, n := range []int64{0, 1, 7, 5000} {
			x := r.numbers(d, n)
			y := tensor.Aligned(4 * n)
			p.apply(y, x.Data)
			v := values(x)
			for i := range v {
				v[i] *= v[i]
			}
			near(t, Tensor{tensor.Of(tensor.Float32, n), y}, values(tensorOf(d, []int64{n}, v)), 0, 0)
		}
	}
	if _, err := planPre(program1(FnIota, tensor.Int64, 0), tensor.Int64); err == nil {
		t.Error("iota is accepted")
	}
	if _, err := planPre(Program{Out: []int64{0, 0}}, tensor.Int64); err == nil {
		t.Error("two outputs are accepted")
	}
	p, err := planPre(Program{}, tensor.Int64)
	if p != nil || err != nil || p.flops() != 0 {
		t.Error("an empty program is not nil")
	}
	y := make([]byte, 3)
	if p.apply(y, []byte{1, 2, 3}); y[2] != 3 {
		t.Error("an empty program does not copy")
	}
}

// FuzzMap feeds any program to Plan; what Plan accepts must run.
func FuzzMap(f *testing.F) {
	f.Add([]byte{2, 1, 1, 1, 10, 1, 0, 1, 0, 0}, uint64(1))
	f.Add([]byte{3, 5, 13, 7, 46, 5, 1, 0, 0, 2, 30, 13, 1, 1}, uint64(7))
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		r := dice{rand.New(rand.NewPCG(seed, 0))}
		next := func() (v byte) {
			if len(b) > 0 {
				v, b = b[0], b[1:]
			}
			return v
		}
		dims := r.dims(r.IntN(4), 9)
		var in []Tensor
		for range next() % 10 {
			x := r.operand(dims)
			if d := tensor.DType(next()); d.Valid() {
				x = r.tensor(d, x.Shape()...)
			}
			in = append(in, x)
		}
		var p Program
		for range next() % 5 {
			p.Out = append(p.Out, int64(next()))
		}
		for len(b) > 0 && len(p.Code) < 80 {
			i := Instr{Fn: Fn(next()), DType: tensor.DType(next()), A: next(), B: next(), C: next()}
			if i.Fn < Fn(fnCount) && functions[i.Fn].imm != immNone {
				i.Imm = uint64(next()) | uint64(next())<<32
			}
			p.Code = append(p.Code, i)
		}
		out, err := everywhere(t, &Map, MapAttrs{p}, in...)
		if err != nil {
			return
		}
		shapes := make([]tensor.Type, len(in))
		for i := range in {
			shapes[i] = in[i].Type
		}
		shape, _ := common(shapes)
		for k, want := range naiveMap(p, in, shape) {
			sameElements(t, out[k], want)
		}
	})
}

func BenchmarkMap(b *testing.B) {
	r := newDice()
	f32 := tensor.Float32
	x := r.numbers(f32, 56, 56, 64)
	n := x.Elems()
	for _, c := range []struct {
		name string
		p    Program
		in   []Tensor
	}{
		{"add", program2(FnAdd, f32), []Tensor{x, r.numbers(f32, 56, 56, 64)}},
		{"bias", program2(FnAdd, f32), []Tensor{x, r.numbers(f32, 64)}},
		{"scalar", program2(FnMul, f32), []Tensor{x, r.numbers(f32)}},
		{"relu", program1(FnRelu, f32, 0), []Tensor{x}},
		{"silu", program1(FnSilu, f32, 0), []Tensor{x}},
		{"hardswish", program1(FnHardSwish, f32, 0), []Tensor{x}},
		{"gelu", program1(FnGelu, f32, 0), []Tensor{x}},
		{"mish", program1(FnMish, f32, 0), []Tensor{x}},
		{"float16 add", program2(FnAdd, tensor.Float16), []Tensor{r.numbers(tensor.Float16, n), r.numbers(tensor.Float16, n)}},
		{"int64 add", program2(FnAdd, tensor.Int64), []Tensor{r.numbers(tensor.Int64, n), r.numbers(tensor.Int64, n)}},
	} {
		b.Run(c.name, func(b *testing.B) { bench(b, n, "elem", &Map, MapAttrs{c.p}, c.in...) })
	}
}

func BenchmarkEpilogue(b *testing.B) {
	r := newDice()
	y := r.numbers(tensor.Float32, 1000, 64)
	bias := r.numbers(tensor.Float32, 64)
	p := Program{
		Code: []Instr{{Fn: FnAdd, DType: tensor.Float32, A: 0, B: 1}, {Fn: FnRelu, DType: tensor.Float32, A: 2}},
		Out:  []int64{3},
	}
	e, err := planEpilogue(p, y.Type, types(bias.Type))
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int64{16, 64, 1024} {
		b.Run("", func(b *testing.B) {
			for b.Loop() {
				e.apply(y.Data, []Tensor{bias}, 64, 64+n)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/elem")
		})
	}
}

func BenchmarkPlanMap(b *testing.B) {
	x := tensor.Of(tensor.Float32, 1, 56, 56, 64)
	for b.Loop() {
		if _, err := Map.Plan(types(x, tensor.Of(tensor.Float32, 64)), MapAttrs{program2(FnAdd, tensor.Float32)}); err != nil {
			b.Fatal(err)
		}
	}
}
