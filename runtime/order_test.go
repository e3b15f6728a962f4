package runtime

import (
	"bytes"
	"testing"
)

// Whatever ran before, a request gives the same bytes and takes the same work:
// five sizes in all 120 orders, each order on a model of its own.
func TestAnyOrderGivesTheSame(t *testing.T) {
	rt := open(t, Config{})
	type answer struct {
		bytes []byte
		work  uint64
	}
	ask := func(m *Model, n int) answer {
		res, err := m.Run(t.Context(), images(t, n, 7))
		if err != nil {
			t.Fatal(err)
		}
		y, err := res.Tensor("probabilities")
		if err != nil {
			t.Fatal(err)
		}
		return answer{y.Bytes(), res.Cost.Work}
	}
	want := map[int]answer{}
	for n := 1; n <= 5; n++ {
		want[n] = ask(digits(t, rt), n)
	}
	var orders func(head, rest []int)
	orders = func(head, rest []int) {
		if len(rest) > 0 {
			for i, n := range rest {
				left := append(append([]int(nil), rest[:i]...), rest[i+1:]...)
				orders(append(head, n), left)
			}
			return
		}
		m := digits(t, rt)
		defer m.Close()
		for _, n := range head {
			got := ask(m, n)
			if !bytes.Equal(got.bytes, want[n].bytes) || got.work != want[n].work {
				t.Fatalf("order %v: batch %d took work %d and gives other bytes than alone, with work %d", head, n, got.work, want[n].work)
			}
		}
	}
	orders(nil, []int{1, 2, 3, 4, 5})
}
