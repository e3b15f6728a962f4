package cli

import (
	"context"
	"fmt"
	"io"

	glovebox "github.com/glovebox-ml/glovebox/runtime"
)

// cost is what one run of a model would take, worked out from types alone.
// Free dims are 1 unless dims says otherwise.
func cost(ctx context.Context, rt *glovebox.Runtime, parts []glovebox.Part, dims map[string]int) (glovebox.Cost, error) {
	m, err := rt.Load(ctx, parts...)
	if err != nil {
		return glovebox.Cost{}, err
	}
	defer m.Close()
	in := map[string]glovebox.Type{}
	for _, p := range m.Inputs() {
		if !p.Optional {
			in[p.Name] = glovebox.Type{DType: p.DType, Shape: sizes(p, dims)}
		}
	}
	return m.Cost(ctx, in)
}

func printCost(w io.Writer, c *glovebox.Cost) {
	if c == nil {
		return
	}
	rest := ""
	if !c.Exact {
		rest = ", and more that depends on the data"
	}
	fmt.Fprintf(w, "%-9s %d units of work, %.4g FLOP, %.1f MiB%s\n", "a run", c.Work, float64(c.Flops), float64(c.Memory)/(1<<20), rest)
}
