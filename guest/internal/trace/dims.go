package trace

import "github.com/glovebox-ml/glovebox/guest/abi"

type sealed struct{}

func (t *Tracer) dimsOf(r *result) []Int { return nil }

func (t *Tracer) guard(cmp abi.Cmp, a Int, limit int64) {}

func (t *Tracer) place(v *Value) *result { return nil }

func (t *Tracer) through(op abi.Op, a abi.Attrs, in []*Value) []*Value { return nil }
