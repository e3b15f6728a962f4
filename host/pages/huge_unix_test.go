//go:build linux || darwin

package pages

import "testing"

func TestLargeRegionsAreAligned(t *testing.T) {
	for _, size := range []int64{hugePage, 3*hugePage + 5} {
		r, err := Reserve(size)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Free()
		b, err := r.Grow(size)
		if err != nil {
			t.Fatal(err)
		}
		if address(b)%hugePage != 0 {
			t.Errorf("a region of %d bytes starts at %#x", size, address(b))
		}
		end := r.space.front + roundUp(size)
		if !faults(touch(r.space.all, end)) || !faults(touch(r.space.all, r.space.front-1)) {
			t.Errorf("a region of %d bytes lacks a guard", size)
		}
	}
}
