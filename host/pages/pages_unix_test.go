//go:build linux || darwin

package pages

import (
	"bytes"
	"errors"
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

// faults reports whether f touches memory that it may not.
func faults(f func()) (bad bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { bad = recover() != nil }()
	f()
	return false
}

// touch reads byte i of a mapping, which may be a guard's.
func touch(all []byte, i int64) func() {
	return func() { runtime.KeepAlive(bytes.Clone(all[i : i+1])) }
}

func TestGuards(t *testing.T) {
	r, err := AllocFlush(100)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Free()
	all, page := r.space.all, page()
	end := guard + page
	for name, c := range map[string]struct {
		f    func()
		want bool
	}{
		"first":        {touch(all, end-100), false},
		"last":         {touch(all, end-1), false},
		"behind":       {touch(all, end), true},
		"end of all":   {touch(all, int64(len(all))-1), true},
		"before":       {touch(all, guard-1), true},
		"start of all": {touch(all, 0), true},
	} {
		if got := faults(c.f); got != c.want {
			t.Errorf("%s: fault = %v", name, got)
		}
	}
	if &r.Bytes()[0] != &all[end-100] {
		t.Error("the block is not flush with the guard")
	}

	grown, err := Reserve(3 * page)
	if err != nil {
		t.Fatal(err)
	}
	defer grown.Free()
	if _, err := grown.Grow(page); err != nil {
		t.Fatal(err)
	}
	if !faults(touch(grown.space.all, guard+page)) {
		t.Error("memory that was not committed can be read")
	}
	b := grown.Bytes()
	b[0] = 3
	if err := grown.ReadOnly(); err != nil {
		t.Fatal(err)
	}
	if !faults(func() { b[0] = 4 }) || b[0] != 3 {
		t.Error("read-only memory was written")
	}
	if _, err := grown.Grow(2 * page); !errors.Is(err, ErrReadOnly) {
		t.Errorf("growing a read-only region: %v", err)
	}
}

func TestReserveIsCheap(t *testing.T) {
	if math.MaxInt == math.MaxInt32 {
		t.Skip("no room for such reservations")
	}
	for range 200 {
		r, err := Reserve(8<<30 + 64<<10)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Free()
	}
}
