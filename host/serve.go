package host

import (
	"context"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Serve answers a request from a published plan, without a guest: out gets the
// results in the order of the output ports. ok is false when there is no plan
// that fits: the guest must be entered.
func (m *Model) Serve(ctx context.Context, in, out []kernels.Tensor, limits Limits) (cost Cost, ok bool, err error) {
	t, w, err := m.lookup(ctx, in)
	if t == nil {
		return Cost{}, err != nil, err
	}
	defer m.left(t, w)
	defer w.close()
	w.m, w.ctx, w.limits, w.in, w.out = m, ctx, limits, in, out
	w.own.reset(limits.Memory, m.share())
	ok, err = w.from(t.root)
	cost = Cost{Work: w.work, Flops: w.flops, Memory: w.own.base + w.own.peak.Load(), Exact: true}
	return cost, ok, err
}

// walk is one request on its way through a tree. Walks of a tree wait for the
// next request, so that one that is served takes no memory for them; of a
// request they keep nothing.
type walk struct {
	m      *Model
	ctx    context.Context
	limits Limits
	own    ledger
	in     []kernels.Tensor
	out    []kernels.Tensor
	args   []kernels.Tensor // of the step under way
	made   []made           // what each step of the record left
	read   []*memory        // of model tensors
	work   uint64
	flops  int64
	given  int64
}

// made is what one step left; mem is nil for results that the caller keeps.
type made struct {
	out []kernels.Tensor
	mem []*memory
}

// madeWeight is what a result of a step takes besides its bytes.
const madeWeight = 128

// close frees what the request took.
func (w *walk) close() {
	for i := range w.made {
		m := &w.made[i]
		for _, mem := range m.mem {
			mem.free()
		}
		clear(m.out)
		clear(m.mem)
		m.out, m.mem = m.out[:0], m.mem[:0]
	}
	for _, m := range w.read {
		m.free()
	}
	clear(w.read)
	clear(w.args[:cap(w.args)])
	*w = walk{made: w.made, args: w.args[:0], read: w.read[:0]}
}

// waits reports whether the walk is small enough to wait for another request.
func (w *walk) waits() bool {
	n := len(w.made) + cap(w.args)
	for i := range w.made {
		n += cap(w.made[i].out)
	}
	return n <= maxWaiting
}

// maxWaiting bounds the steps, results and arguments of a walk that waits.
const maxWaiting = 512

// tensor is the tensor behind a source; one that the model holds is read into
// memory of its own.
func (w *walk) tensor(s source) (kernels.Tensor, error) {
	switch s.step {
	case fromRequest:
		return w.in[s.index], nil
	case fromModel:
		t := w.m.tensors[abi.Handle(s.index)]
		if t == nil || t.view == nil {
			return kernels.Tensor{}, ErrInternal
		}
		m, err := allocate(&w.own, t.typ.Bytes())
		if err != nil {
			return kernels.Tensor{}, err
		}
		w.read = append(w.read, m)
		return kernels.Tensor{Type: t.typ, Data: m.data}, t.view.read(w.ctx, w.m.pool, m.data)
	}
	return w.made[s.step].out[s.index], nil
}

// from follows the tree from its root to the results of a path.
func (w *walk) from(n *node) (bool, error) {
	for n != nil {
		if grow := int(n.first) + len(n.steps) - len(w.made); grow > 0 {
			w.made = append(w.made, make([]made, grow)...)
		}
		for i := range n.steps {
			if err := w.step(n, i); err != nil {
				return true, err
			}
		}
		if n.next == nil {
			return true, w.results(n)
		}
		t, err := w.tensor(n.from)
		if err != nil {
			return true, err
		}
		var told [guardBytes]byte
		p := told[:copy(told[:], t.Data[n.off:n.off+n.n])]
		canonical(t.DType, p)
		w.m.plans.mu.Lock()
		n = n.next[string(p)]
		w.m.plans.mu.Unlock()
	}
	return false, nil
}

// step does one step of n: it runs a program or frees a tensor.
func (w *walk) step(n *node, i int) error {
	s := &n.steps[i]
	if s.free {
		if f := &w.made[s.from.step]; int(s.from.index) < len(f.mem) {
			f.mem[s.from.index].free()
			f.out[s.from.index].Data = nil
		}
		return nil
	}
	p := s.prog
	at := n.first + int32(i)
	if w.work = addWork(w.work, p.layout.work); w.work > w.limits.Work {
		return ErrWork
	}
	w.flops = tensor.AddSat(w.flops, p.layout.flops)
	w.args = w.args[:0]
	for _, src := range s.in {
		t, err := w.tensor(src)
		if err != nil {
			return err
		}
		w.args = append(w.args, t)
	}
	if err := w.own.charge(madeWeight * int64(len(p.out))); err != nil {
		return err
	}
	m := &w.made[at]
	for j := range p.out {
		t := kernels.Tensor{Type: p.outType(j)}
		var mem *memory
		var err error
		if n.gives(source{at, int32(j)}) {
			t.Data, err = w.give(t.Type)
		} else if mem, err = allocate(&w.own, t.Type.Bytes()); err == nil {
			t.Data = mem.data
		}
		if err != nil {
			return err
		}
		m.out, m.mem = append(m.out, t), append(m.mem, mem)
	}
	err := p.run(w.ctx, w.m, &w.own, w.args, m.out)
	if err != nil && refusal(err) == abi.ErrValue {
		return ErrValue
	}
	return err
}

// gives reports whether s is a result of the path that ends in n.
func (n *node) gives(s source) bool {
	for _, o := range n.out {
		if o == s {
			return true
		}
	}
	return false
}

// give is memory for a result: on the heap, so that it outlives everything.
func (w *walk) give(t tensor.Type) ([]byte, error) {
	if w.given += t.Bytes(); w.given > w.limits.Output {
		return nil, ErrOutput
	}
	if err := w.own.charge(t.Bytes()); err != nil {
		return nil, err
	}
	return tensor.Aligned(t.Bytes()), nil
}

// results are the outputs of the path that ends in n. A tensor that is not a
// fresh result, or is one twice, is copied.
func (w *walk) results(n *node) error {
	for i, s := range n.out {
		if n.types[i] == (tensor.Type{}) {
			continue
		}
		t, err := w.tensor(s)
		if err != nil {
			return err
		}
		fresh := s.step >= n.first && w.made[s.step].mem[s.index] == nil
		for _, before := range n.out[:i] {
			fresh = fresh && before != s
		}
		if !fresh {
			data, err := w.give(t.Type)
			if err != nil {
				return err
			}
			copy(data, t.Data)
			t.Data = data
		}
		canonical(t.DType, t.Data)
		w.out[i] = t
	}
	return nil
}
