package host

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

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
func execute(k *kernels.Op, c *kernels.Call) error {
	return guarded(k, func() error { return k.Run(c) })
}

// packInto packs the constant w, which is an input of the op of c.
func packInto(k *kernels.Op, c *kernels.Call, w kernels.Tensor, dst []byte) error {
	return guarded(k, func() error { return k.Pack(c, w, dst) })
}

func guarded(k *kernels.Op, do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %s: %v", ErrInternal, k.Name(), r)
		}
	}()
	switch err := do(); {
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

// run computes a sealed program on inputs whose types are its own, into the
// memory of out; everything else lives in an arena that ends with the run. The
// caller has charged the work.
func (p *program) run(ctx context.Context, m *Model, l *ledger, in, out []kernels.Tensor) error {
	if err := m.prepare(ctx, p); err != nil {
		return err
	}
	a, err := m.take(p, l)
	if err != nil {
		return err
	}
	defer m.rest(a, p, l)
	return a.frames[p].run(ctx, m, in, out)
}

// run makes the calls of the frame.
func (f *frame) run(ctx context.Context, m *Model, in, out []kernels.Tensor) error {
	for _, b := range f.binds {
		if b.out {
			f.args[b.arg].Data = out[b.at].Data
		} else {
			f.args[b.arg].Data = in[b.at].Data
		}
	}
	profile := m.profile.Load()
	for i := range f.calls {
		if err := stopped(ctx); err != nil {
			return err
		}
		c := &f.calls[i]
		c.Ctx = ctx
		if t := f.turns[i]; t != nil {
			if err := t.run(ctx, m, c); err != nil {
				return err
			}
			continue
		}
		var start time.Time
		if profile != nil {
			start = time.Now()
		}
		if err := execute(f.ops[i].row.kernel, c); err != nil {
			if errors.Is(err, ErrInternal) {
				m.poison()
			}
			return err
		}
		if profile != nil {
			profile.add(start, f.ops[i], c)
		}
	}
	for _, c := range f.copies {
		if err := stopped(ctx); err != nil {
			return err
		}
		from := c.from
		switch c.kind {
		case atInput:
			from = in[c.at].Data
		case atOutput:
			from = out[c.at].Data
		}
		copy(out[c.out].Data, from)
	}
	return nil
}
