package main

import . "github.com/glovebox-ml/glovebox/kernels/internal/simd/_asm/neon"

// A function computes a vector from vectors of its inputs and of its
// parameters, strip by strip.
type function struct {
	name   string
	inputs int
	tuned  bool // with parameters alpha and beta
	flush  bool // subnormal numbers are zeros
	strip  Strip
	of     func(f *Func, x, p []V) V
}

// Short functions take several vectors at a time, for which a round costs less.
var (
	several = Strip{Vectors: 4, Lanes: 4}
	single  = Strip{Vectors: 1, Lanes: 4}
)

func one(name string, s Strip, of func(f *Func, x V) V) function {
	return function{name: name, inputs: 1, strip: s, of: func(f *Func, x, _ []V) V { return of(f, x[0]) }}
}

func flushed(fn function) function {
	fn.flush = true
	return fn
}

func two(name string, of func(f *Func, a, b V) V) function {
	return function{name: name, inputs: 2, strip: several, of: func(f *Func, x, _ []V) V { return of(f, x[0], x[1]) }}
}

func rounded(name, mode string) function {
	return one(name, several, func(f *Func, x V) V { return f.Round(x, mode) })
}

var functions = []function{
	two("add", (*Func).Add),
	two("sub", (*Func).Sub),
	flushed(two("mul", (*Func).Mul)),
	flushed(two("div", quotient)),
	two("min", (*Func).Min),
	two("max", (*Func).Max),
	{name: "fma", inputs: 3, flush: true, strip: several, of: func(f *Func, x, _ []V) V { return f.FMA(x[0], x[1], x[2]) }},

	one("neg", several, (*Func).Neg),
	one("abs", several, (*Func).Abs),
	flushed(one("sqrt", several, sqrt)),
	flushed(one("recip", several, recip)),
	rounded("floor", "m"),
	rounded("ceil", "p"),
	rounded("rint", "n"),
	rounded("trunc", "z"),

	one("exp", single, (*Func).Exp),
	one("tanh", single, tanh),
	flushed(one("erf", single, erf)),
	one("relu", several, relu),
	one("sigmoid", single, (*Func).Sigmoid),
	flushed(one("silu", single, silu)),
	flushed(one("gelu", single, gelu)),
	flushed(one("geluTanh", single, geluTanh)),
	flushed(one("hardSwish", several, hardSwish)),
	one("sign", several, sign),
	one("softsign", several, softsign),
	{name: "quickGelu", inputs: 1, tuned: true, flush: true, strip: single, of: func(f *Func, x, p []V) V {
		return f.Mul(x[0], f.Sigmoid(f.Mul(p[0], x[0])))
	}},
	{name: "hardSigmoid", inputs: 1, tuned: true, flush: true, strip: several, of: func(f *Func, x, p []V) V {
		return unit(f, f.FMA(p[0], x[0], p[1]))
	}},
	{name: "leaky", inputs: 1, tuned: true, flush: true, strip: several, of: func(f *Func, x, p []V) V {
		return f.Select(f.Greater(f.Const(0), x[0]), f.Mul(p[0], x[0]), f.Mul(x[0], f.Const(1)))
	}},
}

func elementwise(file *File) {
	for _, fn := range append(functions, wideFunctions...) {
		fn.write(file)
	}
}

func (fn function) write(file *File) {
	inputs := []string{"a", "b", "c"}[:fn.inputs]
	signature := "func(dst"
	for _, name := range inputs {
		signature += ", " + name
	}
	signature += " *float32, n int"
	if fn.tuned {
		signature += ", alpha, beta float32"
	}
	file.Func(fn.name, signature+")", func(f *Func) {
		if fn.flush {
			f.FlushSubnormals()
		}
		pointers := []R{f.Arg("dst")}
		for _, name := range inputs {
			pointers = append(pointers, f.Arg(name))
		}
		var params []V
		if fn.tuned {
			params = []V{f.ArgV("alpha"), f.ArgV("beta")}
		}
		f.Strips(f.Arg("n"), fn.strip, pointers, func(s Strip) {
			in := make([][]V, s.Vectors)
			for _, p := range pointers[1:] {
				for i, v := range s.Load(f, p) {
					in[i] = append(in[i], v)
				}
			}
			var out []V
			for _, x := range in {
				out = append(out, fn.of(f, x, params))
			}
			s.Store(f, out, pointers[0])
		})
		f.Return()
	})
}
