package flux

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/boxtest"
)

// sharedLayer is a file whose n layers are one value.
func sharedLayer(n int, layer doc) doc {
	var layers list
	for range n {
		layers = append(layers, ref(1))
	}
	return append(model(layers...), pair{backrefs, list{layer}})
}

// TestLinear: work is in proportion to the size of a file, also where many
// values refer to a long one. It is counted in bytes that are allocated, which
// hardly vary.
func TestLinear(t *testing.T) {
	for name, file := range map[string]func(n int) doc{
		"closures": func(n int) doc {
			var layers list
			for range n {
				layers = append(layers, anonymous(list{floats(2)}))
			}
			return model(layers...)
		},
		"a chain of references": func(n int) doc {
			refs := list{denseOf(2, 2)}
			for i := range n {
				refs = append(refs, chainOf(ref(i+1)))
			}
			return append(model(ref(n+1)), pair{backrefs, refs})
		},
		"one long name for all": func(n int) doc {
			return sharedLayer(n, structure("Main."+strings.Repeat("x", 100*n)))
		},
		"one long tag for all": func(n int) doc {
			return sharedLayer(n, doc{{"tag", strings.Repeat("x", 100*n)}})
		},
		"one long list for all": func(n int) doc {
			return sharedLayer(n, structure("Flux.MaxPool", tuple(make(list, 10*n)...), tuple(), tuple()))
		},
		"one long dict for all": func(n int) doc {
			var d doc
			for i := range 10 * n {
				d = append(d, pair{fmt.Sprint(i), nil})
			}
			return sharedLayer(n, d)
		},
		"one type for all": func(n int) doc {
			var layers list
			for range n {
				layers = append(layers, doc{{"tag", "struct"}, {"type", ref(1)}, {"data", list{nil}}})
			}
			return append(model(layers...), pair{backrefs, list{datatype("Flux.GRU", make(list, 10*n)...)}})
		},
		"long names inside each other": func(n int) doc {
			d := doc{}
			for range 20 {
				d = doc{{strings.Repeat("k", 1000), d}, {"a", floats(1)}}
			}
			var all list
			for range n {
				all = append(all, d)
			}
			return doc{{"d", all}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			cost := func(n int) float64 {
				data := []byte(file(n).String())
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				visitAll(data)
				runtime.ReadMemStats(&after)
				return float64(after.TotalAlloc-before.TotalAlloc) / float64(len(data))
			}
			if small, large := cost(100), cost(400); large > 1.6*small {
				t.Errorf("%.1f bytes for each of a file, and %.1f where it is four times as long", small, large)
			}
		})
	}
}

// TestNetworks: of several networks in a file each has its ports, and a run
// takes those that are given.
func TestNetworks(t *testing.T) {
	both := structure("Core.NamedTuple", denseOf(3, 2), denseOf(2, 1))
	both = both.with("type", datatype("Core.NamedTuple", tuple(symbol("a"), symbol("b")), datatype("Core.Tuple")))
	file := doc{{"encoder", chainOf(denseOf(2, 3))}, {"both", both}, {"epoch", 7}, {"refused", chainOf(anonymous(nil))}}
	box := boxtest.New([]byte(file.String()))
	Load(box, abi.TaskModel)
	var names []string
	for _, p := range box.Ports {
		if !p.Optional {
			t.Errorf("%s has to be given", p.Name)
		}
		names = append(names, p.Name)
	}
	if fmt.Sprint(names) != "[encoder encoder both.a both.a both.b both.b]" {
		t.Error(names)
	}
}
