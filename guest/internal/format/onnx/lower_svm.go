package onnx

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Bounds of what is written out for a support vector machine. Coupling goes
// on for at most maxCoupling rounds in the libraries that train them too.
const (
	maxSVMClasses = 16
	maxCoupling   = 100
)

// svmKernel compares rows of x with each support vector: float32 (rows, vectors).
func (l *walker) svmKernel(n *node, x *trace.Value, vectors int64) *trace.Value {
	x = l.features(x)
	size := l.Pin(x.Dim(1))
	list, params := n.floats("support_vectors"), n.floats("kernel_params")
	if vectors < 1 || vectors > int64(len(list)) || int64(len(list)) != vectors*size || len(params) != 3 {
		l.Fail(abi.FaultMalformed, "%d numbers for %d support vectors of %d features, %d kernel parameters", len(list), vectors, size, len(params))
	}
	w := l.Reshape(l.vector(list), trace.Consts(vectors, size))
	gamma, coef, degree := float64(params[0]), float64(params[1]), float64(params[2])
	kind := n.str("kernel_type", "LINEAR")
	if kind == "RBF" {
		gap := l.sub(l.unsqueeze(x, 1), w)
		distance := l.reduce(abi.ReduceSum, abi.FnMul, gap, []int{2}, false)
		return l.Map1(abi.FnExp, 0, l.mul(distance, l.like(x, -gamma)))
	}
	dot := l.One(abi.OpMatMul, &abi.MatMul{TB: true}, x, w)
	affine := func() *trace.Value { return l.add(l.mul(dot, l.like(x, gamma)), l.like(x, coef)) }
	switch kind {
	case "LINEAR":
		return dot
	case "POLY":
		return l.Map2(abi.FnPow, affine(), l.like(x, degree))
	case "SIGMOID":
		return l.Map1(abi.FnTanh, 0, affine())
	}
	l.Fail(abi.FaultUnsupported, "kernel %q", kind)
	return nil
}

func svmRegressor(l *walker, n *node, in []*trace.Value) *trace.Value {
	vectors, coef, rho := n.int("n_supports", 0), n.floats("coefficients"), n.floats("rho")
	if vectors < 1 {
		l.Fail(abi.FaultUnsupported, "a machine without support vectors")
	}
	if int64(len(coef)) != vectors || len(rho) != 1 {
		l.Fail(abi.FaultMalformed, "%d coefficients, %d offsets for %d support vectors", len(coef), len(rho), vectors)
	}
	if how := n.str("post_transform", "NONE"); how != "NONE" || n.flag("one_class", false) {
		l.Fail(abi.FaultUnsupported, "post_transform %q, or one class", how)
	}
	k := l.svmKernel(n, in[0], vectors)
	y := l.One(abi.OpMatMul, &abi.MatMul{}, k, l.Reshape(l.vector(coef), trace.Consts(vectors, 1)))
	return l.add(y, l.vector(rho))
}

// svmClassifier lets each pair of classes decide, gives the class with most
// votes, and couples the probabilities of the pairs.
func svmClassifier(l *walker, n *node, in []*trace.Value) []*trace.Value {
	labels, counts := n.ints("classlabels_ints"), n.ints("vectors_per_class")
	a, b, rho := n.floats("prob_a"), n.floats("prob_b"), n.floats("rho")
	classes := len(labels)
	pairs := classes * (classes - 1) / 2
	if how := n.str("post_transform", "NONE"); how != "NONE" || classes < 3 || classes > maxSVMClasses || len(a) == 0 {
		l.Fail(abi.FaultUnsupported, "%d classes that are integers, %d probabilities, post_transform %q", classes, len(a), how)
	}
	if len(counts) != classes || len(a) != pairs || len(b) != pairs || len(rho) != pairs {
		l.Fail(abi.FaultMalformed, "%d classes with %d counts, %d offsets", classes, len(counts), len(rho))
	}
	starts := make([]int64, classes+1)
	for i, c := range counts {
		if c < 0 || c > 1<<30 {
			l.Fail(abi.FaultMalformed, "%d vectors of a class", c)
		}
		starts[i+1] = starts[i] + c
	}
	vectors := starts[classes]
	coef := n.floats("coefficients")
	if int64(len(coef)) != vectors*int64(classes-1) {
		l.Fail(abi.FaultMalformed, "%d coefficients for %d support vectors", len(coef), vectors)
	}
	kernel := l.svmKernel(n, in[0], vectors)

	// A column of weights for each pair: those of i against j, and of j against i.
	weights := make([]float32, vectors*int64(pairs))
	pair := 0
	for i := range classes {
		for j := i + 1; j < classes; j++ {
			for v := starts[i]; v < starts[i+1]; v++ {
				weights[v*int64(pairs)+int64(pair)] = coef[int64(j-1)*vectors+v]
			}
			for v := starts[j]; v < starts[j+1]; v++ {
				weights[v*int64(pairs)+int64(pair)] = coef[int64(i)*vectors+v]
			}
			pair++
		}
	}
	w := l.Reshape(l.vector(weights), trace.Consts(vectors, int64(pairs)))
	decision := l.add(l.One(abi.OpMatMul, &abi.MatMul{}, kernel, w), l.vector(rho))

	first := l.Cast(l.Map2(abi.FnGt, decision, l.like(decision, 0)), tensor.Float32)
	odds := l.Map1(abi.FnSigmoid, 0, l.Map1(abi.FnNeg, 0, l.add(l.mul(decision, l.vector(a)), l.vector(b))))
	odds = l.clamped(odds, 1e-7, 1-1e-7)
	one := l.like(odds, 1)
	votes, r := make([]*trace.Value, classes), make([][]*trace.Value, classes)
	for i := range r {
		votes[i], r[i] = l.like(first, 0), make([]*trace.Value, classes)
	}
	pair = 0
	for i := range classes {
		for j := i + 1; j < classes; j++ {
			vote, p := l.column(first, pair), l.column(odds, pair)
			votes[i], votes[j] = l.add(votes[i], vote), l.add(votes[j], l.sub(one, vote))
			r[i][j], r[j][i] = p, l.sub(one, p)
			pair++
		}
	}
	best := l.One(abi.OpArg, &abi.Arg{Axis: 1}, l.Concat(1, votes...))
	names := l.Known(tensor.Int64, []int64{int64(classes)}, trace.Consts(labels...))
	return []*trace.Value{l.One(abi.OpGather, &abi.Gather{}, names, best), l.coupled(r)}
}

// column is x[:, i:i+1].
func (l *walker) column(x *trace.Value, i int) *trace.Value {
	return l.along(x, 1, trace.Const(int64(i)), trace.Const(1))
}

// coupled makes probabilities of the classes from those of the pairs: p that
// minimises pᵀQp, by the iteration of Wu, Lin and Weng, which a row leaves
// when it is near enough. Values are columns (rows, 1).
func (l *walker) coupled(r [][]*trace.Value) *trace.Value {
	classes := len(r)
	q, p := make([][]*trace.Value, classes), make([]*trace.Value, classes)
	for i := range q {
		q[i] = make([]*trace.Value, classes)
		p[i] = l.like(r[0][1], 1/float64(classes))
		for j := range q {
			if j == i {
				continue
			}
			square := l.mul(r[j][i], r[j][i])
			if q[i][i] != nil {
				square = l.add(q[i][i], square)
			}
			q[i][i] = square
			q[i][j] = l.Map1(abi.FnNeg, 0, l.mul(r[j][i], r[i][j]))
		}
	}
	zero, one := l.like(r[0][1], 0), l.like(r[0][1], 1)
	near := l.like(zero, float64(float32(0.005)/float32(classes)))
	dot := func(a, b []*trace.Value) *trace.Value {
		sum := l.mul(a[0], b[0])
		for i := 1; i < classes; i++ {
			sum = l.add(sum, l.mul(a[i], b[i]))
		}
		return sum
	}
	for range maxCoupling {
		qp := make([]*trace.Value, classes)
		for i := range qp {
			qp[i] = dot(q[i], p)
		}
		pqp := dot(p, qp)
		worst := zero
		for i := range qp {
			worst = l.Map2(abi.FnMax, worst, l.Map1(abi.FnAbs, 0, l.sub(qp[i], pqp)))
		}
		going := l.Map2(abi.FnGe, worst, near)
		next := append([]*trace.Value(nil), p...)
		for i := range next {
			diff := l.div(l.sub(pqp, qp[i]), q[i][i])
			whole := l.add(one, diff)
			next[i] = l.add(next[i], diff)
			grown := l.add(l.mul(diff, q[i][i]), l.add(qp[i], qp[i]))
			pqp = l.div(l.div(l.add(pqp, l.mul(diff, grown)), whole), whole)
			for j := range next {
				qp[j] = l.div(l.add(qp[j], l.mul(diff, q[i][j])), whole)
				next[j] = l.div(next[j], whole)
			}
		}
		for i := range p {
			p[i] = l.choose(going, next[i], p[i])
		}
	}
	return l.Concat(1, p...)
}
