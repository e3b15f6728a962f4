package kernels

import (
	"fmt"
	"math"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// class is a set of element types.
type class uint8

const (
	floats   class = 1
	integers class = 2
	bools    class = 4

	numbers = floats | integers
	bitwise = integers | bools
	anyType = numbers | bools
)

func classOf(d tensor.DType) class {
	switch {
	case d.IsFloat():
		return floats
	case d.IsInt():
		return integers
	case d == tensor.Bool:
		return bools
	}
	return 0
}

// immediate says what an instruction's Imm means; what it leaves unused is 0.
type immediate uint8

const (
	immNone  immediate = iota
	immValue           // an element of the instruction's type
	immAxis            // a dim of the output
	immSigns           // FnIsInf's two bits
	immAlpha           // a float32 in the low half
	immBoth            // and another in the high half
)

// function is one row of the table of functions: what an instruction may be.
type function struct {
	name  string
	arity int
	on    class // the types of its operands
	imm   immediate
	costs
}

// costs are those of an element in the worst case of its values, in some 0.8 ns
// of one core with AVX-512: of a float32 and what is held in one, of a float64,
// and of an integer or a bool. With a subnormal float64 a processor may take ten
// times as long.
type costs struct{ single, double, whole int64 }

func (c *costs) of(d tensor.DType) int64 {
	switch {
	case d == tensor.Float64:
		return c.double
	case d.IsFloat():
		return c.single
	}
	return c.whole
}

// functions is the one list of what a program may compute. A function on
// floats is exact, rounded once, or as near as its doc in package simd says
// for float32; float16 and bfloat16 are computed as float32 and rounded to
// nearest even. float64 uses package math, whose last bit may depend on the
// processor; nothing else does. Integers wrap around.
var functions = [...]function{
	FnConst: {"const", 0, anyType, immValue, costs{1, 1, 1}},
	FnCast:  {"cast", 1, anyType, immNone, costs{4, 6, 4}},
	FnIota:  {"iota", 0, numbers, immAxis, costs{4, 4, 4}},

	FnAdd:   {"add", 2, numbers, immNone, costs{1, 1, 1}},
	FnSub:   {"sub", 2, numbers, immNone, costs{1, 1, 1}},
	FnMul:   {"mul", 2, numbers, immNone, costs{1, 1, 1}},
	FnDiv:   {"div", 2, numbers, immNone, costs{1, 2, 6}},
	FnMod:   {"mod", 2, numbers, immNone, costs{40, 75, 20}},
	FnFmod:  {"fmod", 2, numbers, immNone, costs{25, 55, 6}},
	FnPow:   {"pow", 2, numbers, immNone, costs{8, 50, 85}},
	FnMin:   {"min", 2, numbers, immNone, costs{1, 1, 1}},
	FnMax:   {"max", 2, numbers, immNone, costs{1, 1, 1}},
	FnAtan2: {"atan2", 2, floats, immNone, costs{4, 50, 0}},
	FnFma:   {"fma", 3, numbers, immNone, costs{1, 1, 1}},

	FnAnd: {"and", 2, bitwise, immNone, costs{0, 0, 1}},
	FnOr:  {"or", 2, bitwise, immNone, costs{0, 0, 1}},
	FnXor: {"xor", 2, bitwise, immNone, costs{0, 0, 1}},
	FnNot: {"not", 1, bitwise, immNone, costs{0, 0, 1}},
	FnShl: {"shl", 2, integers, immNone, costs{0, 0, 1}},
	FnShr: {"shr", 2, integers, immNone, costs{0, 0, 2}},

	FnEq:     {"eq", 2, anyType, immNone, costs{1, 1, 1}},
	FnNe:     {"ne", 2, anyType, immNone, costs{1, 1, 1}},
	FnLt:     {"lt", 2, numbers, immNone, costs{1, 1, 1}},
	FnLe:     {"le", 2, numbers, immNone, costs{1, 1, 1}},
	FnGt:     {"gt", 2, numbers, immNone, costs{1, 1, 1}},
	FnGe:     {"ge", 2, numbers, immNone, costs{1, 1, 1}},
	FnSelect: {"select", 3, anyType, immNone, costs{1, 1, 1}},
	FnIsNaN:  {"isnan", 1, floats, immNone, costs{1, 1, 0}},
	FnIsInf:  {"isinf", 1, floats, immSigns, costs{2, 2, 0}},

	FnNeg:   {"neg", 1, numbers, immNone, costs{1, 1, 1}},
	FnAbs:   {"abs", 1, numbers, immNone, costs{1, 1, 2}},
	FnSign:  {"sign", 1, numbers, immNone, costs{1, 3, 2}},
	FnFloor: {"floor", 1, floats, immNone, costs{1, 4, 0}},
	FnCeil:  {"ceil", 1, floats, immNone, costs{1, 4, 0}},
	FnRint:  {"rint", 1, floats, immNone, costs{1, 4, 0}},
	FnTrunc: {"trunc", 1, floats, immNone, costs{1, 4, 0}},
	FnSqrt:  {"sqrt", 1, floats, immNone, costs{1, 3, 0}},
	FnRecip: {"recip", 1, floats, immNone, costs{1, 2, 0}},

	FnExp:   {"exp", 1, floats, immNone, costs{1, 18, 0}},
	FnExp2:  {"exp2", 1, floats, immNone, costs{2, 25, 0}},
	FnLog:   {"log", 1, floats, immNone, costs{3, 14, 0}},
	FnLog1p: {"log1p", 1, floats, immNone, costs{3, 22, 0}},
	FnExpm1: {"expm1", 1, floats, immNone, costs{2, 24, 0}},
	FnErf:   {"erf", 1, floats, immNone, costs{1, 25, 0}},
	FnSin:   {"sin", 1, floats, immNone, costs{4, 42, 0}},
	FnCos:   {"cos", 1, floats, immNone, costs{4, 42, 0}},
	FnTan:   {"tan", 1, floats, immNone, costs{4, 35, 0}},
	FnAsin:  {"asin", 1, floats, immNone, costs{5, 30, 0}},
	FnAcos:  {"acos", 1, floats, immNone, costs{5, 30, 0}},
	FnAtan:  {"atan", 1, floats, immNone, costs{3, 38, 0}},
	FnSinh:  {"sinh", 1, floats, immNone, costs{3, 25, 0}},
	FnCosh:  {"cosh", 1, floats, immNone, costs{3, 18, 0}},
	FnTanh:  {"tanh", 1, floats, immNone, costs{1, 21, 0}},
	FnAsinh: {"asinh", 1, floats, immNone, costs{5, 47, 0}},
	FnAcosh: {"acosh", 1, floats, immNone, costs{4, 10, 0}},
	FnAtanh: {"atanh", 1, floats, immNone, costs{4, 35, 0}},

	FnRelu:        {"relu", 1, numbers, immNone, costs{1, 1, 1}},
	FnLeaky:       {"leaky", 1, floats, immAlpha, costs{1, 10, 0}},
	FnSigmoid:     {"sigmoid", 1, floats, immNone, costs{1, 25, 0}},
	FnSilu:        {"silu", 1, floats, immNone, costs{1, 26, 0}},
	FnQuickGelu:   {"quickgelu", 1, floats, immAlpha, costs{1, 28, 0}},
	FnGelu:        {"gelu", 1, floats, immNone, costs{1, 30, 0}},
	FnGeluTanh:    {"gelu_tanh", 1, floats, immNone, costs{1, 30, 0}},
	FnHardSigmoid: {"hardsigmoid", 1, floats, immBoth, costs{1, 4, 0}},
	FnHardSwish:   {"hardswish", 1, floats, immNone, costs{1, 4, 0}},
	FnElu:         {"elu", 1, floats, immAlpha, costs{3, 17, 0}},
	FnSelu:        {"selu", 1, floats, immBoth, costs{3, 17, 0}},
	FnCelu:        {"celu", 1, floats, immAlpha, costs{3, 31, 0}},
	FnSoftplus:    {"softplus", 1, floats, immNone, costs{6, 52, 0}},
	FnSoftsign:    {"softsign", 1, floats, immNone, costs{1, 3, 0}},
	FnMish:        {"mish", 1, floats, immNone, costs{3, 22, 0}},
}

// fnCount is one more than the largest number of a function.
const fnCount = len(functions)

func (f Fn) String() string {
	if int(f) < fnCount && functions[f].name != "" {
		return functions[f].name
	}
	return fmt.Sprintf("fn(%d)", uint16(f))
}

// comparison reports whether f gives Bool, whatever its operands are.
func (f Fn) comparison() bool { return f >= FnEq && f <= FnGe || f == FnIsNaN || f == FnIsInf }

// result is the type of what an instruction gives.
func (i *Instr) result() tensor.DType {
	if i.Fn.comparison() {
		return tensor.Bool
	}
	return i.DType
}

// operands are the registers that an instruction of that arity reads.
func (i *Instr) operands(arity int) []uint8 { return []uint8{i.A, i.B, i.C}[:arity] }

// check proves that program p may run on inputs of those types and an output
// of that rank. It returns the type of every register.
func (p *Program) check(in []tensor.DType, rank int) ([]tensor.DType, error) {
	if len(p.Code) > maxMapCode {
		return nil, fmt.Errorf("%w: %d instructions, at most %d", ErrAttr, len(p.Code), maxMapCode)
	}
	if len(p.Out) == 0 || len(p.Out) > maxMapOutputs {
		return nil, fmt.Errorf("%w: %d outputs, want 1 to %d", ErrAttr, len(p.Out), maxMapOutputs)
	}
	if len(in) > maxMapInputs {
		return nil, fmt.Errorf("%w: %d inputs, at most %d", ErrArity, len(in), maxMapInputs)
	}
	regs := make([]tensor.DType, len(in), len(in)+len(p.Code))
	copy(regs, in)
	for k := range p.Code {
		i := &p.Code[k]
		if err := i.check(regs, rank); err != nil {
			return nil, fmt.Errorf("instruction %d, %v: %w", k, i.Fn, err)
		}
		regs = append(regs, i.result())
	}
	for _, r := range p.Out {
		if r < 0 || r >= int64(len(regs)) {
			return nil, fmt.Errorf("%w: output register %d of %d", ErrAttr, r, len(regs))
		}
	}
	return regs, nil
}

func (i *Instr) check(regs []tensor.DType, rank int) error {
	if int(i.Fn) >= fnCount || functions[i.Fn].name == "" {
		return fmt.Errorf("%w: no such function", ErrAttr)
	}
	f := &functions[i.Fn]
	if classOf(i.DType)&f.on == 0 {
		return fmt.Errorf("%w: %v", ErrDType, i.DType)
	}
	for k, r := range []uint8{i.A, i.B, i.C} {
		switch {
		case k >= f.arity:
			if r != 0 {
				return fmt.Errorf("%w: operand %d is not used", ErrAttr, k)
			}
			continue
		case int(r) >= len(regs):
			return fmt.Errorf("%w: register %d of %d", ErrAttr, r, len(regs))
		}
		want := i.DType
		if i.Fn == FnCast {
			continue
		} else if i.Fn == FnSelect && k == 0 {
			want = tensor.Bool
		}
		if regs[r] != want {
			return fmt.Errorf("%w: register %d is %v, want %v", ErrDType, r, regs[r], want)
		}
	}
	if !f.imm.allows(i.Imm, i.DType, rank) {
		return fmt.Errorf("%w: immediate %#x", ErrAttr, i.Imm)
	}
	return nil
}

func (m immediate) allows(imm uint64, d tensor.DType, rank int) bool {
	switch m {
	case immValue:
		if d == tensor.Bool {
			return imm <= 1
		}
		return imm>>1 <= 1<<(8*d.Size()-1)-1
	case immAxis:
		return imm < uint64(rank)
	case immSigns:
		return imm <= 3
	case immAlpha:
		return imm <= math.MaxUint32
	case immBoth:
		return true
	default:
		return imm == 0
	}
}

// parameters are the two float32 of an Imm.
func parameters(imm uint64) (alpha, beta float32) {
	return math.Float32frombits(uint32(imm)), math.Float32frombits(uint32(imm >> 32))
}

// held is the type in which registers of type d are computed. A float16 or
// bfloat16 is a float32 that the type can hold.
func held(d tensor.DType) tensor.DType {
	if d == tensor.Float16 || d == tensor.BFloat16 {
		return tensor.Float32
	}
	return d
}

// A loop computes one function for a tile of elements. dst may be one of the
// operands, but no other overlap is allowed.
type loop func(dst, a, b, c []byte, imm uint64)

// loops are the functions of one element type, by number.
type loops [fnCount]loop

// loopTable holds the loops of each type that registers are held in.
var loopTable = [...]*loops{
	tensor.Float32: float32Loops(),
	tensor.Float64: float64Loops(),
	tensor.Int8:    integerLoops[int8](8),
	tensor.Int16:   integerLoops[int16](16),
	tensor.Int32:   integerLoops[int32](32),
	tensor.Int64:   integerLoops[int64](64),
	tensor.Uint8:   integerLoops[uint8](8),
	tensor.Uint16:  integerLoops[uint16](16),
	tensor.Uint32:  integerLoops[uint32](32),
	tensor.Uint64:  integerLoops[uint64](64),
	tensor.Bool:    boolLoops(),
}

// with1 makes a loop of a function over a slice of operands, with2 and with3
// of one over two and three.
func with1[D, A tensor.Element](f func(dst []D, a []A)) loop {
	return func(dst, a, _, _ []byte, _ uint64) { f(tensor.View[D](dst), tensor.View[A](a)) }
}

func with2[D, A tensor.Element](f func(dst []D, a, b []A)) loop {
	return func(dst, a, b, _ []byte, _ uint64) {
		f(tensor.View[D](dst), tensor.View[A](a), tensor.View[A](b))
	}
}

func with3[D, A, B tensor.Element](f func(dst []D, a []A, b, c []B)) loop {
	return func(dst, a, b, c []byte, _ uint64) {
		f(tensor.View[D](dst), tensor.View[A](a), tensor.View[B](b), tensor.View[B](c))
	}
}

// scalar1 makes a loop of a function of one element, scalar2 of one of two.
func scalar1[T tensor.Element](f func(T) T) loop {
	return with1(func(dst, a []T) {
		for i := range dst {
			dst[i] = f(a[i])
		}
	})
}

func scalar2[T tensor.Element](f func(a, b T) T) loop {
	return with2(func(dst, a, b []T) {
		for i := range dst {
			dst[i] = f(a[i], b[i])
		}
	})
}

// param1 is scalar1 for a function of float64 with the two parameters of Imm.
func param1(f func(x float64, alpha, beta float32) float64) loop {
	return func(dst, a, _, _ []byte, imm uint64) {
		d, x := tensor.View[float64](dst), tensor.View[float64](a)
		alpha, beta := parameters(imm)
		for i := range d {
			d[i] = f(x[i], alpha, beta)
		}
	}
}
