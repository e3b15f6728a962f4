package host

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func hashKey(tag byte, a, b int64, t tensor.Type) key {
	buf := []byte{tag}
	buf = binary.LittleEndian.AppendUint64(buf, uint64(a))
	buf = binary.LittleEndian.AppendUint64(buf, uint64(b))
	return sha256.Sum256(abi.AppendType(buf, t))
}

// execute runs one kernel. A panic is our bug, not the caller's: it becomes an
// error that poisons the model, and never unwinds into the engine.
func execute(k *kernels.Op, c *kernels.Call) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %s: %v", ErrInternal, k.Name(), r)
		}
	}()
	switch err := k.Run(c); {
	case err == nil:
		return nil
	case errors.Is(err, kernels.ErrPanic):
		return fmt.Errorf("%w: %w", ErrInternal, err)
	case errors.Is(err, context.DeadlineExceeded):
		return ErrTime
	case errors.Is(err, context.Canceled):
		return ErrCanceled
	default:
		return err
	}
}

func packInto(o *op, w kernels.Tensor, dst []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %s: %v", ErrInternal, o.row.kernel.Name(), r)
		}
	}()
	o.row.kernel.Pack(&o.plan, w, dst)
	return nil
}

// run computes a sealed program on inputs whose types are its own. give makes
// the memory of output i; everything else lives in an arena that ends with the
// run. The caller has charged the work.
func (p *program) run(ctx context.Context, m *Model, l *ledger, in []kernels.Tensor, give func(i int, t tensor.Type) ([]byte, error)) ([]kernels.Tensor, error) {
	if err := m.prepare(ctx, p); err != nil {
		return nil, err
	}
	lay := &p.layout
	f, err := m.frame(p, l)
	if err != nil {
		return nil, err
	}
	defer m.rest(p, f)
	arena := f.arena
	out := make([]kernels.Tensor, len(p.out))
	for i := range out {
		t := p.outType(i)
		data, err := give(i, t)
		if err != nil {
			return nil, err
		}
		out[i] = kernels.Tensor{Type: t, Data: data}
	}
	scratch := arena.data[lay.arena-lay.scratch:]
	c := &f.call
	c.Ctx, c.Pool = ctx, m.pool
	for _, s := range lay.steps {
		o := &p.ops[s]
		if o.row.alias {
			continue
		}
		c.Plan, c.In, c.Out = &o.plan, c.In[:0], c.Out[:0]
		packed := o.packs(p)
		for i, v := range o.in {
			switch {
			case v == 0:
				c.In = append(c.In, kernels.Tensor{})
			case i == 1 && packed:
				c.In = append(c.In, kernels.Tensor{Type: p.values[v-1].typ})
			default:
				c.In = append(c.In, p.tensor(int32(v)-1, in, out, arena.data))
			}
		}
		for j := range o.plan.Out {
			c.Out = append(c.Out, p.tensor(int32(o.first)-1+int32(j), in, out, arena.data))
		}
		c.Packed, c.Scratch = p.ready.packed[s], scratch[:o.scratch(p)]
		if err := stopped(ctx); err != nil {
			return nil, err
		}
		profile := m.profile.Load()
		if profile != nil {
			profile.begin()
		}
		if err := execute(o.row.kernel, c); err != nil {
			if errors.Is(err, ErrInternal) {
				m.poison()
			}
			return nil, err
		}
		if profile != nil {
			profile.end(o, c)
		}
	}
	for i, v := range p.out {
		if pl := lay.places[v-1]; pl.kind != atOutput || pl.at != int64(i) {
			copy(out[i].Data, p.tensor(int32(v)-1, in, out, arena.data).Data)
		}
	}
	return out, nil
}

// tensor is value i during a run.
func (p *program) tensor(i int32, in, out []kernels.Tensor, arena []byte) kernels.Tensor {
	t := kernels.Tensor{Type: p.values[i].typ}
	n := t.Type.Bytes()
	switch pl := p.layout.places[i]; pl.kind {
	case atInput:
		t.Data = in[pl.at].Data
	case atConst:
		t.Data = p.ready.data[i]
	case atArena:
		t.Data = arena[pl.at : pl.at+n : pl.at+n]
	case atOutput:
		t.Data = out[pl.at].Data
	}
	return t
}
