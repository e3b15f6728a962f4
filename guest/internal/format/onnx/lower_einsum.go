package onnx

import (
	"slices"
	"strings"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// einsum multiplies two operands at a time: labels that nothing after them
// needs are summed, and what is left is one product of matrices.
func einsum(l *walker, n *node, in []*trace.Value) *trace.Value {
	terms, result := l.equation(n.str("equation", ""), in)
	x, labels := l.term(in[0], terms[0])
	for i := 1; i < len(in); i++ {
		later := result
		for _, t := range terms[i+1:] {
			later += t
		}
		y, others := l.term(in[i], terms[i])
		x, labels = l.contract(x, labels, y, others, later)
	}
	return l.arrange(x, labels, result)
}

// equation splits the equation into the labels of each operand and of the
// result. Dims of an ellipsis are labelled '0' to '7', the last dim by '7'.
func (l *walker) equation(text string, in []*trace.Value) (terms []string, result string) {
	left, right, explicit := strings.Cut(strings.ReplaceAll(text, " ", ""), "->")
	terms = strings.Split(left, ",")
	if len(terms) != len(in) {
		l.Fail(abi.FaultMalformed, "equation %q for %d operands", text, len(in))
	}
	const dots, hidden = "...", "01234567"
	most := 0
	count := map[rune]int{}
	for i, t := range terms {
		rest := in[i].Rank() - len(strings.Replace(t, dots, "", 1))
		if rest < 0 || rest > len(hidden) || rest > 0 && !strings.Contains(t, dots) {
			l.Fail(abi.FaultMalformed, "%q for a tensor of rank %d", t, in[i].Rank())
		}
		for _, c := range strings.Replace(t, dots, "", 1) {
			if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
				l.Fail(abi.FaultMalformed, "equation %q", text)
			}
			count[c]++
		}
		terms[i] = strings.Replace(t, dots, hidden[len(hidden)-rest:], 1)
		most = max(most, rest)
	}
	if !explicit {
		var once []rune
		for c, k := range count {
			if k == 1 {
				once = append(once, c)
			}
		}
		slices.Sort(once)
		right = dots + string(once)
	}
	result = strings.Replace(right, dots, hidden[len(hidden)-most:], 1)
	all := strings.Join(terms, "")
	for i, c := range result {
		if !strings.ContainsRune(all, c) || strings.ContainsRune(result[i+1:], c) {
			l.Fail(abi.FaultMalformed, "equation %q", text)
		}
	}
	if len(result) > tensor.MaxRank {
		l.Fail(abi.FaultUnsupported, "rank %d", len(result))
	}
	return terms, result
}

// term takes the diagonal of x where a label stands twice.
func (l *walker) term(x *trace.Value, labels string) (*trace.Value, string) {
	for i := 0; i < len(labels); i++ {
		j := strings.LastIndexByte(labels, labels[i])
		if j == i {
			continue
		}
		// Side by side as the last dims, the diagonal is every (size+1)th element.
		var perm []int64
		rest := ""
		for k := range labels {
			if k != i && k != j {
				perm = append(perm, int64(k))
				rest += labels[k : k+1]
			}
		}
		x = l.Permute(x, append(perm, int64(i), int64(j))...)
		size := l.Pin(x.Dim(x.Rank() - 1))
		if l.Pin(x.Dim(x.Rank()-2)) != size {
			l.Fail(abi.FaultMalformed, "label %q has two sizes", labels[i])
		}
		x = l.Reshape(x, append(x.Dims()[:len(perm)], l.Mul(trace.Const(size), trace.Const(size))))
		r := whole(x)
		r.size[len(perm)], r.step[len(perm)] = trace.Const(size), size+1
		x, labels, i = l.take(x, r), rest+labels[i:i+1], -1
	}
	return x, labels
}

// contract multiplies x and y and sums over the labels that are not in later.
func (l *walker) contract(x *trace.Value, a string, y *trace.Value, b, later string) (*trace.Value, string) {
	x, a = l.sumOut(x, a, b+later)
	y, b = l.sumOut(y, b, a+later)
	var batch, mine, summed, yours string
	for _, c := range a {
		switch {
		case !strings.ContainsRune(b, c):
			mine += string(c)
		case strings.ContainsRune(later, c):
			batch += string(c)
		default:
			summed += string(c)
		}
	}
	for _, c := range b {
		if !strings.ContainsRune(a, c) {
			yours += string(c)
		}
	}
	x, y = l.equalize(x, a, y, b, summed), l.equalize(y, b, x, a, summed)
	x, y = l.arrange(x, a, batch+mine+summed), l.arrange(y, b, batch+summed+yours)
	xd, yd := x.Dims(), y.Dims()
	left := xd[len(batch) : len(batch)+len(mine)]
	inner := xd[len(batch)+len(mine):]
	right := yd[len(batch)+len(summed):]
	z := l.One(abi.OpMatMul, &abi.MatMul{},
		l.Reshape(x, append(xd[:len(batch):len(batch)], l.product(left), l.product(inner))),
		l.Reshape(y, append(yd[:len(batch):len(batch)], l.product(inner), l.product(right))))
	dims := z.Dims()[:len(batch)]
	return l.Reshape(z, append(append(dims[:len(batch):len(batch)], left...), right...)), batch + mine + yours
}

// equalize expands dims of one element of x that are summed together with
// longer ones of y.
func (l *walker) equalize(x *trace.Value, a string, y *trace.Value, b, summed string) *trace.Value {
	dims := x.Dims()
	for _, c := range summed {
		i, j := strings.IndexRune(a, c), strings.IndexRune(b, c)
		if l.Equal(dims[i], trace.Const(1)) {
			dims[i] = y.Dim(j)
		}
	}
	return l.Broadcast(x, dims)
}

// sumOut sums over the labels of x that are not kept.
func (l *walker) sumOut(x *trace.Value, labels, keep string) (*trace.Value, string) {
	var axes []int
	rest := ""
	for i, c := range labels {
		if strings.ContainsRune(keep, c) {
			rest += string(c)
		} else {
			axes = append(axes, i)
		}
	}
	if axes == nil {
		return x, labels
	}
	return l.reduce(abi.ReduceSum, 0, x, axes, false), rest
}

// arrange brings the dims of x into the order of the labels in to, and sums
// over the others.
func (l *walker) arrange(x *trace.Value, labels, to string) *trace.Value {
	x, labels = l.sumOut(x, labels, to)
	perm := make([]int64, len(to))
	for i, c := range to {
		perm[i] = int64(strings.IndexRune(labels, c))
	}
	return l.Permute(x, perm...)
}
