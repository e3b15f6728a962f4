package host

import (
	"context"
	"sync/atomic"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// constant is a view of blob bytes, or the result of a constant op. Its bytes
// are read when a program first runs with it.
type constant struct {
	typ  tensor.Type
	key  key
	blob *blob
	off  int64
}

// canonPart is how many bytes of a constant are looked through at once.
const canonPart = 256 << 10

// read copies the view into memory of its size.
func (c *constant) read(ctx context.Context, pool *kernels.Pool, dst []byte) error {
	call := kernels.Call{Ctx: ctx, Pool: pool}
	err := stopped(ctx)
	if err == nil {
		err = c.blob.readAll(&call, c.off, dst)
	}
	if err == nil {
		err = call.Tiles((len(dst)+canonPart-1)/canonPart, func(i int) {
			canonical(c.typ.DType, dst[i*canonPart:min((i+1)*canonPart, len(dst))])
		})
	}
	if ctx.Err() != nil {
		return stopped(ctx)
	}
	return err
}

// readiness is what the prologue leaves for the runs of a program.
type readiness struct {
	done   atomic.Bool
	data   [][]byte  // of each constant value that a step reads
	packed [][]byte  // of each op that runs on a packed form
	uses   []*memory // what must stay for them
}

// prepare makes the constants of p, once: views are read, the ops of the
// prologue run, weights are packed. What a step reads is kept with the model
// under its key, so another program with the same constants finds it there;
// what only the prologue needed is freed. One program of a model is prepared
// at a time.
func (m *Model) prepare(ctx context.Context, p *program) error {
	if p.ready.done.Load() {
		return nil
	}
	for _, b := range p.bodies {
		if err := m.prepare(ctx, b); err != nil {
			return err
		}
	}
	select {
	case m.preparing <- struct{}{}:
	case <-ctx.Done():
		return stopped(ctx)
	}
	defer func() { <-m.preparing }()
	if p.ready.done.Load() {
		return nil
	}
	if p.layout.prework > m.limits.Work { // bound to sizes of which no seal was told
		return ErrWork
	}
	m.turn++
	w := prologue{start: m.turn, m: m, p: p, ctx: ctx, want: make([]bool, len(p.values)), temp: map[key]*memory{}, left: map[key]int{}, packs: map[key][]int32{}}
	defer w.drop()
	if err := w.work(); err != nil {
		return err
	}
	p.ready.done.Store(true)
	return nil
}

// own is the size from which a constant that stays has pages and guards of its
// own: a map holds some 65,000 mappings, and a model tens of thousands of
// constants.
const own = 1 << 20

type prologue struct {
	start uint64 // constants of an earlier turn may be freed for new ones
	m     *Model
	p     *program
	ctx   context.Context
	want  []bool // constant values whose bytes are needed
	temp  map[key]*memory
	left  map[key]int     // how many ops and packings still read it
	packs map[key][]int32 // the ops whose packed form waits for it
	slab  *memory         // the small constants that stay
	used  int64
	uses  []*memory // what must stay for the program
	spare []*memory // was that of constants that nothing reads any more
}

func (w *prologue) work() error {
	p := w.p
	keep := map[key]bool{} // by key: what is twice in a program is made once
	mark := func(v abi.Value) {
		if at := p.layout.places[v-1]; at.kind == atConst {
			keep[p.values[at.at].key] = true
		}
	}
	var packs []int32
	var small int64
	hold := func(k key, n int64, held map[key]*memory) {
		if held[k] == nil && n < own {
			small = tensor.AddSat(small, roundUp(n))
		}
	}
	for _, s := range p.layout.steps {
		o := &p.ops[s]
		packed := o.packs(p)
		for i, v := range o.in {
			if v != 0 && (i != 1 || !packed) {
				mark(v)
			}
		}
		if packed {
			packs = append(packs, s)
			k := p.packKey(o)
			hold(k, o.plan.Packed, w.m.packed)
			if c := w.m.packed[k]; c != nil {
				c.turn = w.start
			} else {
				w.want[o.in[1]-1] = true
			}
		}
	}
	for _, v := range p.out {
		mark(v)
	}
	for i := range p.values {
		if v := &p.values[i]; v.konst && keep[v.key] {
			w.want[i] = true
			w.has(v.key)
			hold(v.key, v.typ.Bytes(), w.m.kept)
		}
	}
	if small > 0 {
		var err error
		if w.slab, err = w.m.squeeze(w.start, small); err != nil {
			return err
		}
		w.slab.uses = 1
		defer func() {
			w.slab.seal()
			if w.slab.uses--; w.slab.uses == 0 {
				w.slab.free()
			}
		}()
	}
	p.ready.packed = make([][]byte, len(p.ops))
	if err := w.compute(keep, packs); err != nil {
		return err
	}
	p.ready.data = make([][]byte, len(p.values))
	for i := range p.values {
		if v := &p.values[i]; v.konst && keep[v.key] {
			p.ready.data[i] = w.use(w.m.kept[v.key]).data
		}
	}
	for _, c := range w.uses {
		c.uses++
	}
	p.ready.uses = w.uses
	return nil
}

// use notes that the program needs a kept constant.
func (w *prologue) use(c *memory) *memory {
	w.uses = append(w.uses, c)
	return c
}

// compute makes the wanted constants in order, and packs each as soon as it is
// there, so that few are held that do not stay. A constant op is skipped when
// all that is wanted of it is there.
func (w *prologue) compute(keep map[key]bool, packs []int32) error {
	p := w.p
	for _, s := range packs {
		o := &p.ops[s]
		if k := p.value(o.in[1]).key; w.m.packed[p.packKey(o)] == nil && !w.has(k) {
			w.left[k]++
			w.packs[k] = append(w.packs[k], s)
		} else if err := w.pack(s); err != nil {
			return err
		}
	}
	var ops []*op
	for i := len(p.layout.prologue) - 1; i >= 0; i-- {
		o := &p.ops[p.layout.prologue[i]]
		if !w.missing(o) {
			continue
		}
		ops = append(ops, o)
		for _, v := range o.in {
			if v != 0 {
				w.want[v-1] = true
				w.left[p.values[v-1].key]++
			}
		}
	}
	made := map[key]bool{}
	for i := len(ops) - 1; i >= 0; i-- {
		if k := p.value(ops[i].first).key; !made[k] { // else another op is the same
			made[k] = true
			if err := w.step(ops[i], keep); err != nil {
				return err
			}
		}
		for _, v := range ops[i].in {
			if v != 0 {
				w.release(p.values[v-1].key)
			}
		}
	}
	for i := range p.values {
		if v := &p.values[i]; w.want[i] && v.op == fromConst && (keep[v.key] || len(w.packs[v.key]) > 0) {
			if err := w.view(p.consts[v.index], keep[v.key]); err != nil {
				return err
			}
			if err := w.packAll(v.key); err != nil {
				return err
			}
		}
	}
	return nil
}

// step runs an op of the prologue and packs what it made.
func (w *prologue) step(o *op, keep map[key]bool) error {
	p := w.p
	for _, v := range o.in {
		if v == 0 || p.values[v-1].op != fromConst {
			continue
		}
		if err := w.view(p.consts[p.values[v-1].index], keep[p.values[v-1].key]); err != nil {
			return err
		}
	}
	if err := w.run(o, keep); err != nil {
		return err
	}
	for j := range o.plan.Out {
		if err := w.packAll(p.values[int(o.first)-1+j].key); err != nil {
			return err
		}
	}
	return nil
}

// packAll makes the packed forms that wait for a constant.
func (w *prologue) packAll(k key) error {
	for _, s := range w.packs[k] {
		if err := w.pack(s); err != nil {
			return err
		}
		w.release(k)
	}
	delete(w.packs, k)
	return nil
}

// release ends one use of a constant. With the last it is freed, unless it
// stays.
func (w *prologue) release(k key) {
	if w.left[k]--; w.left[k] == 0 && w.temp[k] != nil {
		w.spared(w.temp[k])
		delete(w.temp, k)
	}
}

func (w *prologue) bytes(k key) []byte {
	if c := w.m.kept[k]; c != nil {
		return c.data
	}
	if c := w.temp[k]; c != nil {
		return c.data
	}
	return nil
}

// has reports whether a constant is there, and keeps it there until the
// prologue is over.
func (w *prologue) has(k key) bool {
	if c := w.m.kept[k]; c != nil {
		c.turn = w.m.turn
		return true
	}
	return w.temp[k] != nil
}

// missing reports whether something is wanted of o that is not there.
func (w *prologue) missing(o *op) bool {
	for j := range o.plan.Out {
		i := int(o.first) - 1 + j
		if w.want[i] && !w.has(w.p.values[i].key) {
			return true
		}
	}
	return false
}

// room takes memory for a constant: in the slab or in pages of its own when it
// stays, else until the prologue is over.
func (w *prologue) room(k key, n int64, keep bool, held map[key]*memory) (*memory, error) {
	if !keep {
		c, err := w.take(n)
		if err == nil {
			w.temp[k] = c
		}
		return c, err
	}
	w.m.turn++
	if n < own && w.slab != nil && w.used+roundUp(n) <= w.slab.n {
		c := &memory{n: n, data: w.slab.data[w.used : w.used+n : w.used+n], slab: w.slab, turn: w.m.turn}
		w.slab.uses++
		w.used += roundUp(n)
		held[k] = c
		return c, nil
	}
	c, err := w.fresh(n)
	if err == nil {
		c.turn = w.m.turn
		held[k] = c
	}
	return c, err
}

// view reads a constant out of its blob.
func (w *prologue) view(c *constant, keep bool) error {
	if w.has(c.key) {
		return nil
	}
	mem, err := w.room(c.key, c.typ.Bytes(), keep, w.m.kept)
	if err != nil {
		return err
	}
	if err := c.read(w.ctx, w.m.pool, mem.data); err != nil {
		w.forget(c.key)
		return err
	}
	if keep {
		mem.seal()
	}
	return nil
}

// forget takes back a constant that was not finished.
func (w *prologue) forget(k key) {
	if c := w.m.kept[k]; c != nil {
		delete(w.m.kept, k)
		c.free()
	}
}

func (w *prologue) run(o *op, keep map[key]bool) error {
	p, m := w.p, w.m
	c := kernels.Call{Ctx: w.ctx, Plan: &o.plan, Pool: m.pool, In: make([]kernels.Tensor, len(o.in)), Out: make([]kernels.Tensor, len(o.plan.Out))}
	for j, v := range o.in {
		if v != 0 {
			c.In[j] = kernels.Tensor{Type: p.values[v-1].typ, Data: w.bytes(p.values[v-1].key)}
		}
	}
	scratch, err := w.take(o.plan.Scratch)
	if err != nil {
		return err
	}
	defer w.spared(scratch)
	c.Scratch = scratch.data
	var made []key // which another program does not have yet
	for j, t := range o.plan.Out {
		k := p.values[int(o.first)-1+j].key
		stays := keep[k] && m.kept[k] == nil
		mem, err := w.room(k, t.Bytes(), stays, m.kept)
		if err != nil {
			return w.undo(made, err)
		}
		if stays {
			made = append(made, k)
		}
		c.Out[j] = kernels.Tensor{Type: t, Data: mem.data}
	}
	if err := execute(o.row.kernel, &c); err != nil {
		return w.undo(made, err)
	}
	for _, k := range made {
		m.kept[k].seal()
	}
	return nil
}

// undo takes back what an op should have made.
func (w *prologue) undo(made []key, err error) error {
	for _, k := range made {
		w.forget(k)
	}
	return err
}

// pack makes the packed form of the constant input 1 of op s.
func (w *prologue) pack(s int32) error {
	p, m := w.p, w.m
	o := &p.ops[s]
	k := p.packKey(o)
	if c := m.packed[k]; c != nil {
		p.ready.packed[s] = w.use(c).data
		return nil
	}
	if err := stopped(w.ctx); err != nil {
		return err
	}
	mem, err := w.room(k, o.plan.Packed, true, m.packed)
	if err != nil {
		return err
	}
	in := p.value(o.in[1])
	c := kernels.Call{Ctx: w.ctx, Plan: &o.plan, Pool: m.pool}
	if err := packInto(o.row.kernel, &c, kernels.Tensor{Type: in.typ, Data: w.bytes(in.key)}, mem.data); err != nil {
		delete(m.packed, k)
		mem.free()
		return err
	}
	mem.seal()
	p.ready.packed[s] = w.use(mem).data
	return nil
}

// drop frees what only the prologue needed.
func (w *prologue) drop() {
	for _, c := range w.temp {
		c.free()
	}
	for _, c := range w.spare {
		c.free()
	}
}
