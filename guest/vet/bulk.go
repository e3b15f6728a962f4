package vet

// The functions that stand in for instructions whose time depends on an
// operand. Their parameters are those of the instruction; local 3 is the size
// of a piece.
const (
	dst   = 0
	src   = 1 // or the value to fill with
	size  = 2
	piece = 3
)

// pieceBytes is what is moved between two looks at the fuel. A unit of fuel
// moves 16 bytes.
const (
	pieceBytes = 64 << 10
	fuelShift  = 4
)

// assembly writes the body of a function.
type assembly struct {
	*rewriter
	b []byte
}

func (a *assembly) raw(b ...byte)  { a.b = append(a.b, b...) }
func (a *assembly) get(local byte) { a.raw(0x20, local) }
func (a *assembly) set(local byte) { a.raw(0x21, local) }
func (a *assembly) i32(n int64)    { a.b = sleb(append(a.b, 0x41), n) }
func (a *assembly) i64(n int64)    { a.b = sleb(append(a.b, 0x42), n) }

// extended is a local as i64.
func (a *assembly) extended(local byte) { a.get(local); a.raw(0xad) }

// move adds or takes the piece to or from a local: i32.add or i32.sub.
func (a *assembly) move(local, op byte) {
	a.get(local)
	a.get(piece)
	a.raw(op)
	a.set(local)
}

// pay takes the fuel of moving the bytes that a local counts, and yields.
func (a *assembly) pay(local byte) {
	a.b = globalGet(a.b, a.fuelIndex())
	a.extended(local)
	a.i64(fuelShift)
	a.raw(0x88, 0x7d)
	a.b = globalSet(a.b, a.fuelIndex())
	a.b = a.check(a.b)
}

// next sets the piece to what is left, or the most that is moved at once.
func (a *assembly) next() {
	a.get(size)
	a.i32(pieceBytes)
	a.get(size)
	a.i32(pieceBytes)
	a.raw(0x49, 0x1b)
	a.set(piece)
	a.pay(piece)
}

// again goes round the loop while bytes are left.
func (a *assembly) again() {
	a.get(size)
	a.raw(opBrIf, 0, opEnd)
}

// inBounds traps, by the instruction itself, where a range that starts at a
// local leaves the memory: nothing may be written before it does.
func (a *assembly) inBounds(local byte, instruction ...byte) {
	a.extended(local)
	a.extended(size)
	a.raw(0x7c, 0x3f, 0, 0xad)
	a.i64(16)
	a.raw(0x86, 0x56, opIf, 0x40)
	a.get(dst)
	a.get(src)
	a.get(size)
	a.raw(instruction...)
	a.raw(opEnd)
}

// short does the instruction at once if it is within one piece, and leaves the
// rest of the function to an else.
func (a *assembly) short(instruction ...byte) {
	a.raw(1, 1, typeI32)
	a.get(size)
	a.i32(pieceBytes)
	a.raw(0x4d, opIf, 0x40)
	a.pay(size)
	a.get(dst)
	a.get(src)
	a.get(size)
	a.raw(instruction...)
	a.raw(opElse)
}

func (w *rewriter) fill(b []byte) []byte {
	instruction := []byte{opPrefix, prefixFill, 0}
	a := &assembly{w, b}
	a.short(instruction...)
	a.inBounds(dst, instruction...)
	a.raw(opLoop, 0x40)
	a.next()
	a.get(dst)
	a.get(src)
	a.get(piece)
	a.raw(instruction...)
	a.move(dst, 0x6a)
	a.move(size, 0x6b)
	a.again()
	a.raw(opEnd, opEnd)
	return a.b
}

// copy goes upward or downward, so that it never reads what it has written.
func (w *rewriter) copy(b []byte) []byte {
	instruction := []byte{opPrefix, prefixCopy, 0, 0}
	a := &assembly{w, b}
	a.short(instruction...)
	a.inBounds(dst, instruction...)
	a.inBounds(src, instruction...)
	a.get(dst)
	a.get(src)
	a.raw(0x4d, opIf, 0x40)

	a.raw(opLoop, 0x40)
	a.next()
	a.get(dst)
	a.get(src)
	a.get(piece)
	a.raw(instruction...)
	a.move(dst, 0x6a)
	a.move(src, 0x6a)
	a.move(size, 0x6b)
	a.again()

	a.raw(opElse)

	a.raw(opLoop, 0x40)
	a.next()
	a.move(size, 0x6b)
	a.get(dst)
	a.get(size)
	a.raw(0x6a)
	a.get(src)
	a.get(size)
	a.raw(0x6a)
	a.get(piece)
	a.raw(instruction...)
	a.again()

	a.raw(opEnd, opEnd, opEnd)
	return a.b
}

// grow takes 1000 and 100 for each page, which the system has to clear.
func (w *rewriter) grow(b []byte) []byte {
	a := &assembly{w, b}
	a.raw(0)
	a.b = globalGet(a.b, w.fuelIndex())
	a.i64(1000)
	a.raw(0x7d)
	a.extended(0)
	a.i64(100)
	a.raw(0x7e, 0x7d)
	a.b = globalSet(a.b, w.fuelIndex())
	a.b = w.check(a.b)
	a.get(0)
	a.raw(opMemoryGrow, 0, opEnd)
	return a.b
}
