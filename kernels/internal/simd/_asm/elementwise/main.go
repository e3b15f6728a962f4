// The elementwise program writes functions of one to three vectors.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	. "github.com/glovebox-ml/glovebox/kernels/internal/simd/_asm/vec"
)

// A function computes a vector from vectors of its inputs and of its
// parameters.
type function struct {
	name   string
	inputs int
	tuned  bool // with parameters alpha and beta
	long   bool // one result follows another, many times, with few needed later
	flush  bool // subnormal numbers are zeros
	of     func(f Form, x, p []V) V
}

func one(name string, of func(f Form, x V) V) function {
	return function{name: name, inputs: 1, of: func(f Form, x, _ []V) V { return of(f, x[0]) }}
}

func long(name string, of func(f Form, x V) V) function {
	fn := one(name, of)
	fn.long = true
	return fn
}

func flushed(fn function) function {
	fn.flush = true
	return fn
}

func two(name string, of func(f Form, a, b V) V) function {
	return function{name: name, inputs: 2, of: func(f Form, x, _ []V) V { return of(f, x[0], x[1]) }}
}

var functions = []function{
	two("add", func(f Form, a, b V) V { return f.Add(a, b) }),
	two("sub", func(f Form, a, b V) V { return f.Sub(a, b) }),
	flushed(two("mul", func(f Form, a, b V) V { return f.Mul(a, b) })),
	flushed(two("div", quotient)),
	two("min", Form.Min),
	two("max", Form.Max),
	{name: "fma", inputs: 3, flush: true, of: func(f Form, x, _ []V) V { return f.FMA(x[0], x[1], x[2]) }},

	one("neg", Form.Neg),
	one("abs", Form.Abs),
	flushed(one("sqrt", sqrt)),
	flushed(one("recip", recip)),
	one("floor", func(f Form, x V) V { return f.Round(x, 1) }),
	one("ceil", func(f Form, x V) V { return f.Round(x, 2) }),
	one("rint", func(f Form, x V) V { return f.Round(x, 0) }),
	one("trunc", func(f Form, x V) V { return f.Round(x, 3) }),

	long("exp", Form.Exp),
	one("tanh", tanh),
	flushed(long("erf", erf)),
	one("relu", relu),
	long("sigmoid", Form.Sigmoid),
	flushed(long("silu", silu)),
	flushed(one("gelu", gelu)),
	flushed(long("geluTanh", geluTanh)),
	flushed(one("hardSwish", hardSwish)),
	one("sign", sign),
	one("softsign", softsign),
	{name: "quickGelu", inputs: 1, tuned: true, long: true, flush: true, of: func(f Form, x, p []V) V {
		return f.Mul(f.Sigmoid(f.Mul(x[0], p[0])), x[0])
	}},
	{name: "hardSigmoid", inputs: 1, tuned: true, flush: true, of: func(f Form, x, p []V) V {
		return unit(f, f.FMA(x[0], p[0], p[1]))
	}},
	{name: "leaky", inputs: 1, tuned: true, flush: true, of: func(f Form, x, p []V) V {
		return f.Select(LT, x[0], f.Zero(), f.Mul(x[0], p[0]), f.Mul(x[0], f.Const(1)))
	}},
}

func main() {
	ConstraintExpr("!purego")
	for _, f := range Forms {
		for _, fn := range functions {
			f.Paired = fn.long && f.Name == "256"
			f.Function(fn.name, signature(fn.inputs, fn.tuned), func() { fn.body(f) })
		}
		for _, fn := range wideFunctions {
			fn.write(f.Doubles())
		}
	}
	Generate()
}

// signature is that of a function of n elements of each input.
func signature(inputs int, tuned bool) string {
	s := "func(dst"
	for _, name := range inputNames[:inputs] {
		s += ", " + name
	}
	s += " *float32, n int"
	if tuned {
		s += ", alpha, beta float32"
	}
	return s + ")"
}

var inputNames = []string{"a", "b", "c"}

// arguments loads pointers to the result and to inputs, their length, and the
// parameters that there are. Elements are counted by i.
func arguments(inputs int, tuned bool, broadcast func(Mem) V) (dst, n, i reg.GPVirtual, in []reg.GPVirtual, params []V) {
	dst, n, i = pointer("dst"), pointer("n"), GP64()
	for _, name := range inputNames[:inputs] {
		in = append(in, pointer(name))
	}
	if tuned {
		params = []V{broadcast(Arg("alpha")), broadcast(Arg("beta"))}
	}
	return dst, n, i, in, params
}

// body goes over n elements, the last of them under a mask.
func (fn function) body(f Form) {
	if fn.flush {
		FlushSubnormals()
	}
	dst, n, i, in, params := arguments(fn.inputs, fn.tuned, f.Broadcast)
	at := func(p reg.GPVirtual) Mem { return Mem{Base: p, Index: i, Scale: 4} }

	XORQ(i, i)
	if f.Paired {
		fn.pairs(f, n, i, params, at(in[0]), at(dst))
	}
	SUBQ(Imm(uint64(f.Lanes)), n)
	JLT(LabelRef("rest"))
	Label("vectors")
	var x []V
	for _, p := range in {
		x = append(x, f.Load(at(p)))
	}
	VMOVUPS(fn.of(f, x, params), at(dst))
	ADDQ(Imm(uint64(f.Lanes)), i)
	SUBQ(Imm(uint64(f.Lanes)), n)
	JGE(LabelRef("vectors"))

	Label("rest")
	ADDQ(Imm(uint64(f.Lanes)), n)
	JZ(LabelRef("done"))
	mask := f.First(n)
	x = nil
	for _, p := range in {
		x = append(x, mask.Load(at(p)))
	}
	mask.Store(fn.of(f, x, params), at(dst))
	Label("done")
	Leave()
}

// pairs goes over vectors two by two while there are so many.
func (fn function) pairs(f Form, n, i reg.GPVirtual, params []V, from, to Mem) {
	two := uint64(2 * f.Lanes)
	SUBQ(Imm(two), n)
	JLT(LabelRef("single"))
	Label("pairs")
	var y [2]V
	Together(len(y), func(v int) {
		y[v] = fn.of(f, []V{f.Load(from.Offset(v * f.Bytes()))}, params)
	})
	for v, y := range y {
		VMOVUPS(y, to.Offset(v*f.Bytes()))
	}
	ADDQ(Imm(two), i)
	SUBQ(Imm(two), n)
	JGE(LabelRef("pairs"))
	Label("single")
	ADDQ(Imm(two), n)
}

func pointer(name string) reg.GPVirtual { return Load(Param(name), GP64()).(reg.GPVirtual) }
