package neon

import "fmt"

// The registers that Go leaves to a function, of both kinds. R18 belongs to the
// system, R27 to the assembler, those behind it to Go.
var (
	generals = []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19, 20, 21, 22, 23, 24, 25, 26}
	vectors  = []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31}
)

// A set of virtual registers by their index.
type set []uint64

func (s set) has(v *virtual) bool { return s[v.index/64]>>(v.index%64)&1 != 0 }
func (s set) add(v *virtual)      { s[v.index/64] |= 1 << (v.index % 64) }
func (s set) remove(v *virtual)   { s[v.index/64] &^= 1 << (v.index % 64) }

// join adds other and reports whether that changed s.
func (s set) join(other set) (changed bool) {
	for i, w := range other {
		changed = changed || w&^s[i] != 0
		s[i] |= w
	}
	return changed
}

func (f *Func) newSet() set { return make(set, (len(f.registers)+63)/64) }

// allocate gives each virtual register a number: the first that no register
// has which is alive where it is set.
func (f *Func) allocate() {
	apart := make([]set, len(f.registers))
	for i := range apart {
		apart[i] = f.newSet()
	}
	after := f.alive()
	for i, in := range f.code {
		for k, d := range in.def {
			for _, v := range f.registers {
				if v != d && after[i].has(v) && !(in.moves && v == in.use[0]) {
					apart[d.index].add(v)
					apart[v.index].add(d)
				}
			}
			for _, other := range in.def[:k] {
				apart[d.index].add(other)
				apart[other.index].add(d)
			}
		}
	}
	done := f.newSet()
	for _, in := range f.code {
		for _, d := range in.def {
			if done.has(d) {
				continue
			}
			done.add(d)
			near := (*virtual)(nil)
			if in.moves {
				near = in.use[0]
			}
			f.choose(d, near, apart[d.index], done)
		}
	}
}

// choose takes the number of near for d if it may.
func (f *Func) choose(d, near *virtual, apart, done set) {
	var taken [32]bool
	for _, v := range f.registers {
		if v != d && done.has(v) && v.vector == d.vector && apart.has(v) {
			taken[v.number] = true
		}
	}
	numbers := generals
	if d.vector {
		numbers = vectors
	}
	if near != nil {
		numbers = append([]int{near.number}, numbers...)
	}
	for _, n := range numbers {
		if !taken[n] {
			d.number = n
			return
		}
	}
	panic(fmt.Sprintf("%s: too many registers", f.name))
}

// alive are the registers that are read behind each instruction before they
// are set.
func (f *Func) alive() []set {
	at := map[string]int{}
	before, after := make([]set, len(f.code)), make([]set, len(f.code))
	for i, in := range f.code {
		before[i], after[i] = f.newSet(), f.newSet()
		if in.label != "" {
			at[in.label] = i
		}
	}
	for changed := true; changed; {
		changed = false
		for i := len(f.code) - 1; i >= 0; i-- {
			in := &f.code[i]
			if !in.ends {
				after[i].join(before[i+1])
			}
			if in.target != "" {
				to, ok := at[in.target]
				if !ok {
					panic(f.name + ": no label " + in.target)
				}
				after[i].join(before[to])
			}
			live := append(set{}, after[i]...)
			for _, d := range in.def {
				live.remove(d)
			}
			for _, u := range in.use {
				live.add(u)
			}
			if before[i].join(live) {
				changed = true
			}
		}
	}
	for _, v := range f.registers {
		if before[0].has(v) {
			panic(fmt.Sprintf("%s: a register is read before it is set", f.name))
		}
	}
	return after
}
