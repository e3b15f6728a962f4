//go:build linux || darwin

package pages

import "testing"

func TestLargeRegionsAreAligned(t *testing.T) {
	for _, size := range []int64{hugePage, 3*hugePage + 5} {
		r, err := AllocFlush(size)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Free()
		first := address(r.space.bytes(0, 1))
		if first%hugePage != 0 {
			t.Errorf("a region of %d bytes starts at %#x", size, first)
		}
		b := r.Bytes()
		last := address(b) + int64(len(b))
		if last != first+roundUp(size) {
			t.Errorf("the block of %d bytes ends at %#x, its pages at %#x", size, last, first+roundUp(size))
		}
		end := r.space.front + roundUp(size)
		if !faults(touch(r.space.all, end)) || !faults(touch(r.space.all, r.space.front-1)) {
			t.Errorf("a region of %d bytes lacks a guard", size)
		}
	}
}
