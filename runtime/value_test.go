package runtime

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func roundTrip[T Element](t *testing.T, want DType, data ...T) {
	t.Helper()
	x, err := Of(data, len(data))
	if err != nil {
		t.Fatalf("%v: %v", want, err)
	}
	if x.DType() != want || len(x.Bytes()) != want.Size()*len(data) {
		t.Errorf("%v: type %v, %d bytes", want, x.Type(), len(x.Bytes()))
	}
	got, err := Slice[T](x)
	if err != nil || !slices.Equal(got, data) {
		t.Errorf("%v: %v, %v", want, got, err)
	}
	if len(data) > 0 && &got[0] != &data[0] {
		t.Errorf("%v was copied", want)
	}
}

func TestOfAndSlice(t *testing.T) {
	roundTrip[float32](t, Float32, 1, 2, 3)
	roundTrip[float64](t, Float64, 1, 2)
	roundTrip[F16](t, Float16, 1)
	roundTrip[BF16](t, BFloat16, 1)
	roundTrip[int8](t, Int8, -1)
	roundTrip[int16](t, Int16, -1)
	roundTrip[int32](t, Int32, -1)
	roundTrip[int64](t, Int64, -1)
	roundTrip[uint8](t, Uint8, 1)
	roundTrip[uint16](t, Uint16, 1)
	roundTrip[uint32](t, Uint32, 1)
	roundTrip[uint64](t, Uint64, 1)
	roundTrip[bool](t, Bool, true, false)
	roundTrip[float32](t, Float32)
}

func TestOfRefuses(t *testing.T) {
	for _, shape := range [][]int{{}, {2}, {-3}, {3, 2}, {1, 1, 1, 1, 1, 1, 1, 1, 3}, {1 << 62, 1 << 62}, {-1, -3}} {
		if _, err := Of([]float32{1, 2, 3}, shape...); !errors.Is(err, ErrInput) {
			t.Errorf("%v: %v", shape, err)
		}
	}
	if _, err := OfBytes(Bool, []byte{2}, 1); !errors.Is(err, ErrInput) {
		t.Errorf("a bool of 2: %v", err)
	}
	for _, d := range []DType{0, String, 99} {
		if _, err := OfBytes(d, nil, 0); !errors.Is(err, ErrInput) {
			t.Errorf("%v: %v", d, err)
		}
	}
	x, _ := Of([]float32{1}, 1)
	if _, err := Slice[int32](x); !errors.Is(err, ErrInput) {
		t.Errorf("float32 as int32: %v", err)
	}
	if _, err := Slice[float32](Tensor{}); !errors.Is(err, ErrInput) {
		t.Errorf("the zero Tensor: %v", err)
	}
}

func TestOfBytesAligns(t *testing.T) {
	b := make([]byte, 17)
	for off := range 8 {
		x, err := OfBytes(Float64, b[off:off+8], 1)
		if err != nil || !aligned(x.Bytes(), 8) {
			t.Errorf("at %d: %v", off, err)
		}
	}
}

func TestBind(t *testing.T) {
	ports := []Port{
		{Name: "x", DType: Float32, Ranked: true, Dims: []Dim{{Size: -1, Name: "n"}, {Size: 2}}},
		{Name: "i", DType: Int64, Optional: true},
	}
	tensorOf := func(tn Tensor, err error) Tensor {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return tn
	}
	data, index := []float32{1, 2, 3, 4}, []int64{7}
	x := tensorOf(Of(data, 2, 2))
	i := tensorOf(Of(index, 1))
	for _, c := range []struct {
		name string
		in   Values
		want string // of the error, or "" for none
	}{
		{"both", Values{"x": x, "i": i}, ""},
		{"optional left out", Values{"x": x}, ""},
		{"scalar into any shape", Values{"x": x, "i": tensorOf(Of(index))}, ""},
		{"missing", Values{"i": i}, `no value for "x"; the model takes "x" float32[n, 2], "i" int64 of any shape`},
		{"unknown", Values{"x": x, "y\n": i}, `the model has no input "y\n"`},
		{"dtype", Values{"x": tensorOf(Of([]float64{1, 2}, 1, 2))}, `"x" float32[n, 2] is given float64[1, 2]`},
		{"rank", Values{"x": tensorOf(Of(data, 4))}, `is given float32[4]`},
		{"size", Values{"x": tensorOf(Of(data, 1, 4))}, `is given float32[1, 4]`},
		{"nil", Values{"x": nil}, `takes a tensor`},
		{"zero", Values{"x": Tensor{}}, `is given`},
		{"zero into any shape", Values{"x": x, "i": Tensor{}}, `is given`},
	} {
		call := &call{}
		err := call.bind(ports, c.in)
		got := call.in
		if c.want != "" {
			if !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if &got[0].Data[0] != &bytesOf(data)[0] {
			t.Errorf("%s: floats were copied", c.name)
		}
		if len(got[1].Data) > 0 && &got[1].Data[0] == &bytesOf(index)[0] {
			t.Errorf("%s: integers were not copied", c.name)
		}
	}
}

func TestBindListsFewPorts(t *testing.T) {
	ports := make([]Port, 4000)
	for i := range ports {
		ports[i] = Port{Name: strings.Repeat("\x00", 4000)}
	}
	if err := new(call).bind(ports, nil); err == nil || len(err.Error()) > 20000 || !strings.Contains(err.Error(), "3992 more") {
		t.Errorf("%d bytes", len(err.Error()))
	}
}

func TestPortImage(t *testing.T) {
	port := func(d DType, sizes ...int) Port {
		p := Port{Name: "x", DType: d, Ranked: true}
		for _, n := range sizes {
			p.Dims = append(p.Dims, Dim{Size: n})
		}
		return p
	}
	for _, c := range []struct {
		port Port
		want ImageSpec
		ok   bool
	}{
		{port(Float32, 1, 3, 224, 200), ImageSpec{Channels: 3, Height: 224, Width: 200, DType: Float32}, true},
		{port(Float32, -1, 240, 320, 3), ImageSpec{Channels: 3, Height: 240, Width: 320, DType: Float32, ChannelsLast: true}, true},
		{port(Uint8, 1, 28, 28, 1), ImageSpec{Channels: 1, Height: 28, Width: 28, DType: Uint8, ChannelsLast: true}, true},
		{port(Uint8, 28, 28, 1), ImageSpec{}, false}, // an image has four dims
		{port(Float32, 3, 224, 200), ImageSpec{}, false},
		{port(Float32, 1, 3, -1, -1), ImageSpec{Channels: 3, DType: Float32}, true},
		{port(Float32, 1, 3, 224, 3), ImageSpec{}, false},
		{port(Float32, 1, -1, 224, 224), ImageSpec{}, false},
		{port(Float32, 10, 3, 224, 224), ImageSpec{}, false},
		{port(Float32, 784), ImageSpec{}, false},
		{port(Int64, 1, 3, 8, 8), ImageSpec{}, false},
		{Port{Name: "x", DType: Float32, Ranked: true, Dims: []Dim{{-1, "width"}, {-1, "height"}, {1, ""}, {-1, "batch"}}}, ImageSpec{Channels: 1, DType: Float32, Reversed: true}, true},
		{Port{Name: "x", DType: Float32}, ImageSpec{}, false},
	} {
		got, err := c.port.Image()
		if got != c.want || (err == nil) != c.ok || err != nil && !errors.Is(err, ErrInput) {
			t.Errorf("%v: %+v, %v", c.port, got, err)
		}
	}
}
