package neon

import "math/bits"

// A Strip is what is computed at once of elements that lie one after another:
// so many vectors of so many lanes, more than one vector only of whole ones.
type Strip struct{ Vectors, Lanes int }

// Len is how many elements there are.
func (s Strip) Len() int { return s.Vectors * s.Lanes }

// Bytes is their size.
func (s Strip) Bytes() int { return 4 * s.Len() }

// Load is the vectors at p.
func (s Strip) Load(f *Func, p R) (list []V) {
	for i := range s.Vectors {
		list = append(list, f.Load(Mem{p, 16 * i}, s.Lanes))
	}
	return list
}

// Store writes vectors to p.
func (s Strip) Store(f *Func, list []V, p R) {
	for i, v := range list {
		f.Store(v, Mem{p, 16 * i}, s.Lanes)
	}
}

// Strips writes do for n elements, for strips like the first as long as there are
// such, its length a power of two, and then for what is left by halves. It moves
// the pointers and uses n up.
func (f *Func) Strips(n R, first Strip, pointers []R, do func(s Strip)) {
	next, rest := f.NewLabel("next"), f.NewLabel("rest")
	strip := func(s Strip) {
		do(s)
		for _, p := range pointers {
			f.Move(p, Imm(s.Bytes()))
		}
	}
	f.Op("SUBS", n, Imm(first.Len()), n)
	f.Jump("BLT", rest)
	f.Label(next)
	strip(first)
	f.Op("SUBS", n, Imm(first.Len()), n)
	f.Jump("BGE", next)
	f.Label(rest)
	// The bits of n below the length of a strip are those of what is left.
	for s, bit := first, bits.TrailingZeros(uint(first.Len()))-1; bit >= 0; bit-- {
		if s.Vectors > 1 {
			s.Vectors /= 2
		} else {
			s.Lanes /= 2
		}
		skip := f.NewLabel("skip")
		f.Jump("TBZ", skip, Imm(bit), n)
		strip(s)
		f.Label(skip)
	}
}

// Lanes is how many lanes a sum has; a block has as many elements.
const Lanes = 16

// A Part is a vector of a block, or its first lanes at the end of a row.
type Part struct {
	f    *Func
	left R // how many lanes, none for all
	mask V
}

// Blocks writes do for every vector v of every block of n elements, and for what
// is left. It moves the pointers and uses n up.
func (f *Func) Blocks(n R, pointers []R, do func(v int, part Part)) {
	next, rest, done := f.NewLabel("block"), f.NewLabel("rest"), f.NewLabel("done")
	const vectors = Lanes / 4
	f.Op("SUBS", n, Imm(Lanes), n)
	f.Jump("BLT", rest)
	f.Label(next)
	for v := range vectors {
		do(v, Part{f: f})
	}
	for _, p := range pointers {
		f.Move(p, Imm(4*Lanes))
	}
	f.Op("SUBS", n, Imm(Lanes), n)
	f.Jump("BGE", next)
	f.Label(rest)
	f.Move(n, Imm(Lanes))
	lanes := f.Words([4]uint32{0, 1, 2, 3})
	var some [vectors]string
	for v := range vectors {
		if some[v] = f.NewLabel("some"); v < vectors-1 {
			f.Op("CMP", R{}, Imm(4), n)
			f.Jump("BLT", some[v])
			do(v, Part{f: f})
			f.Op("SUB", n, Imm(4), n)
		}
	}
	for v := vectors - 1; v >= 0; v-- {
		f.Label(some[v])
		f.Jump("CBZ", done, n)
		do(v, Part{f, n, f.Of("cmgt", f.Spread(n), lanes)})
		if v > 0 {
			f.Jump("B", done)
		}
	}
	f.Label(done)
}

// Or is v with the lanes of other where the part is not.
func (p Part) Or(v, other V) V {
	if p.left.virtual == nil {
		return v
	}
	return p.f.Select(p.mask, v, other)
}

// Load is the lanes of the part at vector v behind at; the others are zero.
func (p Part) Load(at R, v int) V {
	if p.left.virtual == nil {
		return p.f.Load(Mem{at, 16 * v}, 4)
	}
	x := p.f.V()
	p.some(at, v, "ld1", x, p.f.LoadTo)
	return x
}

// Store writes the lanes of the part.
func (p Part) Store(x V, at R, v int) {
	if p.left.virtual == nil {
		p.f.Store(x, Mem{at, 16 * v}, 4)
		return
	}
	p.some(at, v, "st1", x, func(m Mem, x V, lanes int) { p.f.Store(x, m, lanes) })
}

// some moves one to three lanes.
func (p Part) some(at R, v int, third string, x V, move func(m Mem, x V, lanes int)) {
	f, one, done, behind := p.f, p.f.NewLabel("one"), p.f.NewLabel("moved"), p.f.R()
	f.Jump("TBZ", one, Imm(1), p.left)
	move(Mem{at, 16 * v}, x, 2)
	f.Jump("TBZ", done, Imm(0), p.left)
	f.Op("ADD", behind, Imm(16*v+8), at)
	f.thirdLane(third, x, behind)
	f.Jump("B", done)
	f.Label(one)
	move(Mem{at, 16 * v}, x, 1)
	f.Label(done)
}

// Tree joins the lanes of a block, 0 with 8, 1 with 9 …, then 0 with 4 and so
// on. The result is in lane 0.
func (f *Func) Tree(lanes []V, join func(a, b V) V) V {
	v := join(join(lanes[0], lanes[2]), join(lanes[1], lanes[3]))
	v = join(v, f.High(v))
	return join(v, f.Lane(v, 1))
}
