package trace

import (
	"math"
	"math/bits"

	"github.com/glovebox-ml/glovebox/guest/abi"
)

// Int is an integer that the guest holds. N is its value at the sizes of this
// trace. It may also know how it follows from a dim of a placed value; then it
// stays right when the host binds the program to other sizes.
type Int struct {
	N   int64
	sym *symbol
}

// symbol is floor((a·dim(of, dim) + b) / d) with a not 0 and d positive.
type symbol struct {
	of      *result
	dim     int
	a, b, d int64
}

// Const is an integer that is the same for every input.
func Const(n int64) Int { return Int{N: n} }

// Consts are constant integers.
func Consts(ns ...int64) []Int {
	xs := make([]Int, len(ns))
	for i, n := range ns {
		xs[i].N = n
	}
	return xs
}

// IsConst reports whether a does not depend on the sizes of the inputs.
func (a Int) IsConst() bool { return a.sym == nil }

// maxCoef keeps symbols far from where their arithmetic could wrap, here and
// when the host evaluates them.
const maxCoef = 1 << 40

// affine makes the Int floor((a·dim + b)/d) over the dim of s in lowest terms.
// It reports false where the coefficients grow too large.
func affine(s *symbol, a, b, d int64) (Int, bool) {
	if d <= 0 {
		return Int{}, false
	}
	if g := gcd(a, d); g > 1 {
		a, b, d = a/g, floorDiv(b, g), d/g
	}
	if a == 0 {
		return Const(floorDiv(b, d)), true
	}
	most := int64(maxCoef)
	if s.of.turn != nil {
		most = maxTurnCoef
	}
	if max(a, -a, b, -b, d) > most {
		return Int{}, false
	}
	w := abi.Word{A: a, B: b, D: d}
	n, ok := w.Eval(s.of.typ.Dims[s.dim])
	return Int{n, &symbol{s.of, s.dim, a, b, d}}, ok
}

func sameRoot(a, b *symbol) bool { return a.of == b.of && a.dim == b.dim }

// identical reports whether a and b are equal for every input.
func identical(a, b Int) bool {
	if a.sym == nil || b.sym == nil {
		return a.sym == nil && b.sym == nil && a.N == b.N
	}
	return *a.sym == *b.sym
}

// sum is a+b where that is affine.
func sum(a, b Int) (Int, bool) {
	switch {
	case a.sym == nil && b.sym == nil:
		return Const(a.N + b.N), true
	case a.sym == nil:
		return sum(b, a)
	case b.sym == nil:
		c, ok := mulCheck(b.N, a.sym.d)
		return affineIf(ok, a.sym, a.sym.a, a.sym.b+c, a.sym.d)
	case !sameRoot(a.sym, b.sym):
		return Int{}, false
	case b.sym.d != 1:
		if a.sym.d != 1 {
			return Int{}, false
		}
		a, b = b, a
	}
	s, u := a.sym, b.sym
	ca, ok1 := mulCheck(u.a, s.d)
	cb, ok2 := mulCheck(u.b, s.d)
	return affineIf(ok1 && ok2, s, s.a+ca, s.b+cb, s.d)
}

// scaled is a·c where that is affine.
func scaled(a Int, c int64) (Int, bool) {
	if a.sym == nil {
		return Const(a.N * c), true
	}
	if c == 0 {
		return Const(0), true
	}
	if c == -1 {
		// -floor(y/d) is ceil(-y/d).
		return affine(a.sym, -a.sym.a, a.sym.d-1-a.sym.b, a.sym.d)
	}
	if a.sym.d != 1 && c != 1 {
		return Int{}, false
	}
	ca, ok1 := mulCheck(a.sym.a, c)
	cb, ok2 := mulCheck(a.sym.b, c)
	return affineIf(ok1 && ok2, a.sym, ca, cb, a.sym.d)
}

// floored is floor(a/c) for a positive c, where that is affine.
func floored(a Int, c int64) (Int, bool) {
	if c <= 0 {
		return Int{}, false
	}
	if a.sym == nil {
		return Const(floorDiv(a.N, c)), true
	}
	d, ok := mulCheck(a.sym.d, c)
	return affineIf(ok, a.sym, a.sym.a, a.sym.b, d)
}

func affineIf(ok bool, s *symbol, a, b, d int64) (Int, bool) {
	if !ok {
		return Int{}, false
	}
	return affine(s, a, b, d)
}

// mulCheck multiplies and reports whether the product is small.
func mulCheck(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(uint64(max(a, -a)), uint64(max(b, -b)))
	return a * b, hi == 0 && lo <= maxCoef
}

func gcd(a, b int64) int64 {
	for a = max(a, -a); b != 0; {
		a, b = b, a%b
	}
	return a
}

// floorDiv is floor(a/b) for a positive b.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// Pin is the number a, which from here on must be the same for every input
// that the program serves.
func (t *Tracer) Pin(a Int) int64 {
	if a.sym != nil {
		t.guard(abi.CmpEq, a, a.N)
	}
	return a.N
}

// Pins pins all of xs.
func (t *Tracer) Pins(xs []Int) []int64 {
	ns := make([]int64, len(xs))
	for i, x := range xs {
		ns[i] = t.Pin(x)
	}
	return ns
}

// Add is a+b.
func (t *Tracer) Add(a, b Int) Int {
	if s, ok := sum(a, b); ok {
		return s
	}
	a, b = t.pinOne(a, b)
	if s, ok := sum(a, b); ok {
		return s
	}
	return Const(t.Pin(a) + t.Pin(b))
}

// Sub is a-b.
func (t *Tracer) Sub(a, b Int) Int { return t.Add(a, t.Mul(b, Const(-1))) }

// Mul is a·b.
func (t *Tracer) Mul(a, b Int) Int {
	a, b = t.pinOne(a, b)
	if a.sym == nil {
		a, b = b, a
	}
	if s, ok := scaled(a, b.N); ok {
		return s
	}
	return Const(t.Pin(a) * b.N)
}

// pinOne leaves at most one symbol: the larger number, since small ones (a
// batch) vary less from call to call.
func (t *Tracer) pinOne(a, b Int) (Int, Int) {
	if a.sym != nil && b.sym != nil {
		if b.turn() != nil || a.turn() == nil && a.N <= b.N {
			a = Const(t.Pin(a))
		} else {
			b = Const(t.Pin(b))
		}
	}
	return a, b
}

// Div is a/b rounded toward zero, as Go and ONNX divide; x/0 fails.
func (t *Tracer) Div(a, b Int) Int {
	d := t.divisor(b)
	if a.sym != nil && d > 0 && a.N >= 0 {
		if s, ok := floored(a, d); ok {
			t.nonNegative(a)
			return s
		}
	}
	return Const(t.Pin(a) / d)
}

// FloorDiv is a/b rounded down, as Python divides; x/0 fails.
func (t *Tracer) FloorDiv(a, b Int) Int {
	d := t.divisor(b)
	if d > 0 {
		if s, ok := floored(a, d); ok {
			return s
		}
	}
	n := t.Pin(a)
	q := n / d
	if n%d != 0 && (n < 0) != (d < 0) {
		q--
	}
	return Const(q)
}

// Mod is the remainder with the sign of b, as Python's; x mod 0 fails.
func (t *Tracer) Mod(a, b Int) Int {
	d := t.divisor(b)
	n := t.Pin(a) % d
	if n != 0 && (n < 0) != (d < 0) {
		n += d
	}
	return Const(n)
}

func (t *Tracer) divisor(b Int) int64 {
	d := t.Pin(b)
	if d == 0 {
		t.Fail(abi.FaultMalformed, "division by zero in shape arithmetic")
	}
	return d
}

// nonNegative guards that a, now not negative, stays so; it is free where the
// form of the symbol shows it.
func (t *Tracer) nonNegative(a Int) {
	if s := a.sym; s != nil && (s.a < 0 || s.b < 0) {
		t.guard(abi.CmpGe, a, 0)
	}
}

// Max is the larger of a and b.
func (t *Tracer) Max(a, b Int) Int {
	if t.Less(a, b) {
		return b
	}
	return a
}

// Min is the smaller of a and b.
func (t *Tracer) Min(a, b Int) Int {
	if t.Less(b, a) {
		return b
	}
	return a
}

// Less decides a < b; where that depends on a symbol, the decision becomes a
// guard of the program.
func (t *Tracer) Less(a, b Int) bool {
	switch {
	case a.sym == nil && b.sym == nil:
		return a.N < b.N
	case a.sym == nil && a.N < math.MaxInt64:
		return !t.Less(b, Const(a.N+1))
	case a.turn() != nil && b.sym != nil && b.turn() == nil:
		return t.lessInTurn(a, b)
	case b.turn() != nil && a.sym != nil && a.turn() == nil:
		return !t.lessInTurn(b, t.Add(a, Const(1)))
	}
	d, ok := t.difference(a, b)
	if !ok {
		return t.Pin(a) < t.Pin(b)
	}
	less := d.N < 0
	if d.sym != nil && less {
		t.guard(abi.CmpLt, d, 0)
	} else {
		t.nonNegative(d)
	}
	return less
}

// Equal decides a == b, with a guard as Less.
func (t *Tracer) Equal(a, b Int) bool {
	switch {
	case a.sym == nil && b.sym == nil:
		return a.N == b.N
	case a.sym == nil:
		a, b = b, a
	}
	d, ok := t.difference(a, b)
	if !ok {
		return t.Pin(a) == t.Pin(b)
	}
	equal := d.N == 0
	switch {
	case d.sym == nil:
	case equal:
		t.guard(abi.CmpEq, d, 0)
	default:
		t.guard(abi.CmpNe, d, 0)
	}
	return equal
}

// difference is a-b with at most one symbol left.
func (t *Tracer) difference(a, b Int) (Int, bool) {
	if identical(a, b) {
		return Const(0), true
	}
	if neg, ok := scaled(b, -1); ok {
		if d, ok := sum(a, neg); ok {
			return d, true
		}
	}
	a, b = t.pinOne(a, b)
	if b.sym == nil {
		return sum(a, Const(-b.N))
	}
	return Int{}, false
}

// Word is x as an attribute word.
func (t *Tracer) Word(x Int) abi.Word {
	if x.turn() != nil {
		t.Fail(abi.FaultUnsupported, "an attribute varies from turn to turn of a loop")
	}
	if x.sym == nil {
		return abi.Const(x.N)
	}
	s := x.sym
	return abi.Word{N: x.N, Of: abi.Value(s.of.id), Dim: uint32(s.dim), A: s.a, B: s.b, D: s.d}
}

// Words are xs as attribute words.
func (t *Tracer) Words(xs []Int) []abi.Word {
	ws := make([]abi.Word, len(xs))
	for i, x := range xs {
		ws[i] = t.Word(x)
	}
	return ws
}

// int is the Int that w was made from.
func (t *Tracer) int(w abi.Word) Int {
	if w.Of == 0 {
		return Const(w.N)
	}
	return Int{w.N, &symbol{t.results[w.Of-1], int(w.Dim), w.A, w.B, w.D}}
}
