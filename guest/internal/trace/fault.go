package trace

import (
	"fmt"
	"strings"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// Fail ends the trace with a fault that names no place; the graph walker adds
// the node and the offset. Lowerings are long chains of calls that may each be
// refused by the host: the panic that scan.Catch ends keeps them readable.
func (t *Tracer) Fail(kind abi.FaultKind, format string, args ...any) {
	scan.Refuse(abi.Fault{Kind: kind, Offset: -1, Text: fmt.Sprintf(format, args...)})
}

// present fails where a value that an operator cannot do without is absent.
func (t *Tracer) present(vs ...*Value) {
	for _, v := range vs {
		if v == nil {
			t.Fail(abi.FaultMalformed, "an input that is required is absent")
		}
	}
}

// blame is the kind of fault that an errno of the host stands for, when it
// refuses something that the file asked for.
func (t *Tracer) blame(e abi.Errno) abi.FaultKind {
	switch e {
	case abi.ErrDType, abi.ErrRank, abi.ErrUnknown, abi.ErrCount, abi.ErrRecord:
		return abi.FaultUnsupported
	case abi.ErrShape, abi.ErrSize, abi.ErrValue, abi.ErrType, abi.ErrRefused:
		if t.dynamic {
			return abi.FaultInput
		}
	}
	return abi.FaultMalformed
}

// must throws unless e is OK.
func (t *Tracer) must(e abi.Errno, doing string) {
	if e != abi.OK {
		t.Fail(t.blame(e), "%s: %v", doing, e)
	}
}

func describe(in []*result) string {
	var b strings.Builder
	for i, r := range in {
		if i > 0 {
			b.WriteString(", ")
		}
		if i == 8 {
			fmt.Fprintf(&b, "and %d more", len(in)-i)
			break
		}
		if r == nil {
			b.WriteString("none")
			continue
		}
		b.WriteString(r.typ.String())
	}
	return b.String()
}
