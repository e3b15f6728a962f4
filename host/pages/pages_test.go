package pages

import (
	"bytes"
	"errors"
	"math"
	"testing"
)

func TestGrow(t *testing.T) {
	r, err := Reserve(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Free()
	first, err := r.Grow(100)
	if err != nil || len(first) != 100 || cap(first) != 100 {
		t.Fatalf("Grow(100) = %d bytes of %d, %v", len(first), cap(first), err)
	}
	first[99] = 7
	for _, n := range []int64{101, 4096, 70000, 1 << 20} {
		b, err := r.Grow(n)
		if err != nil || int64(len(b)) != n {
			t.Fatalf("Grow(%d) = %d bytes, %v", n, len(b), err)
		}
		if b[99] != 7 || bytes.Count(b, []byte{0}) != len(b)-1 {
			t.Fatalf("Grow(%d) lost or made bytes", n)
		}
		if Guarded && &b[0] != &first[0] {
			t.Fatalf("Grow(%d) moved", n)
		}
	}
	if b, err := r.Grow(5); err != nil || len(b) != 1<<20 {
		t.Fatalf("Grow(5) = %d bytes, %v", len(b), err)
	}
	if _, err := r.Grow(1<<20 + 1); !errors.Is(err, ErrSize) {
		t.Fatalf("Grow past the reservation: %v", err)
	}
}

func TestSizes(t *testing.T) {
	for _, n := range []int64{-1, math.MinInt64, math.MaxInt64} {
		for name, f := range map[string]func(int64) (*Region, error){"Reserve": Reserve, "Alloc": Alloc, "AllocFlush": AllocFlush} {
			if _, err := f(n); !errors.Is(err, ErrSize) {
				t.Errorf("%s(%d): %v", name, n, err)
			}
		}
	}
	for _, n := range []int64{0, 1, 4095, 4096, 4097, 1 << 20} {
		for name, f := range map[string]func(int64) (*Region, error){"Alloc": Alloc, "AllocFlush": AllocFlush} {
			r, err := f(n)
			if err != nil {
				t.Fatalf("%s(%d): %v", name, n, err)
			}
			b := r.Bytes()
			for i := range b {
				b[i] = 1
			}
			if int64(len(b)) != n {
				t.Errorf("%s(%d) is %d bytes", name, n, len(b))
			}
			if err := r.ReadOnly(); err != nil {
				t.Errorf("%s(%d).ReadOnly: %v", name, n, err)
			}
			for range 2 {
				if err := r.Free(); err != nil {
					t.Errorf("%s(%d).Free: %v", name, n, err)
				}
			}
			if r.Bytes() != nil {
				t.Errorf("%s(%d) has bytes after Free", name, n)
			}
			if _, err := r.Grow(1); !errors.Is(err, ErrFreed) {
				t.Errorf("%s(%d).Grow after Free: %v", name, n, err)
			}
		}
	}
	if Guarded {
		if _, err := Reserve(maxSize); !errors.Is(err, ErrMemory) {
			t.Errorf("all address space: %v", err)
		}
	}
}
