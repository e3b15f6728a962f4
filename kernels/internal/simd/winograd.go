package simd

import "math"

// Winograd's convolution F(4×4, 3×3) computes a tile of 4×4 places of a
// convolution by a window of 3×3 from 6×6 places of its input, with 36 products
// for each pair of channels instead of 144:
//
//	Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A
//
// The polynomials behind it are taken at 0, ±√½, ±√2 and infinity, which loses
// less than the usual points: of the root mean square of the results, that of
// the error is some 10⁻⁶ and the largest error 10⁻⁵, where sums of products have
// 2·10⁻⁷ and 10⁻⁶.
const (
	WinogradTile   = 4
	WinogradWindow = 6
	WinogradPlanes = WinogradWindow * WinogradWindow

	near = math.Sqrt2 / 2
	far  = math.Sqrt2
)

// WinogradWeights is G g Gᵀ for the windows of a panel: element i of window k,
// row by row, is w[i·ldw+k], and element p of the result u[p·plane+k].
func WinogradWeights(u []float32, plane int, w []float32, ldw int) {
	if uint(plane) > uint(len(u)) || uint(ldw) > uint(len(w)) {
		panic("simd: a stride beyond its memory")
	}
	_, _ = u[(WinogradPlanes-1)*plane+Panel-1], w[8*ldw+Panel-1]
	winogradWeights(u, plane, w, ldw)
}

// weightsOf is G times a column.
func weightsOf(a, b, c float64) [WinogradWindow]float64 {
	nearEven, nearOdd := float64((a+c/2)*(-1/1.5)), float64(b*(-near/1.5))
	farEven, farOdd := float64((a+2*c)*(1./6)), float64(b*(far/6))
	return [WinogradWindow]float64{a, nearEven + nearOdd, nearEven - nearOdd, farEven + farOdd, farEven - farOdd, c}
}

// WinogradInput is Bᵀ d B for each channel of a tile: the place (i, j) of its
// window begins at at[6·i+j] of x, or is zero where that is negative. Element
// (i, j) of the result begins at (6·i+j)·plane of v.
func WinogradInput(v []float32, plane int, x []float32, at *[WinogradPlanes]int, channels int) {
	if channels <= 0 {
		return
	}
	if plane < 0 {
		panic("simd: a negative stride")
	}
	_ = v[(WinogradPlanes-1)*plane+channels-1]
	for _, p := range at {
		if p > max(len(x)-channels, -1) {
			panic("simd: a place beyond its memory")
		}
	}
	for c := 0; c < channels; c += len(zeros) {
		winogradInput(v[c:], plane, x[min(c, len(x)):], at, min(len(zeros), channels-c))
	}
}

// WinogradOutput is Aᵀ m A for each channel of a tile, where element (i, j) of m
// begins at (6·i+j)·plane. Place (i, j) of the result is stored from at[4·i+j]
// of y on, unless that is negative, after end is applied, whose Plus is like y.
func WinogradOutput(y []float32, at *[WinogradTile * WinogradTile]int, m []float32, plane, channels int, end *Ending) {
	if channels <= 0 {
		return
	}
	if plane < 0 {
		panic("simd: a negative stride")
	}
	_ = m[(WinogradPlanes-1)*plane+channels-1]
	for _, p := range at {
		if p > max(len(y)-channels, -1) || end.Plus != nil && p > max(len(end.Plus)-channels, -1) {
			panic("simd: a place beyond its memory")
		}
	}
	if end.Bias != nil {
		_ = end.Bias[channels-1]
	}
	for c := 0; c < channels; c += len(zeros) {
		part := *end
		part.Bias, part.Plus = tail(end.Bias, c), tail(end.Plus, c)
		winogradOutput(y[min(c, len(y)):], at, m[c:], plane, min(len(zeros), channels-c), &part)
	}
}

// tail is what is left of x from i on.
func tail(x []float32, i int) []float32 { return x[min(i, len(x)):] }

// inward is Bᵀ times a column, outward Aᵀ times one.
func inward(d *[WinogradWindow]float32) (t [WinogradWindow]float32) {
	pair := func(scale, of float32) (plus, minus float32) {
		even, odd := differenceOf(d[4], productOf(of, d[2])), productOf(scale, differenceOf(d[3], productOf(of, d[1])))
		return sumOf(even, odd), differenceOf(even, odd)
	}
	t[0], t[5] = sumOf(differenceOf(d[0], productOf(2.5, d[2])), d[4]), sumOf(differenceOf(d[1], productOf(2.5, d[3])), d[5])
	t[1], t[2] = pair(near, 2)
	t[3], t[4] = pair(far, 0.5)
	return t
}

func outward(m *[WinogradWindow]float32) [WinogradTile]float32 {
	nearSum, nearDiff := sumOf(m[1], m[2]), differenceOf(m[1], m[2])
	farSum, farDiff := sumOf(m[3], m[4]), differenceOf(m[3], m[4])
	mix := func(a, by, b, times float32) float32 { return sumOf(productOf(by, a), productOf(times, b)) }
	return [WinogradTile]float32{
		sumOf(sumOf(m[0], nearSum), farSum),
		mix(nearDiff, near, farDiff, far),
		mix(nearSum, 0.5, farSum, 2),
		sumOf(mix(nearDiff, near/2, farDiff, 2*far), m[5]),
	}
}

// differenceOf is a-b.
func differenceOf(a, b float32) float32 { return sumOf(a, -b) }

func winogradWeightsPortable(u []float32, plane int, w []float32, ldw int) {
	var half [WinogradWindow][3]float64
	for k := range Panel {
		for j := range 3 {
			for i, v := range weightsOf(float64(w[j*ldw+k]), float64(w[(3+j)*ldw+k]), float64(w[(6+j)*ldw+k])) {
				half[i][j] = v
			}
		}
		for i, h := range half {
			for j, v := range weightsOf(h[0], h[1], h[2]) {
				u[(i*WinogradWindow+j)*plane+k] = float32(v)
			}
		}
	}
}

func winogradInputPortable(v []float32, plane int, x []float32, at *[WinogradPlanes]int, channels int) {
	var half [WinogradWindow][WinogradWindow]float32
	for c := range channels {
		for j := range WinogradWindow {
			var d [WinogradWindow]float32
			for i := range d {
				if p := at[i*WinogradWindow+j]; p >= 0 {
					d[i] = x[p+c]
				}
			}
			for i, t := range inward(&d) {
				half[i][j] = t
			}
		}
		for i := range half {
			for j, t := range inward(&half[i]) {
				v[(i*WinogradWindow+j)*plane+c] = t
			}
		}
	}
}

func winogradOutputPortable(y []float32, at *[WinogradTile * WinogradTile]int, m []float32, plane, channels int, end *Ending) {
	var half [WinogradTile][WinogradWindow]float32
	for c := range channels {
		for j := range WinogradWindow {
			var d [WinogradWindow]float32
			for i := range d {
				d[i] = m[(i*WinogradWindow+j)*plane+c]
			}
			for i, t := range outward(&d) {
				half[i][j] = t
			}
		}
		for i := range half {
			for j, s := range outward(&half[i]) {
				p := at[i*WinogradTile+j]
				if p < 0 {
					continue
				}
				y[p+c] = end.of(s, c, p+c)
			}
		}
	}
}
