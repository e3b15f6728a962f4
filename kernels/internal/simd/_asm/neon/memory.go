package neon

import "fmt"

// A width is how instructions load and store so many lanes; the lanes that are
// not loaded are zero.
type width struct {
	letter      string
	load, store uint32
	bytes       int
}

var widths = map[int]width{
	4: {"q", 0x3dc00000, 0x3d800000, 16},
	2: {"d", 0xfd400000, 0xfd000000, 8},
	1: {"s", 0xbd400000, 0xbd000000, 4},
}

// Load is lanes of 32 bits, 4, 2 or 1, from m.
func (f *Func) Load(m Mem, lanes int) V {
	v := f.V()
	f.LoadTo(m, v, lanes)
	return v
}

// LoadTo is Load into a register.
func (f *Func) LoadTo(m Mem, v V, lanes int) {
	w := widths[lanes]
	f.add(instruction{def: []*virtual{v.virtual}, use: []*virtual{m.Base.virtual}, text: w.text("ldr", w.load, m, v)})
}

// Store writes lanes, 4, 2 or 1, to m.
func (f *Func) Store(v V, m Mem, lanes int) {
	w := widths[lanes]
	f.add(instruction{use: []*virtual{v.virtual, m.Base.virtual}, text: w.text("str", w.store, m, v)})
}

func (w width) text(name string, word uint32, m Mem, v V) func() string {
	if m.Disp%w.bytes != 0 || m.Disp < 0 || m.Disp/w.bytes >= 1<<12 {
		panic(fmt.Sprintf("displacement %d", m.Disp))
	}
	return func() string {
		return line(word|uint32(m.Disp/w.bytes)<<10|uint32(m.Base.number)<<5|uint32(v.number),
			fmt.Sprintf("%s %s%d, [x%d, #%d]", name, w.letter, v.number, m.Base.number, m.Disp))
	}
}

// LoadAt is 4 lanes or 1 from p plus i bytes.
func (f *Func) LoadAt(p, i R, lanes int) V {
	v := f.V()
	w, word := widths[lanes], uint32(0x3ce06800)
	if lanes == 1 {
		word = 0xbc606800
	}
	f.add(instruction{def: []*virtual{v.virtual}, use: []*virtual{p.virtual, i.virtual}, text: func() string {
		return line(word|uint32(i.number)<<16|uint32(p.number)<<5|uint32(v.number),
			fmt.Sprintf("ldr %s%d, [x%d, x%d]", w.letter, v.number, p.number, i.number))
	}})
	return v
}

// LoadPair is two vectors from m.
func (f *Func) LoadPair(m Mem) (a, b V) {
	a, b = f.V(), f.V()
	f.add(instruction{def: []*virtual{a.virtual, b.virtual}, use: []*virtual{m.Base.virtual}, text: pair("ldp", 0xad400000, a, b, m)})
	return a, b
}

// StorePair writes two vectors to m.
func (f *Func) StorePair(a, b V, m Mem) {
	f.add(instruction{use: []*virtual{a.virtual, b.virtual, m.Base.virtual}, text: pair("stp", 0xad000000, a, b, m)})
}

func pair(name string, word uint32, a, b V, m Mem) func() string {
	if m.Disp%16 != 0 || m.Disp < -1024 || m.Disp > 1008 {
		panic(fmt.Sprintf("displacement %d", m.Disp))
	}
	return func() string {
		return line(word|uint32(m.Disp/16&0x7f)<<15|uint32(b.number)<<10|uint32(m.Base.number)<<5|uint32(a.number),
			fmt.Sprintf("%s q%d, q%d, [x%d, #%d]", name, a.number, b.number, m.Base.number, m.Disp))
	}
}

// thirdLane loads lane 2 of v from p, or stores it there.
func (f *Func) thirdLane(name string, v V, p R) {
	in, word := instruction{use: []*virtual{v.virtual, p.virtual}}, uint32(0x4d008000)
	if name == "ld1" {
		in.def, word = []*virtual{v.virtual}, 0x4d408000
	}
	in.text = func() string {
		return line(word|uint32(p.number)<<5|uint32(v.number), fmt.Sprintf("%s {v%d.s}[2], [x%d]", name, v.number, p.number))
	}
	f.add(in)
}
