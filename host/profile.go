package host

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/glovebox-ml/glovebox/kernels"
)

// Profile is where the time of runs goes.
type Profile struct {
	mu    sync.Mutex
	run   int
	lines map[string]*ProfileLine
}

// ProfileLine is what the calls of one op on the same types took in a run.
type ProfileLine struct {
	Op    string        `json:"op"`
	Types string        `json:"types"` // of the inputs and the first result
	Calls int           `json:"calls"`
	Time  time.Duration `json:"nanoseconds"` // the median of the runs
	Flops int64         `json:"flops"`
	Bytes int64         `json:"bytes"`

	times []time.Duration // of each run
}

// Profiled calls run so many times with every kernel call of the model timed.
// Other runs beside it would be counted too: there should be none.
func (m *Model) Profiled(runs int, run func() error) ([]ProfileLine, error) {
	p := &Profile{lines: map[string]*ProfileLine{}}
	m.profile.Store(p)
	defer m.profile.Store(nil)
	for range runs {
		if err := run(); err != nil {
			return nil, err
		}
		p.mu.Lock()
		p.run++
		p.mu.Unlock()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	lines := make([]ProfileLine, 0, len(p.lines))
	for _, l := range p.lines {
		n := len(l.times)
		slices.Sort(l.times)
		l.Time, l.Calls, l.Flops, l.Bytes = l.times[n/2], l.Calls/n, l.Flops/int64(n), l.Bytes/int64(n)
		lines = append(lines, *l)
	}
	slices.SortFunc(lines, func(a, b ProfileLine) int {
		if a.Time != b.Time {
			return int(b.Time - a.Time)
		}
		return strings.Compare(a.Op+a.Types, b.Op+b.Types)
	})
	return lines, nil
}

// add counts a call that began at start.
func (p *Profile) add(start time.Time, o *op, c *kernels.Call) {
	took := time.Since(start)
	p.mu.Lock()
	defer p.mu.Unlock()
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
	for len(l.times) <= p.run {
		l.times = append(l.times, 0)
	}
	l.times[p.run] += took
	l.Calls++
	l.Flops += o.plan.Flops
	l.Bytes += o.plan.Bytes
}
