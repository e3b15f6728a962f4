package neon

// A Sweep is a function that goes over places of an image, several at a time,
// one strip of channels after another. Distances are in bytes.
type Sweep struct {
	*Func
	// Together are how many places share what a run of taps needs: as many as
	// there are go through the first of these, the rest through the next.
	Together []int

	XNext     R // between taps
	step, ldy R // between places of x and of y
	y, behind R // the strip of the first place, and how far it is behind the first channel
}

// SweepArgs are the arguments that the function has at least, in this order.
const SweepArgs = "yLine, xLine *float32, count, step, ldy, lines, lineX, lineY int, runs *int, n, taps, xNext, channels int"

// Write writes the function, where sums computes a strip of channels of some
// places, of which the first is at x.
func (s *Sweep) Write(sums func(places int, strip Strip, x R)) {
	s.XNext, s.step, s.ldy = s.Stride("xNext"), s.Stride("step"), s.Stride("ldy")
	yLine, xLine := s.Arg("yLine"), s.Arg("xLine")
	s.Loop(s.Arg("lines"), func() {
		yAt, xAt, left := s.Copy(yLine), s.Copy(xLine), s.Arg("count")
		for _, places := range s.Together {
			next, done := s.NewLabel("places"), s.NewLabel("fewer")
			s.Label(next)
			s.Op("CMP", R{}, Imm(places), left)
			s.Jump("BLT", done)
			s.channels(yAt, xAt, func(strip Strip, x R) { sums(places, strip, x) })
			s.Move(left, Imm(-places))
			s.Move(yAt, Times{s.ldy, places})
			s.Move(xAt, Times{s.step, places})
			s.Jump("B", next)
			s.Label(done)
		}
		s.Move(yLine, s.Stride("lineY"))
		s.Move(xLine, s.Stride("lineX"))
	})
	s.Return()
}

// channels goes over all channels of some places.
func (s *Sweep) channels(yAt, xAt R, sums func(strip Strip, x R)) {
	x := s.Copy(xAt)
	s.y, s.behind = s.Copy(yAt), s.R()
	s.Op("MOVD", s.behind, Imm(0))
	s.Strips(s.Arg("channels"), Strip{Vectors: 2, Lanes: 4}, []R{s.y, x, s.behind}, func(strip Strip) { sums(strip, x) })
}

// Beside moves p, which is at the first channel of a row, to the strip.
func (s *Sweep) Beside(p R) R {
	s.Move(p, s.behind)
	return p
}

// Runs writes do for each run of taps; it gets where the run is described, two
// words of which the first is its place in x, and where in x it begins.
func (s *Sweep) Runs(x R, do func(run, x R)) {
	left := s.Arg("n")
	s.Given(left, func() {
		run := s.Arg("runs")
		s.Loop(left, func() {
			do(run, s.Element(x, Mem{run, 0}))
			s.Move(run, Imm(16))
		})
	})
}

// Element is the address of the float32 whose number behind p is at m.
func (f *Func) Element(p R, m Mem) R {
	at := f.R()
	f.Op("MOVD", at, m)
	f.Op("ADD", at, Times{at, 4}, p)
	return at
}

// Taps writes do for each tap of a run, of which the first is at x.
func (s *Sweep) Taps(x R, do func()) {
	s.Loop(s.Arg("taps"), func() {
		do()
		s.Move(x, s.XNext)
	})
}

// Places writes do for each place, where that of the first is at x.
func (s *Sweep) Places(x R, places int, do func(q int, x R)) { s.spaced(x, s.step, places, do) }

// Rows writes do for each row of y; it gets where the strip lies.
func (s *Sweep) Rows(places int, do func(q int, y R)) { s.spaced(s.y, s.ldy, places, do) }

func (s *Sweep) spaced(p, distance R, places int, do func(q int, p R)) {
	p = s.Copy(p)
	for q := range places {
		if q > 0 {
			s.Move(p, distance)
		}
		do(q, p)
	}
}

// Clamp brings vectors between the arguments low and high.
func (f *Func) Clamp(list []V) {
	low, high := f.ArgV("low"), f.ArgV("high")
	for _, v := range list {
		f.Do("fmax", v, v, low)
		f.Do("fmin", v, v, high)
	}
}
