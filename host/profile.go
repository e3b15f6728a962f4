package host

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/glovebox-ml/glovebox/kernels"
)

// Profile is where the time of one run at a time goes.
type Profile struct {
	start time.Time
	lines map[string]*ProfileLine
}

// ProfileLine is what the calls of one op on the same types took.
type ProfileLine struct {
	Op    string        `json:"op"`
	Types string        `json:"types"` // of the inputs and the first result
	Calls int           `json:"calls"`
	Time  time.Duration `json:"nanoseconds"`
	Flops int64         `json:"flops"`
	Bytes int64         `json:"bytes"`
}

// Profiled runs f with every kernel call of the model timed. Runs beside it
// would be counted too: there should be none.
func (m *Model) Profiled(f func() error) ([]ProfileLine, error) {
	p := &Profile{lines: map[string]*ProfileLine{}}
	m.profile.Store(p)
	err := f()
	m.profile.Store(nil)
	lines := make([]ProfileLine, 0, len(p.lines))
	for _, l := range p.lines {
		lines = append(lines, *l)
	}
	slices.SortFunc(lines, func(a, b ProfileLine) int {
		if a.Time != b.Time {
			return int(b.Time - a.Time)
		}
		return strings.Compare(a.Op+a.Types, b.Op+b.Types)
	})
	return lines, err
}

func (p *Profile) begin() { p.start = time.Now() }

func (p *Profile) end(o *op, c *kernels.Call) {
	took := time.Since(p.start)
	var b strings.Builder
	for i := range c.In {
		fmt.Fprintf(&b, "%v ", c.In[i].Shape())
	}
	fmt.Fprintf(&b, "→ %v", c.Out[0].Type)
	k := o.row.kernel.Name() + " " + b.String()
	l := p.lines[k]
	if l == nil {
		l = &ProfileLine{Op: o.row.kernel.Name(), Types: b.String()}
		p.lines[k] = l
	}
	l.Calls++
	l.Time += took
	l.Flops += o.plan.Flops
	l.Bytes += o.plan.Bytes
}
