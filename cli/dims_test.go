package cli

import (
	"maps"
	"math"
	"strings"
	"testing"

	glovebox "github.com/glovebox-ml/glovebox/runtime"
)

func TestDims(t *testing.T) {
	ports := []glovebox.Port{{Name: "x", Dims: []glovebox.Dim{{Name: "batch", Size: -1}, {Name: "c", Size: 3}, {Size: -1}}}, {Name: "y", Dims: []glovebox.Dim{{Name: "n=1", Size: -1}}}}
	tests := []struct {
		flags string
		dims  map[string]int
		err   string
	}{
		{"batch=8 n=1=0", map[string]int{"batch": 8, "n=1": 0}, ""},
		{"bacth=8", nil, `--dim bacth is no free dim of an input; give one of batch, "n=1"`},
		{"c=3", nil, "--dim c is no free dim of an input"},
		{"batch=2 batch=3", nil, "--dim batch is given twice"},
		{"batch", nil, `--dim "batch": want NAME=N`},
		{"5", nil, "want NAME=N"},
		{"=5", nil, "want NAME=N"},
		{"batch=-1", nil, "want NAME=N"},
		{"batch=99999999999999999999", nil, "want NAME=N"},
	}
	for _, tt := range tests {
		got, err := dimSizes(strings.Fields(tt.flags))
		if err == nil {
			err = checkDims(got, ports)
		}
		switch {
		case tt.err != "" && (err == nil || report(new(strings.Builder), err) != exitUsage || !strings.Contains(err.Error(), tt.err)):
			t.Errorf("%s: %v, want %s", tt.flags, err, tt.err)
		case tt.err == "" && (err != nil || !maps.Equal(got, tt.dims)):
			t.Errorf("%s: %v, %v", tt.flags, got, err)
		}
	}
}

func TestProduct(t *testing.T) {
	tests := []struct {
		shape []int
		n     int
		ok    bool
	}{
		{nil, 1, true},
		{[]int{2, 3, 4}, 24, true},
		{[]int{10, 10}, 100, true},
		{[]int{10, 11}, 0, false},
		{[]int{math.MaxInt}, 0, false},
		{[]int{1 << 32, 1 << 32}, 0, false},
		{[]int{1 << 33, 1 << 33, 0}, 0, true},
		{[]int{-1}, 0, false},
	}
	for _, tt := range tests {
		if n, ok := product(tt.shape, 100); n != tt.n || ok != tt.ok {
			t.Errorf("%v: %d, %v", tt.shape, n, ok)
		}
	}
}
