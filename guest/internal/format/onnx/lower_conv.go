package onnx

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
)

// Convolutions and pools of the host take channels last: x (n, sp…, c). Their
// lowerings permute there and back; the tracer lets permutes between two of
// them cancel.

// channelsLast is the permutation that moves dim 1 to the end.
func channelsLast(rank int) []int64 {
	perm := []int64{0}
	for i := 2; i < rank; i++ {
		perm = append(perm, int64(i))
	}
	return append(perm, 1)
}

// channelsFirst is the inverse of channelsLast.
func channelsFirst(rank int) []int64 {
	perm := []int64{0, int64(rank) - 1}
	for i := 1; i < rank-1; i++ {
		perm = append(perm, int64(i))
	}
	return perm
}

// onChannelsLast applies f to x with its channels last.
func (l *walker) onChannelsLast(x *trace.Value, f func(x *trace.Value) *trace.Value) *trace.Value {
	if x.Rank() < 2 {
		l.Fail(abi.FaultMalformed, "rank %d leaves no channels", x.Rank())
	}
	return l.Permute(f(l.Permute(x, channelsLast(x.Rank())...)), channelsFirst(x.Rank())...)
}

// sliding is how a window moves over the spatial dims.
type sliding struct {
	kernel, stride, dilation, before, after []int64
}

// sliding reads the attributes of a window. kernel is its size where the
// weights say it, and nil where an attribute does.
func (l *walker) sliding(n *node, x *trace.Value, kernel []int64) sliding {
	dims := x.Rank() - 2
	if dims < 1 || dims > 3 {
		l.Fail(abi.FaultUnsupported, "%d spatial dims", dims)
	}
	list := func(name string, def []int64) []int64 {
		v := def
		if n.has(name) {
			v = n.ints(name)
		}
		if len(v) != len(def) {
			l.Fail(abi.FaultMalformed, "%s has %d numbers, not %d", name, len(v), len(def))
		}
		for _, k := range v {
			if k < 0 || k > 1<<31 {
				l.Fail(abi.FaultMalformed, "%s has the number %d", name, k)
			}
		}
		return v
	}
	ones := repeat(1, dims)
	s := sliding{kernel: kernel, stride: list("strides", ones), dilation: list("dilations", ones)}
	if kernel == nil && !n.has("kernel_shape") {
		l.Fail(abi.FaultMalformed, "no kernel_shape")
	}
	shape := list("kernel_shape", append([]int64(nil), either(kernel, ones)...))
	for i, k := range kernel {
		if shape[i] != k {
			l.Fail(abi.FaultMalformed, "the kernel is %d, its weights %d", shape, kernel)
		}
	}
	s.kernel = shape
	pads := list("pads", repeat(0, 2*dims))
	s.before, s.after = pads[:dims:dims], pads[dims:]
	return s
}

func either(a, b []int64) []int64 {
	if a != nil {
		return a
	}
	return b
}

// sameOutput moves the padding so that a convolution or pool has as many
// results as it makes steps in x, if the node asks for that.
func (l *walker) sameOutput(n *node, x *trace.Value, s *sliding) {
	mode := n.str("auto_pad", "NOTSET")
	switch mode {
	case "NOTSET", "":
		return
	case "VALID":
		s.before, s.after = repeat(0, len(s.kernel)), repeat(0, len(s.kernel))
		return
	case "SAME_UPPER", "SAME_LOWER":
	default:
		l.Fail(abi.FaultMalformed, "auto_pad %q", mode)
	}
	s.before, s.after = nil, nil
	for i, k := range s.kernel {
		total := (k - 1) * s.dilation[i]
		if stride := s.stride[i]; stride > 1 {
			size := l.Pin(x.Dim(i + 2))
			total = max(total-(size-1)%stride, 0)
		}
		s.pad(total, mode)
	}
}

// pad puts the odd one of the elements to pad behind or before.
func (s *sliding) pad(total int64, mode string) {
	less, more := total/2, total-total/2
	if mode != "SAME_UPPER" {
		less, more = more, less
	}
	s.before, s.after = append(s.before, less), append(s.after, more)
}

// kernelDims checks the ranks of a convolution and gives the dims of its weights.
func (l *walker) kernelDims(x, w *trace.Value) []int64 {
	if x.Rank() < 3 || w.Rank() != x.Rank() {
		l.Fail(abi.FaultMalformed, "x of rank %d, weights of rank %d", x.Rank(), w.Rank())
	}
	return l.Pins(w.Dims())
}

func conv(l *walker, n *node, in []*trace.Value) *trace.Value {
	x, w, bias := in[0], in[1], in[2]
	s := l.sliding(n, x, l.kernelDims(x, w)[2:])
	l.sameOutput(n, x, &s)
	return l.conv(x, w, bias, s, n.int("group", 1))
}

// conv takes weights (m, c/groups, k…).
func (l *walker) conv(x, w, bias *trace.Value, s sliding, groups int64) *trace.Value {
	perm := append(channelsLast(w.Rank())[1:], 0)
	a := &abi.Conv{Stride: s.stride, Dilation: s.dilation, Before: s.before, After: s.after, Groups: groups}
	return l.onChannelsLast(x, func(x *trace.Value) *trace.Value {
		y := l.One(abi.OpConv, a, x, l.Permute(w, perm...))
		if bias != nil {
			y = l.add(y, bias)
		}
		return y
	})
}

func convTranspose(l *walker, n *node, in []*trace.Value) *trace.Value {
	x, w, bias := in[0], in[1], in[2]
	s := l.sliding(n, x, l.kernelDims(x, w)[2:])
	a := &abi.ConvTranspose{
		Stride: s.stride, Dilation: s.dilation, OutPad: repeat(0, len(s.kernel)), Groups: n.int("group", 1),
	}
	if n.has("output_padding") {
		a.OutPad = append([]int64(nil), n.ints("output_padding")...)
	}
	size := n.ints("output_shape")
	if len(size) == x.Rank() {
		size = size[2:]
	}
	if len(a.OutPad) != len(s.kernel) || size != nil && len(size) != len(s.kernel) {
		l.Fail(abi.FaultMalformed, "output_padding %d, output_shape %d", a.OutPad, size)
	}
	l.outputShape(n, x, &s, a.OutPad, size)
	a.Before, a.After = s.before, s.after
	// Weights (c, m/groups, k…) become (k…, c, m/groups).
	perm := append(channelsLast(w.Rank())[1:w.Rank()-1], 0, 1)
	return l.onChannelsLast(x, func(x *trace.Value) *trace.Value {
		y := l.One(abi.OpConvTranspose, a, x, l.Permute(w, perm...))
		if bias != nil {
			y = l.add(y, bias)
		}
		return y
	})
}

// outputShape moves the padding of a transposed convolution so that it has the
// size asked for: what is padded is cut off, what is missing is added behind.
func (l *walker) outputShape(n *node, x *trace.Value, s *sliding, more, size []int64) {
	mode := n.str("auto_pad", "NOTSET")
	switch mode {
	case "VALID":
		s.before, s.after = repeat(0, len(s.kernel)), repeat(0, len(s.kernel))
	case "NOTSET", "", "SAME_UPPER", "SAME_LOWER":
	default:
		l.Fail(abi.FaultMalformed, "auto_pad %q", mode)
	}
	if size == nil && mode != "SAME_UPPER" && mode != "SAME_LOWER" {
		return
	}
	s.before, s.after = nil, nil
	for i, k := range s.kernel {
		total := more[i] + (k-1)*s.dilation[i] + 1 - s.stride[i]
		if size != nil {
			total += s.stride[i]*l.Pin(x.Dim(i+2)) - size[i]
		}
		if total < 0 {
			more[i] -= total
			total = 0
		}
		s.pad(total, mode)
	}
}

// causalConv is a convolution of each channel by itself that sees only what
// came before; what it may see of an earlier call is its state.
func causalConv(l *walker, n *node, in []*trace.Value) []*trace.Value {
	x, w, bias, past := in[0], in[1], in[2], in[3]
	k := l.kernelDims(x, w)
	l.ranked(x, 3)
	held := trace.Const(k[2] - 1)
	if past != nil {
		x = l.Concat(2, past, x)
	} else {
		none := trace.Consts(0, 0, 0)
		x = l.pad(x, []trace.Int{none[0], none[1], held}, none, abi.PadConstant, nil)
	}
	one := []int64{1}
	y := l.conv(x, w, bias, sliding{k[2:], one, one, []int64{0}, []int64{0}}, k[0])
	switch f := n.str("activation", "none"); f {
	case "none":
	case "silu", "swish":
		y = l.Map1(abi.FnSilu, 0, y)
	default:
		l.Fail(abi.FaultUnsupported, "activation %q", f)
	}
	return []*trace.Value{y, l.along(x, 2, l.Sub(x.Dim(2), held), held)}
}
