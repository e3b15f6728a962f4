package flux

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/boxtest"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// publishedParts are the paths of what stands in the way in published files.
var publishedParts = map[string][]string{
	"models/flux/ppo-cartpole-policy.bson":     {"π.layers[3]"},
	"models/flux/trpo-pendulum-policy-mu.bson": {"μ.layers[3]", "μ.layers[4]"},
}

// TestListed: of each file, published or of what people save, every array is
// listed, with the bytes that another reader found, and what is refused is named.
func TestListed(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(golden, "arrays.json"))
	if err != nil {
		t.Fatal(err)
	}
	var files map[string][][]any // type, dims, hash
	if err := json.Unmarshal(text, &files); err != nil {
		t.Fatal(err)
	}
	if text, err = os.ReadFile(filepath.Join(golden, "refused.json")); err != nil {
		t.Fatal(err)
	}
	var parts map[string][]string
	if err := json.Unmarshal(text, &parts); err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(shared, name)
			refusedHere, ours := parts[name]
			if ours {
				path = filepath.Join(golden, name)
			} else {
				refusedHere = publishedParts[name]
			}
			file, err := os.ReadFile(path)
			if os.IsNotExist(err) && !ours {
				t.Skip("no file " + name)
			} else if err != nil {
				t.Fatal(err)
			}
			box := boxtest.New(file)
			Inspect(box, abi.TaskInspect)
			got := [][]any{}
			var refused []string
			for _, it := range box.Items {
				switch it.Kind {
				case abi.ItemTensor:
					hash := sha256.Sum256(file[it.Offset:][:it.Ints[1]])
					got = append(got, []any{tensor.DType(it.Ints[0]).String(), it.Ints[2:], hex.EncodeToString(hash[:])})
				case abi.ItemRefused:
					refused = append(refused, it.Strings[1])
				}
			}
			slices.SortFunc(got, func(a, b []any) int {
				return cmp.Or(cmp.Compare(a[2].(string), b[2].(string)), slices.Compare(a[1].([]int64), b[1].([]int64)))
			})
			if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
				t.Errorf("arrays\n%s, want\n%s", g, w)
			}
			if !slices.Equal(refused, refusedHere) {
				t.Errorf("refused %q, want %q", refused, refusedHere)
			}
		})
	}
}
