//go:build linux || darwin

package pages

import "testing"

func TestLargeRegions(t *testing.T) {
	for _, size := range []int64{hugePage, 3*hugePage + 5} {
		linear, err := Reserve(size)
		if err != nil {
			t.Fatal(err)
		}
		defer linear.Free()
		b, err := linear.Grow(size)
		if err != nil {
			t.Fatal(err)
		}
		if address(b)%hugePage != 0 {
			t.Errorf("a linear memory of %d bytes starts at %#x", size, address(b))
		}
		flush, err := AllocFlush(size)
		if err != nil {
			t.Fatal(err)
		}
		defer flush.Free()
		first, b := address(flush.space.bytes(0, 1)), flush.Bytes()
		if last := address(b) + int64(len(b)); last != first+roundUp(size) {
			t.Errorf("the block of %d bytes ends at %#x, its pages at %#x", size, last, first+roundUp(size))
		}
		for _, r := range []*Region{linear, flush} {
			end := r.space.front + roundUp(size)
			if !faults(touch(r.space.all, end)) || !faults(touch(r.space.all, r.space.front-1)) {
				t.Errorf("a region of %d bytes lacks a guard", size)
			}
		}
	}
}
