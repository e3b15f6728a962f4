package kernels

import "github.com/glovebox-ml/glovebox/kernels/tensor"

// frame is the memory of one run of a tape on one goroutine.
type frame struct {
	in    [maxMapInputs][]byte  // all elements of each input
	out   [maxMapOutputs][]byte // and of each output
	mem   []byte
	slots [][]byte // the registers, cut to the tile
	n     int64    // elements of the tile
	// laid says from where in its period a repeating input lies in its slot,
	// and how many elements of it.
	laid [maxMapInputs]struct{ phase, n int64 }
}

// frame takes a frame for one run; its in and out are the caller's to set.
func (t *tape) frame() *frame {
	if f, ok := t.pool.Get().(*frame); ok {
		return f
	}
	f := &frame{mem: tensor.Aligned(t.width * t.span()), slots: make([][]byte, len(t.slots))}
	t.cut(f, t.tile)
	t.exec(f, perFrame, 0)
	return f
}

// release gives the frame back without the tensors it worked on.
func (t *tape) release(f *frame) {
	clear(f.in[:])
	clear(f.out[:])
	for i := range t.slots {
		f.slots[i] = nil
	}
	f.n = 0
	t.pool.Put(f)
}

// span is the room for a tile in a frame: a multiple of 8, so that every slot
// is aligned.
func (t *tape) span() int64 { return (t.tile + 7) &^ 7 }

// own is the memory of slot i in the frame.
func (t *tape) own(f *frame, i uint8) []byte {
	s := &t.slots[i]
	at := s.offset * t.span()
	return f.mem[at : at+s.width*f.n : at+s.width*f.n]
}

func (t *tape) cut(f *frame, n int64) {
	if f.n == n {
		return
	}
	f.n = n
	for i := range t.slots {
		if !t.slots[i].outside {
			f.slots[i] = t.own(f, uint8(i))
		}
	}
}

// run computes the elements from … to of all outputs.
func (t *tape) run(f *frame, from, to int64) {
	if from >= to {
		return
	}
	t.cut(f, min(t.tile, to-from))
	for i := range t.in {
		f.laid[i].n = 0
		if a := &t.in[i]; a.used && a.uniform() {
			a.fill(f.slots[i], f.in[i][:a.dtype.Size()], t.slots[i].width)
		}
	}
	t.exec(f, perRun, 0)
	for pos := from; pos < to; pos += t.tile {
		t.cut(f, min(t.tile, to-pos))
		t.bind(f, pos)
		t.exec(f, perTile, pos)
		t.store(f, pos)
	}
}

// bind sets the slots of inputs and of outputs that are computed in place.
func (t *tape) bind(f *frame, pos int64) {
	for i := range t.in {
		a, s := &t.in[i], t.slots[i]
		switch {
		case !a.used || a.uniform():
		case s.outside:
			f.slots[i] = f.in[i][pos*s.width:][: f.n*s.width : f.n*s.width]
		default:
			phase, laid := int64(-1), &f.laid[i]
			if a.period > 0 {
				phase = pos % a.period
				if laid.n >= f.n && laid.phase == phase {
					continue
				}
			}
			var copied bool
			f.slots[i], copied = a.read(t.own(f, uint8(i)), f.in[i], s.width, pos)
			laid.phase, laid.n = phase, 0
			if copied {
				laid.n = f.n
			}
		}
	}
	for k, o := range t.out {
		if o.direct {
			size := t.slots[o.slot].width
			f.slots[o.slot] = f.out[k][pos*size:][: f.n*size : f.n*size]
		}
	}
}

// exec runs the instructions of one level.
func (t *tape) exec(f *frame, l level, pos int64) {
	for i := range t.code[l] {
		s := &t.code[l][i]
		if s.run == nil {
			count(tensor.View[int64](f.slots[s.dst]), pos, s.stride, s.dim)
			continue
		}
		s.run(f.slots[s.dst], f.slots[s.a], f.slots[s.b], f.slots[s.c], s.imm)
		if s.round != 0 {
			halfOf(s.round).round(tensor.View[float32](f.slots[s.dst]))
		}
	}
}

// store copies what was not computed in place to the outputs.
func (t *tape) store(f *frame, pos int64) {
	for k, o := range t.out {
		if o.direct {
			continue
		}
		size := int64(o.dtype.Size())
		dst, src := f.out[k][pos*size:][:f.n*size], f.slots[o.slot]
		if held(o.dtype) == o.dtype {
			copy(dst, src)
		} else {
			halfOf(o.dtype).store(tensor.View[uint16](dst), tensor.View[float32](src))
		}
	}
}
