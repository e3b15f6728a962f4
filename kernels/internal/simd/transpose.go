package simd

// side is how many columns transpose takes at once.
const side = 8

// Transpose sets dst[i·da+j] = src[j·sb+i] for i < rows and j < cols.
func Transpose[T uint8 | uint16 | uint32 | uint64](dst []T, da int, src []T, sb int, rows, cols int) {
	if rows <= 0 || cols <= 0 {
		return
	}
	if da < 0 || sb < 0 {
		panic("simd: a negative stride")
	}
	_, _ = dst[(rows-1)*da+cols-1], src[(cols-1)*sb+rows-1]
	to, ok := any(dst).([]uint32)
	from, _ := any(src).([]uint32)
	// Rows of dst at such distances compete for few places in a cache, so their
	// lines are to be filled soon after they are begun.
	step := rows
	if da%256 == 0 {
		step = 2 * side
	}
	for i := 0; i < rows; i += step {
		m := min(step, rows-i)
		for j := 0; j < cols; j += side {
			n := min(side, cols-j)
			if !ok || !transpose(to[i*da+j:], da, from[j*sb+i:], sb, m, n) {
				transposePortable(dst[i*da+j:], da, src[j*sb+i:], sb, m, n)
			}
		}
	}
}

// transposePortable is Transpose for at most eight columns: it reads eight
// streams and writes whole runs.
func transposePortable[T any](dst []T, da int, src []T, sb int, rows, cols int) {
	if cols < side {
		for j := range cols {
			for i, v := range src[j*sb:][:rows] {
				dst[i*da+j] = v
			}
		}
		return
	}
	s0, s1, s2, s3 := src[:rows], src[sb:][:rows], src[2*sb:][:rows], src[3*sb:][:rows]
	s4, s5, s6, s7 := src[4*sb:][:rows], src[5*sb:][:rows], src[6*sb:][:rows], src[7*sb:][:rows]
	for i := range s0 {
		d := dst[i*da:][:side]
		d[0], d[1], d[2], d[3] = s0[i], s1[i], s2[i], s3[i]
		d[4], d[5], d[6], d[7] = s4[i], s5[i], s6[i], s7[i]
	}
}
