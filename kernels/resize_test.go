package kernels

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// floatWords are words for attributes that hold float32.
func floatWords(f ...float32) []int64 {
	w := make([]int64, len(f))
	for i, v := range f {
		w[i] = int64(math.Float32bits(v))
	}
	return w
}

// resized is what ONNX's reference implementation gives for {1, 2, 4, 3, 7}.
var resized = []struct {
	attrs ResizeAttrs
	want  []float32
}{
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeNearest, Coord: CoordHalfPixel, Round: RoundPreferFloor}, []float32{1, 1, 2, 4, 4, 3, 7, 7}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeNearest, Coord: CoordHalfPixel, Round: RoundPreferCeil}, []float32{1, 1, 2, 4, 4, 3, 7, 7}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeNearest, Coord: CoordHalfPixel, Round: RoundFloor}, []float32{1, 1, 2, 2, 4, 4, 3, 7}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeNearest, Coord: CoordHalfPixel, Round: RoundCeil}, []float32{1, 2, 4, 4, 3, 3, 7, 7}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeLinear, Coord: CoordHalfPixel}, []float32{1, 1.4375, 2.125, 3.375, 3.6875, 3.0625, 5.25, 7}},
	{ResizeAttrs{Dims: []int64{3}, Mode: ResizeLinear, Coord: CoordHalfPixel, Scales: floatWords(0.65)}, []float32{1.26923, 3.61538, 4.38462}},
	{ResizeAttrs{Dims: []int64{2}, Mode: ResizeLinear, Coord: CoordHalfPixel, Antialias: true, Scales: floatWords(0.45)}, []float32{1.88636, 4.10112}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeCubic, Coord: CoordHalfPixel, CubicA: -0.75}, []float32{0.907166, 1.26831, 2.14331, 3.57642, 3.72778, 2.89038, 5.20001, 7.37134}},
	{ResizeAttrs{Dims: []int64{3}, Mode: ResizeCubic, Coord: CoordHalfPixel, CubicA: -0.75, Scales: floatWords(0.65)}, []float32{1.16707, 3.77967, 4.20398}},
	{ResizeAttrs{Dims: []int64{2}, Mode: ResizeCubic, Coord: CoordHalfPixel, CubicA: -0.75, Antialias: true, Scales: floatWords(0.45)}, []float32{1.71347, 4.23121}},
	{ResizeAttrs{Dims: []int64{6}, Mode: ResizeCubic, Coord: CoordHalfPixel, CubicA: -0.5, Exclude: true, Scales: floatWords(1.3)}, []float32{0.951133, 1.5203, 2.93064, 3.9212, 2.9517, 6.14003}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeNearest, Coord: CoordPytorchHalfPixel, Round: RoundPreferFloor}, []float32{1, 1, 2, 4, 4, 3, 7, 7}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeNearest, Coord: CoordPytorchHalfPixel, Round: RoundPreferCeil}, []float32{1, 1, 2, 4, 4, 3, 7, 7}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeNearest, Coord: CoordPytorchHalfPixel, Round: RoundFloor}, []float32{1, 1, 2, 2, 4, 4, 3, 7}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeNearest, Coord: CoordPytorchHalfPixel, Round: RoundCeil}, []float32{1, 2, 4, 4, 3, 3, 7, 7}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeLinear, Coord: CoordPytorchHalfPixel}, []float32{1, 1.4375, 2.125, 3.375, 3.6875, 3.0625, 5.25, 7}},
	{ResizeAttrs{Dims: []int64{3}, Mode: ResizeLinear, Coord: CoordPytorchHalfPixel, Scales: floatWords(0.65)}, []float32{1.26923, 3.61538, 4.38462}},
	{ResizeAttrs{Dims: []int64{2}, Mode: ResizeLinear, Coord: CoordPytorchHalfPixel, Antialias: true, Scales: floatWords(0.45)}, []float32{1.88636, 4.10112}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeCubic, Coord: CoordPytorchHalfPixel, CubicA: -0.75}, []float32{0.907166, 1.26831, 2.14331, 3.57642, 3.72778, 2.89038, 5.20001, 7.37134}},
	{ResizeAttrs{Dims: []int64{3}, Mode: ResizeCubic, Coord: CoordPytorchHalfPixel, CubicA: -0.75, Scales: floatWords(0.65)}, []float32{1.16707, 3.77967, 4.20398}},
	{ResizeAttrs{Dims: []int64{2}, Mode: ResizeCubic, Coord: CoordPytorchHalfPixel, CubicA: -0.75, Antialias: true, Scales: floatWords(0.45)}, []float32{1.71347, 4.23121}},
	{ResizeAttrs{Dims: []int64{6}, Mode: ResizeCubic, Coord: CoordPytorchHalfPixel, CubicA: -0.5, Exclude: true, Scales: floatWords(1.3)}, []float32{0.951133, 1.5203, 2.93064, 3.9212, 2.9517, 6.14003}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeNearest, Coord: CoordAlignCorners, Round: RoundPreferFloor}, []float32{1, 2, 2, 4, 4, 3, 3, 7}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeNearest, Coord: CoordAlignCorners, Round: RoundPreferCeil}, []float32{1, 2, 2, 4, 4, 3, 3, 7}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeNearest, Coord: CoordAlignCorners, Round: RoundFloor}, []float32{1, 1, 2, 2, 4, 4, 3, 7}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeNearest, Coord: CoordAlignCorners, Round: RoundCeil}, []float32{1, 2, 4, 4, 3, 3, 7, 7}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeLinear, Coord: CoordAlignCorners}, []float32{1, 1.57143, 2.28571, 3.42857, 3.71429, 3.14286, 4.71429, 7}},
	{ResizeAttrs{Dims: []int64{3}, Mode: ResizeLinear, Coord: CoordAlignCorners, Scales: floatWords(0.65)}, []float32{1, 3.55556, 5.22222}},
	{ResizeAttrs{Dims: []int64{2}, Mode: ResizeLinear, Coord: CoordAlignCorners, Antialias: true, Scales: floatWords(0.45)}, []float32{1.36957, 4.70588}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeCubic, Coord: CoordAlignCorners, CubicA: -0.75}, []float32{1, 1.37026, 2.33382, 3.62536, 3.77989, 2.83236, 4.57434, 7}},
	{ResizeAttrs{Dims: []int64{3}, Mode: ResizeCubic, Coord: CoordAlignCorners, CubicA: -0.75, Scales: floatWords(0.65)}, []float32{1, 3.7332, 5.16735}},
	{ResizeAttrs{Dims: []int64{2}, Mode: ResizeCubic, Coord: CoordAlignCorners, CubicA: -0.75, Antialias: true, Scales: floatWords(0.45)}, []float32{1.2512, 4.7857}},
	{ResizeAttrs{Dims: []int64{6}, Mode: ResizeCubic, Coord: CoordAlignCorners, CubicA: -0.5, Exclude: true, Scales: floatWords(1.3)}, []float32{1, 1.61156, 3.01052, 3.93313, 2.91435, 5.72358}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeNearest, Coord: CoordAsymmetric, Round: RoundPreferFloor}, []float32{1, 2, 2, 4, 4, 3, 7, 7}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeNearest, Coord: CoordAsymmetric, Round: RoundPreferCeil}, []float32{1, 2, 2, 4, 3, 3, 7, 7}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeNearest, Coord: CoordAsymmetric, Round: RoundFloor}, []float32{1, 1, 2, 2, 4, 3, 3, 7}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeNearest, Coord: CoordAsymmetric, Round: RoundCeil}, []float32{1, 2, 4, 4, 3, 7, 7, 7}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeLinear, Coord: CoordAsymmetric}, []float32{1, 1.625, 2.5, 3.75, 3.5, 3.5, 6, 7}},
	{ResizeAttrs{Dims: []int64{3}, Mode: ResizeLinear, Coord: CoordAsymmetric, Scales: floatWords(0.65)}, []float32{1, 3.07692, 3.30769}},
	{ResizeAttrs{Dims: []int64{2}, Mode: ResizeLinear, Coord: CoordAsymmetric, Antialias: true, Scales: floatWords(0.45)}, []float32{1.36957, 3.56818}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeCubic, Coord: CoordAsymmetric, CubicA: -0.75}, []float32{1, 1.41992, 2.59375, 3.87305, 3.3125, 3.34619, 6.05859, 7.43945}},
	{ResizeAttrs{Dims: []int64{3}, Mode: ResizeCubic, Coord: CoordAsymmetric, CubicA: -0.75, Scales: floatWords(0.65)}, []float32{1, 3.27287, 3.19845}},
	{ResizeAttrs{Dims: []int64{2}, Mode: ResizeCubic, Coord: CoordAsymmetric, CubicA: -0.75, Antialias: true, Scales: floatWords(0.45)}, []float32{1.2512, 3.38615}},
	{ResizeAttrs{Dims: []int64{6}, Mode: ResizeCubic, Coord: CoordAsymmetric, CubicA: -0.5, Exclude: true, Scales: floatWords(1.3)}, []float32{1, 1.66682, 3.2203, 3.74966, 3.16523, 6.57808}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeNearest, Coord: CoordTFCropAndResize, Round: RoundPreferFloor, ROI: floatWords(0.25, 1.1), Extrapolation: 9}, []float32{2, 2, 4, 4, 3, 3, 7, 9}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeNearest, Coord: CoordTFCropAndResize, Round: RoundPreferCeil, ROI: floatWords(0.25, 1.1), Extrapolation: 9}, []float32{2, 2, 4, 4, 3, 3, 7, 9}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeNearest, Coord: CoordTFCropAndResize, Round: RoundFloor, ROI: floatWords(0.25, 1.1), Extrapolation: 9}, []float32{2, 2, 2, 4, 4, 3, 3, 9}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeNearest, Coord: CoordTFCropAndResize, Round: RoundCeil, ROI: floatWords(0.25, 1.1), Extrapolation: 9}, []float32{2, 4, 4, 3, 3, 7, 7, 9}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeLinear, Coord: CoordTFCropAndResize, ROI: floatWords(0.25, 1.1), Extrapolation: 9}, []float32{2, 2.97143, 3.94286, 3.54286, 3.05714, 4.71429, 6.65714, 9}},
	{ResizeAttrs{Dims: []int64{3}, Mode: ResizeLinear, Coord: CoordTFCropAndResize, Scales: floatWords(0.65), ROI: floatWords(0.25, 1.1), Extrapolation: 9}, []float32{2, 3.48889, 9}},
	{ResizeAttrs{Dims: []int64{2}, Mode: ResizeLinear, Coord: CoordTFCropAndResize, Antialias: true, Scales: floatWords(0.45), ROI: floatWords(0.25, 1.1), Extrapolation: 9}, []float32{2.23913, 5.46273}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeCubic, Coord: CoordTFCropAndResize, CubicA: -0.75, ROI: floatWords(0.25, 1.1), Extrapolation: 9}, []float32{2, 3.15521, 3.97676, 3.40991, 2.89743, 4.57434, 6.71704, 9}},
	{ResizeAttrs{Dims: []int64{3}, Mode: ResizeCubic, Coord: CoordTFCropAndResize, CubicA: -0.75, Scales: floatWords(0.65), ROI: floatWords(0.25, 1.1), Extrapolation: 9}, []float32{2, 3.2876, 9}},
	{ResizeAttrs{Dims: []int64{2}, Mode: ResizeCubic, Coord: CoordTFCropAndResize, CubicA: -0.75, Antialias: true, Scales: floatWords(0.45), ROI: floatWords(0.25, 1.1), Extrapolation: 9}, []float32{2.05335, 5.60836}},
	{ResizeAttrs{Dims: []int64{6}, Mode: ResizeCubic, Coord: CoordTFCropAndResize, CubicA: -0.5, Exclude: true, Scales: floatWords(1.3), ROI: floatWords(0.25, 1.1), Extrapolation: 9}, []float32{2, 3.41017, 3.86373, 2.90703, 4.92052, 9}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeNearest, Coord: CoordHalfPixelSymmetric, Round: RoundPreferFloor}, []float32{1, 1, 2, 4, 4, 3, 7, 7}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeNearest, Coord: CoordHalfPixelSymmetric, Round: RoundPreferCeil}, []float32{1, 1, 2, 4, 4, 3, 7, 7}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeNearest, Coord: CoordHalfPixelSymmetric, Round: RoundFloor}, []float32{1, 1, 2, 2, 4, 4, 3, 7}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeNearest, Coord: CoordHalfPixelSymmetric, Round: RoundCeil}, []float32{1, 2, 4, 4, 3, 3, 7, 7}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeLinear, Coord: CoordHalfPixelSymmetric}, []float32{1, 1.4375, 2.125, 3.375, 3.6875, 3.0625, 5.25, 7}},
	{ResizeAttrs{Dims: []int64{3}, Mode: ResizeLinear, Coord: CoordHalfPixelSymmetric, Scales: floatWords(0.65)}, []float32{1.46154, 4, 5.15385}},
	{ResizeAttrs{Dims: []int64{2}, Mode: ResizeLinear, Coord: CoordHalfPixelSymmetric, Antialias: true, Scales: floatWords(0.45)}, []float32{2.13333, 4.53333}},
	{ResizeAttrs{Dims: []int64{8}, Mode: ResizeCubic, Coord: CoordHalfPixelSymmetric, CubicA: -0.75}, []float32{0.907166, 1.26831, 2.14331, 3.57642, 3.72778, 2.89038, 5.20001, 7.37134}},
	{ResizeAttrs{Dims: []int64{3}, Mode: ResizeCubic, Coord: CoordHalfPixelSymmetric, CubicA: -0.75, Scales: floatWords(0.65)}, []float32{1.28471, 4, 5.08694}},
	{ResizeAttrs{Dims: []int64{2}, Mode: ResizeCubic, Coord: CoordHalfPixelSymmetric, CubicA: -0.75, Antialias: true, Scales: floatWords(0.45)}, []float32{1.95514, 4.64766}},
	{ResizeAttrs{Dims: []int64{6}, Mode: ResizeCubic, Coord: CoordHalfPixelSymmetric, CubicA: -0.5, Exclude: true, Scales: floatWords(1.3)}, []float32{1.0401, 1.77332, 3.40373, 3.60628, 3.41595, 6.81578}},
}

func TestResizeAsReference(t *testing.T) {
	x := vector(tensor.Float32, []int64{5}, float32(1), 2, 4, 3, 7)
	for _, c := range resized {
		out, err := everywhere(t, &Resize, c.attrs, x)
		if err != nil {
			t.Errorf("%+v: %v", c.attrs, err)
			continue
		}
		got := tensor.View[float32](out[0].Data)
		if !closeTo(got, c.want, 1e-5) {
			t.Errorf("%+v: got %v, want %v", c.attrs, got, c.want)
		}
	}
}

func closeTo(got, want []float32, bound float64) bool {
	return slices.EqualFunc(got, want, func(a, b float32) bool {
		return math.Abs(float64(a-b)) <= bound*max(1, math.Abs(float64(b)))
	})
}

// A resize of many dims is one of each, in any order but for rounding.
func TestResizeDimByDim(t *testing.T) {
	r := newDice()
	for range 150 {
		rank := r.rank(1)
		in, out := r.dims(rank, 6), r.dims(rank, 8)
		if slices.Contains(in, 0) {
			continue
		}
		a := ResizeAttrs{
			Dims: out, Mode: r.Int64N(3) + 1, Coord: r.Int64N(6) + 1, Round: r.Int64N(4) + 1,
			CubicA: -0.75, Extrapolation: 3,
		}
		if a.Mode != ResizeNearest {
			a.Antialias, a.Exclude = r.IntN(2) == 0, r.IntN(2) == 0
		}
		for range rank {
			a.ROI = append(a.ROI, floatWords(r.Float32()*1.2-0.3)...)
		}
		for range rank {
			a.ROI = append(a.ROI, floatWords(r.Float32()*1.2)...)
		}
		x := r.tensor(tensor.Float32, in...)
		for i, v := range tensor.View[uint32](x.Data) {
			tensor.View[float32](x.Data)[i] = float32(v%256) / 16
		}
		got, err := everywhere(t, &Resize, a, x)
		if err != nil {
			t.Fatal(err)
		}
		y := x
		outside := make([]bool, got[0].Elems())
		for k := range rank {
			one := a
			one.Dims = slices.Clone(y.Shape())
			one.Dims[k] = out[k]
			one.ROI = slices.Concat(floatWords(make([]float32, rank)...), floatWords(slices.Repeat([]float32{1}, rank)...))
			one.ROI[k], one.ROI[rank+k] = a.ROI[k], a.ROI[rank+k]
			p, err := Resize.Plan(types(y.Type), one)
			if err != nil {
				t.Fatal(err)
			}
			each(out, func(i int64, at []int64) {
				for _, axis := range p.step.(*resizeStep).axes {
					_, beyond := axis.place(a.Coord, at[k])
					outside[i] = outside[i] || beyond
				}
			})
			step, err := everywhere(t, &Resize, one, y)
			if err != nil {
				t.Fatal(err)
			}
			y = step[0]
		}
		want := tensor.View[float32](y.Data)
		for i := range want {
			if outside[i] {
				want[i] = a.Extrapolation
			}
		}
		if !closeTo(tensor.View[float32](got[0].Data), want, 1e-4) {
			t.Fatalf("%v to %+v: got %v, want %v", x.Type, a, tensor.View[float32](got[0].Data), want)
		}
	}
}

func TestResizeTypes(t *testing.T) {
	for _, c := range []struct {
		d       tensor.DType
		x, want []byte
	}{
		{tensor.Uint8, []byte{0, 255}, []byte{0, 64, 191, 255}},
		{tensor.Int8, []byte{0x80, 0x7f}, []byte{0x80, 0xc0, 0x3f, 0x7f}},
		{tensor.Uint16, []byte{0, 0, 255, 255}, []byte{0, 0, 0, 0x40, 0xff, 0xbf, 255, 255}},
		{tensor.Int16, []byte{0, 0, 8, 0}, []byte{0, 0, 2, 0, 6, 0, 8, 0}},
		{tensor.Float16, []byte{0, 0, 0, 0x3c}, []byte{0, 0, 0, 0x34, 0, 0x3a, 0, 0x3c}},
		{tensor.BFloat16, []byte{0, 0, 0x80, 0x3f}, []byte{0, 0, 0x80, 0x3e, 0x40, 0x3f, 0x80, 0x3f}},
		{tensor.Int32, ints(tensor.Int32, -1<<31, 1<<31-1), ints(tensor.Int32, -1<<31, -1<<30, 1<<30-1, 1<<31-1)},
		{tensor.Uint32, ints(tensor.Uint32, 0, 1<<32-1), ints(tensor.Uint32, 0, 1<<30, 3<<30-1, 1<<32-1)},
		{tensor.Int64, ints(tensor.Int64, math.MinInt64, math.MaxInt64), ints(tensor.Int64, math.MinInt64, -1<<62, 1<<62, math.MaxInt64)},
		{tensor.Uint64, ints(tensor.Uint64, 0, -1), ints(tensor.Uint64, 0, 1<<62, -1<<62, -1)},
	} {
		x := Tensor{tensor.Of(c.d, 2), tensor.Aligned(int64(len(c.x)))}
		copy(x.Data, c.x)
		out, err := everywhere(t, &Resize, ResizeAttrs{Dims: []int64{4}, Mode: ResizeLinear, Coord: CoordHalfPixel}, x)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(out[0].Data, c.want) {
			t.Errorf("%v: got %x, want %x", c.d, out[0].Data, c.want)
		}
	}
}

func ints(d tensor.DType, v ...int64) (b []byte) {
	for _, i := range v {
		b = appendInt(b, d, i)
	}
	return b
}

// Places outside x become the extrapolation value as the type can say it.
func TestResizeOutside(t *testing.T) {
	for d := tensor.Float32; d <= tensor.Bool; d++ {
		for mode := int64(ResizeNearest); mode <= ResizeCubic; mode++ {
			if d == tensor.Bool && mode != ResizeNearest {
				continue
			}
			x := Tensor{tensor.Of(d, 1, 2), tensor.Aligned(2 * int64(d.Size()))}
			out, err := everywhere(t, &Resize, ResizeAttrs{
				Dims: []int64{1, 2}, Mode: mode, Coord: CoordTFCropAndResize, Round: RoundFloor,
				ROI: floatWords(0, 0.5, 1, 1.5), Extrapolation: 1,
			}, x)
			if err != nil {
				t.Fatal(err)
			}
			one, err := everywhere(t, &Iota, IotaAttrs{1, 1, 0, int64(d)})
			if d == tensor.Bool {
				one, err = []Tensor{vector(d, nil, uint8(1))}, nil
			}
			if err != nil {
				t.Fatal(err)
			}
			if want := slices.Concat(make([]byte, d.Size()), one[0].Data); !slices.Equal(out[0].Data, want) {
				t.Errorf("%v mode %d: got %x, want %x", d, mode, out[0].Data, want)
			}
		}
	}
}

func TestResizeRefuses(t *testing.T) {
	x := tensor.Of(tensor.Float32, 2, 6)
	good := ResizeAttrs{Dims: []int64{4, 3}, Mode: ResizeLinear, Coord: CoordHalfPixel}
	with := func(change func(*ResizeAttrs)) ResizeAttrs {
		a := good
		change(&a)
		return a
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	refuses(t, &Resize, []refusal{
		{"no input", good, nil, ErrArity},
		{"bool", good, types(tensor.Of(tensor.Bool, 2, 6)), ErrDType},
		{"no mode", with(func(a *ResizeAttrs) { a.Mode = 0 }), types(x), ErrAttr},
		{"unknown coordinates", with(func(a *ResizeAttrs) { a.Coord = 7 }), types(x), ErrAttr},
		{"no rounding", with(func(a *ResizeAttrs) { a.Mode = ResizeNearest }), types(x), ErrAttr},
		{"weights of nearest", with(func(a *ResizeAttrs) { a.Mode, a.Round, a.Antialias = ResizeNearest, 1, true }), types(x), ErrAttr},
		{"NaN cubic", with(func(a *ResizeAttrs) { a.CubicA = nan }), types(x), ErrAttr},
		{"dims too short", with(func(a *ResizeAttrs) { a.Dims = []int64{4} }), types(x), ErrAttr},
		{"negative dim", with(func(a *ResizeAttrs) { a.Dims = []int64{4, -1} }), types(x), ErrAttr},
		{"scales too short", with(func(a *ResizeAttrs) { a.Scales = floatWords(2) }), types(x), ErrAttr},
		{"scale 0", with(func(a *ResizeAttrs) { a.Scales = floatWords(2, 0) }), types(x), ErrAttr},
		{"negative scale", with(func(a *ResizeAttrs) { a.Scales = floatWords(2, -0.5) }), types(x), ErrAttr},
		{"infinite scale", with(func(a *ResizeAttrs) { a.Scales = floatWords(2, inf) }), types(x), ErrAttr},
		{"scale of 33 bits", with(func(a *ResizeAttrs) { a.Scales = []int64{1<<32 | 1<<30, 1 << 30} }), types(x), ErrAttr},
		{"endless antialias", with(func(a *ResizeAttrs) { a.Scales, a.Antialias = floatWords(2, 1e-40), true }), types(x), ErrAttr},
		{"no region", with(func(a *ResizeAttrs) { a.Coord = CoordTFCropAndResize }), types(x), ErrAttr},
		{"region too short", with(func(a *ResizeAttrs) { a.ROI = floatWords(0, 1) }), types(x), ErrAttr},
		{"NaN region", with(func(a *ResizeAttrs) { a.ROI = floatWords(0, 0, 1, nan) }), types(x), ErrAttr},
		{"nothing to sample", good, types(tensor.Of(tensor.Float32, 0, 6)), ErrShape},
		{"too large", with(func(a *ResizeAttrs) { a.Dims = []int64{1 << 40, 1 << 20} }), types(x), ErrSize},
	})
}

// Any finite scale and region gives some element of x, or the extrapolation.
func TestResizeFarAway(t *testing.T) {
	x := vector(tensor.Float32, []int64{3}, float32(1), 1, 1)
	far := []float32{1e-45, 1e-20, 0.3, 1, 7, 1e20, math.MaxFloat32}
	for mode := int64(ResizeNearest); mode <= ResizeCubic; mode++ {
		for coord := int64(CoordHalfPixel); coord <= CoordHalfPixelSymmetric; coord++ {
			for _, scale := range far {
				for _, start := range far {
					a := ResizeAttrs{
						Dims: []int64{5}, Mode: mode, Coord: coord, Round: RoundFloor, CubicA: -0.75,
						Scales: floatWords(scale), ROI: floatWords(start, -start), Extrapolation: 1,
					}
					out, err := everywhere(t, &Resize, a, x)
					if err != nil {
						t.Fatal(err)
					}
					if got := tensor.View[float32](out[0].Data); !closeTo(got, []float32{1, 1, 1, 1, 1}, 1e-5) {
						t.Fatalf("%+v: got %v", a, got)
					}
				}
			}
		}
	}
}

func BenchmarkResize(b *testing.B) {
	r := newDice()
	for _, c := range []struct {
		name     string
		d        tensor.DType
		in, out  []int64
		mode     int64
		channels string
	}{
		{"nearest", tensor.Float32, []int64{1, 64, 40, 40}, []int64{1, 64, 80, 80}, ResizeNearest, "first"},
		{"nearest", tensor.Float32, []int64{1, 40, 40, 64}, []int64{1, 80, 80, 64}, ResizeNearest, "last"},
		{"linear", tensor.Float32, []int64{1, 64, 40, 40}, []int64{1, 64, 80, 80}, ResizeLinear, "first"},
		{"linear", tensor.Float32, []int64{1, 40, 40, 64}, []int64{1, 80, 80, 64}, ResizeLinear, "last"},
		{"image", tensor.Uint8, []int64{480, 640, 3}, []int64{224, 224, 3}, ResizeLinear, "last"},
	} {
		b.Run(fmt.Sprintf("%s/channels-%s", c.name, c.channels), func(b *testing.B) {
			x := r.tensor(c.d, c.in...)
			p, err := Resize.Plan(types(x.Type), ResizeAttrs{Dims: c.out, Mode: c.mode, Coord: CoordHalfPixel, Round: RoundFloor})
			if err != nil {
				b.Fatal(err)
			}
			call := Call{
				Ctx: b.Context(), Plan: &p, In: []Tensor{x}, Scratch: tensor.Aligned(p.Scratch),
				Out: []Tensor{{p.Out[0], tensor.Aligned(p.Out[0].Bytes())}},
			}
			b.SetBytes(p.Out[0].Bytes())
			for b.Loop() {
				if err := Resize.Run(&call); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
