package runtime

import (
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/runtime/internal/engine"
)

// TestHotSuffices: the shipped model and what is decoded for it need no more
// than the hot part of the guest. Where this fails after a change to the guest,
// just hot notes which functions are hot now.
func TestHotSuffices(t *testing.T) {
	c := &compiled{}
	rt := open(t, Config{})
	rt.guests = c
	m := digits(t, rt)
	if _, err := m.Run(t.Context(), images(t, 1, 1)); err != nil {
		t.Fatal(err)
	}
	for name, spec := range map[string]ImageSpec{"five.png": {Width: 8, Height: 8, Channels: 1}, "test_data_set_0/input_0.pb": {}} {
		if _, err := rt.Decode(t.Context(), Bytes(name, file(t, name)), spec); err != nil {
			t.Fatal(err)
		}
	}
	if _, n := c.widest(); n != hot {
		t.Errorf("extent %d of the guest was needed", n)
	}
}

// TestWarmSuffices: whatever is done with the shipped files needs no more than
// the warm part of the guest.
func TestWarmSuffices(t *testing.T) {
	c := &compiled{}
	rt := open(t, Config{})
	rt.guests = c
	for _, path := range found(t, "*.onnx ../weights/*.[^pj]* ../flux/*.bson ../architecture/digits.json") {
		useAll(t, rt, path)
		if _, n := c.widest(); n != warm {
			t.Fatalf("%s: extent %d of the guest was needed", path, n)
		}
	}
}

// TestPartsGiveWay: where a guest lacks something, the call is made anew with
// guests that lack nothing, be it in a load or in a run.
func TestPartsGiveWay(t *testing.T) {
	lacking := func(f *fake) {
		if extent(f.have.Load()) < whole {
			panic(engine.TrapAbsent)
		}
	}
	for name, lack := range map[string]func(f *fake){
		"load": func(f *fake) {
			whole := f.load
			f.load = func(box abi.Box, task abi.Task) uint32 { lacking(f); return whole(box, task) }
		},
		"run": func(f *fake) {
			whole := f.run
			f.run = func(box abi.Box) uint32 { lacking(f); return whole(box) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := doubling()
			lack(f)
			m := loaded(t, with(t, f, Config{}))
			for n := range 3 {
				if _, err := m.Run(t.Context(), row(t, n+1)); err != nil {
					t.Fatal(err)
				}
			}
			if n := extent(f.have.Load()); n != whole {
				t.Errorf("extent %d of the guest", n)
			}
			if s := m.Stats(); s.Entered+s.Served != 3 {
				t.Errorf("%d runs entered the box and %d did not", s.Entered, s.Served)
			}
		})
	}
}
