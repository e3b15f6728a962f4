package tensor

import "testing"

func TestViewSharesMemory(t *testing.T) {
	b := Aligned(16)
	v := View[uint32](b)
	if len(v) != 4 || cap(v) != 4 {
		t.Fatalf("got %d of %d elements", len(v), cap(v))
	}
	v[1] = 0x01020304
	if got := Bytes(v); &got[0] != &b[0] || len(got) != len(b) || got[4]+got[5]+got[6]+got[7] != 10 {
		t.Errorf("got %v of %v", got, b)
	}
	if View[float64](nil) != nil || Bytes[float64](nil) != nil {
		t.Error("nothing has memory")
	}
}

func TestViewRefusesOtherMemory(t *testing.T) {
	b := Aligned(24)
	for _, c := range []struct {
		name string
		b    []byte
	}{
		{"misaligned", b[4:12]},
		{"part of an element", b[:12]},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", c.name)
				}
			}()
			View[uint64](c.b)
		}()
	}
}

func TestAligned(t *testing.T) {
	for n := int64(-1); n < 40; n++ {
		b := Aligned(n)
		if int64(len(b)) != max(n, 0) || cap(b) != len(b) {
			t.Errorf("%d: got %d of %d bytes", n, len(b), cap(b))
		}
		View[uint64](b[:len(b)&^7])
	}
}
