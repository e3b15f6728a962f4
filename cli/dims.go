package cli

import (
	"slices"
	"strconv"
	"strings"

	glovebox "github.com/glovebox-ml/glovebox/runtime"
)

// dimSizes reads --dim NAME=N flags. A name may hold an equals sign, a size
// does not.
func dimSizes(flags []string) (map[string]int, error) {
	dims := map[string]int{}
	for _, f := range flags {
		at := max(strings.LastIndex(f, "="), 0)
		n, err := strconv.Atoi(strings.TrimPrefix(f[at:], "="))
		if err != nil || n < 0 || at == 0 {
			return nil, usagef("--dim %q: want NAME=N", f)
		}
		if _, twice := dims[f[:at]]; twice {
			return nil, usagef("--dim %s is given twice", quoted(f[:at]))
		}
		dims[f[:at]] = n
	}
	return dims, nil
}

// checkDims refuses sizes of dims that no input has.
func checkDims(dims map[string]int, ports []glovebox.Port) error {
	var free, shown []string
	for _, p := range ports {
		for _, d := range p.Dims {
			if d.Size < 0 && d.Name != "" && !slices.Contains(free, d.Name) {
				free, shown = append(free, d.Name), append(shown, quoted(d.Name))
			}
		}
	}
	for name := range dims {
		if !slices.Contains(free, name) {
			known := "none (no dim is free and has a name)"
			if len(free) > 0 {
				known = strings.Join(shown, ", ")
			}
			return usagef("--dim %s is no free dim of an input; give one of %s", quoted(name), known)
		}
	}
	return nil
}

// sizes is a shape for a port: free dims are 1, or what dims has for their
// name.
func sizes(p glovebox.Port, dims map[string]int) []int {
	shape := make([]int, len(p.Dims))
	for i, d := range p.Dims {
		shape[i] = d.Size
		if d.Size < 0 {
			shape[i] = 1
			if n, ok := dims[d.Name]; ok && d.Name != "" {
				shape[i] = n
			}
		}
	}
	return shape
}

// product is how many elements a shape has; it is not ok over the limit.
func product(shape []int, limit int) (n int, ok bool) {
	if slices.Contains(shape, 0) {
		return 0, true
	}
	n = 1
	for _, d := range shape {
		if d < 0 || d > limit/n {
			return 0, false
		}
		n *= d
	}
	return n, true
}
