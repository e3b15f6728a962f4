package abi

import (
	"encoding/binary"
	"math"
)

// coder turns attribute structs into words and back with one description of
// each struct, so the two directions cannot differ. A list is its length and
// its entries; a float32 is its bit pattern; a bool is 0 or 1.
type coder struct {
	enc     bool
	out     []byte // a record, to which words are appended
	count   int    // of these words
	symbols []Symbol
	in      []int64
	bad     bool
}

func (c *coder) int(p *int64) {
	if c.enc {
		c.out = binary.LittleEndian.AppendUint64(c.out, uint64(*p))
		c.count++
		return
	}
	if len(c.in) == 0 {
		c.bad = true
		return
	}
	*p, c.in = c.in[0], c.in[1:]
}

// more reports whether a field that was appended later is there.
func (c *coder) more() bool { return c.enc || len(c.in) > 0 }

func (c *coder) bool(p *bool) {
	var n int64
	if *p {
		n = 1
	}
	c.int(&n)
	if !c.enc && n != 0 && n != 1 {
		c.bad = true
	}
	*p = n == 1
}

func (c *coder) float(p *float32) {
	n := int64(math.Float32bits(*p))
	c.int(&n)
	if !c.enc {
		if n < 0 || n > math.MaxUint32 {
			c.bad = true
		}
		*p = math.Float32frombits(uint32(n))
	}
}

func (c *coder) word(p *Word) {
	if c.enc && p.Of != 0 {
		c.symbols = append(c.symbols, Symbol{At: uint32(c.count), Word: *p})
	}
	c.int(&p.N)
}

// length codes the length of a list whose entries take size words each.
func (c *coder) length(n, size int) int {
	m := int64(n)
	c.int(&m)
	if !c.enc && (m < 0 || m > int64(len(c.in)/size)) {
		c.bad = true
		return 0
	}
	return int(m)
}

func list[T any](c *coder, p *[]T, size int, each func(*T)) {
	n := c.length(len(*p), size)
	if !c.enc && n > 0 {
		*p = make([]T, n)
	}
	for i := range *p {
		each(&(*p)[i])
	}
}

func (c *coder) ints(p *[]int64) { list(c, p, 1, c.int) }
func (c *coder) words(p *[]Word) { list(c, p, 1, c.word) }

func (c *coder) program(p *Program) {
	list(c, &p.Code, 2, c.instr)
	c.ints(&p.Out)
}

// instr codes an instruction in two words: fn (16 bits), dtype, a, b, c (8
// bits each) from the low end, then the immediate.
func (c *coder) instr(i *Instr) {
	w := int64(i.Fn) | int64(i.DType)<<16 | int64(i.A)<<24 | int64(i.B)<<32 | int64(i.C)<<40
	c.int(&w)
	imm := int64(i.Imm)
	c.int(&imm)
	if !c.enc {
		if w < 0 || w>>48 != 0 {
			c.bad = true
		}
		*i = Instr{Fn: Fn(w), DType: uint8(w >> 16), A: uint8(w >> 24), B: uint8(w >> 32), C: uint8(w >> 40), Imm: uint64(imm)}
	}
}
