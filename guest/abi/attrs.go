package abi

// One struct holds the attributes of one op. Fields are only ever appended,
// and the zero of an appended field means what was meant before it existed.
// Words may be symbols: the host evaluates them again when a program is bound
// to other sizes. Axes count from 0 and are never negative; lists have one
// entry for each dim of the first input unless said otherwise.

// Attrs is the attribute struct of an op.
type Attrs interface{ code(c *coder) }

// View gives x other dims with the same elements in the same order. One word
// may be -1: what is left.
type View struct{ Dims []Word }

// Permute makes dim i of the result dim Perm[i] of x.
type Permute struct{ Perm []int64 }

// Slice takes x[Start[i] + k·Step[i]] for k < Size[i]. Step may be negative,
// not zero. With Axes there is an input 1, int32 or int64, that has the start
// of each of them, where Start is 0 and Step positive. A start that leaves no
// room for Size is ErrValue.
type Slice struct {
	Start, Size []Word
	Step        []int64
	Axes        []int64
}

// UpdateSlice writes u, input 1, into a copy of x from Start[i] on; u has the
// rank of x. Axes are as for Slice, and their starts are input 2.
type UpdateSlice struct {
	Start []Word
	Axes  []int64
}

// Concat joins any number of inputs along Axis.
type Concat struct{ Axis int64 }

// Pad adds Before and After elements to each dim. Input 1, a scalar of x's
// type, is the value of PadConstant; absent it is 0.
type Pad struct {
	Before, After []Word
	Mode          int64
}

// Broadcast expands x to Dims, as numpy does.
type Broadcast struct{ Dims []Word }

// Tile repeats x Reps[i] times along dim i.
type Tile struct{ Reps []Word }

// Iota is Start + k·Step for k < N, as a vector of DType.
type Iota struct {
	N, Start, Step Word
	DType          int64
}

// Fill is a tensor of one value, the low bytes of Value.
type Fill struct {
	Dims  []Word
	Value Word
	DType int64
}

// Literal is a small tensor given in full: integers as their value, floats as
// their bit pattern, in row-major order.
type Literal struct {
	Dims   []Word
	Values []Word
	DType  int64
}

// Bitcast reads the bits of x as another type of the same size.
type Bitcast struct{ DType int64 }

// ReverseSequence reverses the first len[b] entries along Time for each entry
// b along Batch. Inputs: x, len int64 [batch].
type ReverseSequence struct{ Time, Batch int64 }

// Resize samples x on a grid of Dims. Scales and ROI are bit patterns of
// float32; ROI has a start and an end for each dim (starts first), or is empty.
type Resize struct {
	Dims          []Word
	Mode          int64
	Coord         int64
	Round         int64
	Scales        []Word
	ROI           []int64
	CubicA        float32
	Extrapolation float32
	Antialias     bool
	Exclude       bool
}

// Gather takes slices of x along Axis at the indices i (int32 or int64,
// negative from the end); the first Batch dims of both go together.
type Gather struct{ Axis, Batch int64 }

// GatherElements is y[…k…] = x[… i[…k…] …] along Axis.
type GatherElements struct{ Axis int64 }

// GatherND indexes leading dims of x with the rows of i, after Batch dims.
type GatherND struct{ Batch int64 }

// ScatterElements writes u into a copy of x at i along Axis. Reduce is 0 (the
// last write wins) or one of the reduce functions.
type ScatterElements struct{ Axis, Reduce int64 }

// ScatterND writes slices u into a copy of x at the rows of i.
type ScatterND struct{ Reduce int64 }

// TopK gives the K largest (or smallest) along Axis and their int64 indices;
// ties go to the lower index.
type TopK struct {
	Axis            int64
	K               Word
	Largest, Sorted bool
}

// Arg is the int64 index of the largest (or smallest) along Axis; Last takes
// the last of equals.
type Arg struct {
	Axis            int64
	Min, Keep, Last bool
}

// Nonzero gives int64 [rank, elements of x] and the count int64 []: the first
// count columns are the indices of non-zero elements, the rest are 0.
type Nonzero struct{}

// Compress gives the slices along Axis whose condition (input 1, Bool [m]) is
// true, at their maximum size, and the count int64 []. What follows is 0.
type Compress struct{ Axis int64 }

// Map runs a micro-program on up to 8 inputs that broadcast against each
// other, as numpy does.
type Map struct{ Program Program }

// Reduce folds Axes with Fn. Pre (one input, one output) is applied to each
// element first. No axes means none: an elementwise Pre. Epilogue: see MatMul.
type Reduce struct {
	Axes     []int64
	Fn       int64
	Keep     bool
	Pre      Program
	Epilogue Program
}

// Cumulate is the running Fn (sum, prod, min, max) along Axis.
type Cumulate struct {
	Axis, Fn           int64
	Exclusive, Reverse bool
}

// Softmax is exp(Scale·x + mask) along Axis over its sum; Log gives its
// logarithm. mask broadcasts to x. Scale 0 means 1.
type Softmax struct {
	Axis  int64
	Scale float32
	Log   bool
}

// LayerNorm normalises over the dims from Axis on: inputs x, skip?, gamma?,
// beta?, epilogue inputs… With skip, x+skip is normalised and is also the
// second result. RMS neither subtracts the mean nor adds beta.
type LayerNorm struct {
	Axis     int64
	Eps      float32
	RMS      bool
	Epilogue Program
}

// GroupNorm normalises x [n, …, c] (channels last) over the spatial dims and
// c/Groups channels: inputs x, gamma [c]?, beta [c]?, epilogue inputs…
type GroupNorm struct {
	Groups   int64
	Eps      float32
	Epilogue Program
}

// LRN is x / (K + A/Size·Σx²)^B over Size neighbouring channels, the last dim.
type LRN struct {
	Size    int64
	A, B, K float32
}

// MatMul is Alpha·a·b with broadcast leading dims; TA and TB transpose the
// last two dims of a and b first. Alpha 0 means 1.
//
// Epilogue is a micro-program run on each element of the result: its register
// 0 is that element, its registers 1… are the further inputs of the op, which
// broadcast to the result's shape; it has one output. An empty program
// changes nothing.
type MatMul struct {
	TA, TB   bool
	Alpha    float32
	Epilogue Program
}

// Attention is softmax(Scale·q·kᵀ + bias)·v for each of Heads heads, of which
// Heads/KVHeads neighbours share a head of k and v. Inputs: q, k, v, bias?.
//
// Each of q, k and v is [batch, heads, rows, Size], or [batch, rows, width]:
// then the heads of a row lie side by side in it, from element From[0], From[1]
// or From[2] on; no From means zeros. A row of v has ValueSize elements for
// each head. bias broadcasts to [batch, Heads, rows of q, rows of k]. The
// result is [batch, Heads, rows of q, ValueSize], or Beside [batch, rows of q,
// Heads·ValueSize]. Zero gives 0 where a softmax is NaN. Scale 0 means 1. With
// Across, k is [batch, KVHeads, Size, rows].
type Attention struct {
	Heads, KVHeads  int64
	Size, ValueSize int64
	Scale           float32
	From            []int64
	Beside, Zero    bool
	Across          bool
}

// Conv is a convolution of 1 to 3 spatial dims, channels last: x [n, sp…, c],
// W [k…, c/Groups, m]; result [n, out…, m]. Lists have one entry for each
// spatial dim. Epilogue: see MatMul; a bias is a part of it.
type Conv struct {
	Stride, Dilation, Before, After []int64
	Groups                          int64
	Epilogue                        Program
}

// ConvTranspose is the gradient of Conv: x [n, sp…, c], W [k…, c, m/Groups];
// result [n, out…, m] with out = (sp-1)·stride + dilation·(k-1) + 1 + OutPad -
// before - after.
type ConvTranspose struct {
	Stride, Dilation, Before, After, OutPad []int64
	Groups                                  int64
	Epilogue                                Program
}

// Pool folds windows of x [n, sp…, c]. Ceil rounds the output size up, but no
// window starts in the padding behind. CountPad makes an average count the
// padding. P is the norm of PoolLp.
type Pool struct {
	Kind                                    int64
	Window, Stride, Dilation, Before, After []int64
	Ceil, CountPad                          bool
	P                                       int64
}

// Recurrent is shared by LSTM, GRU and RNN. Inputs: x [time, batch, in], W
// [dirs, gates·hidden, in], R [dirs, gates·hidden, hidden], B? [dirs,
// 2·gates·hidden], h0? [dirs, batch, hidden], len? int32 [batch], and for LSTM
// c0? like h0 and P? [dirs, 3·hidden]. Gates in ONNX's order. Activations are
// Fn numbers, gates·dirs of them, Alpha and Beta beside each. Results: Y
// [time, dirs, batch, hidden], h, and for LSTM c.
type Recurrent struct {
	Direction    int64
	Activations  []int64
	Alpha, Beta  []int64
	Clip         float32
	Coupled      bool
	LinearBefore bool
}

// Repeat runs Program, which was sealed before, N times: N turns. Inputs: with
// Counted an int32 or int64 [] that says how many turns there are, N at most;
// Fixed inputs, which each turn is given; Carried ones, which the first turn is
// given, and each later one what the turn before made of them; and sequences
// [N, …], of which each turn is given the next [ … ]. These, in this order, are
// the inputs of Program. It gives the carried values, of the same types, and
// then what is stacked to [N, …]. The results are the carried values after the
// last turn, and the stacks; where no turn was, a stack is 0.
//
// Back has 1 for each sequence, and then for each stack, whose last entry is
// that of the first turn, and else 0. Programs within programs are at most
// MaxNested deep.
type Repeat struct {
	Program        int64
	N              Word
	Fixed, Carried int64
	Back           []int64
	Counted        bool
}

func (a *View) code(c *coder)    { c.words(&a.Dims) }
func (a *Permute) code(c *coder) { c.ints(&a.Perm) }
func (a *Slice) code(c *coder) {
	c.words(&a.Start)
	c.words(&a.Size)
	c.ints(&a.Step)
	if c.more() {
		c.ints(&a.Axes)
	}
}
func (a *UpdateSlice) code(c *coder) { c.words(&a.Start); c.ints(&a.Axes) }
func (a *Concat) code(c *coder)      { c.int(&a.Axis) }
func (a *Pad) code(c *coder) {
	c.words(&a.Before)
	c.words(&a.After)
	c.int(&a.Mode)
}
func (a *Broadcast) code(c *coder) { c.words(&a.Dims) }
func (a *Tile) code(c *coder)      { c.words(&a.Reps) }
func (a *Iota) code(c *coder) {
	c.word(&a.N)
	c.word(&a.Start)
	c.word(&a.Step)
	c.int(&a.DType)
}
func (a *Fill) code(c *coder)            { c.words(&a.Dims); c.word(&a.Value); c.int(&a.DType) }
func (a *Literal) code(c *coder)         { c.words(&a.Dims); c.words(&a.Values); c.int(&a.DType) }
func (a *Bitcast) code(c *coder)         { c.int(&a.DType) }
func (a *ReverseSequence) code(c *coder) { c.int(&a.Time); c.int(&a.Batch) }
func (a *Resize) code(c *coder) {
	c.words(&a.Dims)
	c.int(&a.Mode)
	c.int(&a.Coord)
	c.int(&a.Round)
	c.words(&a.Scales)
	c.ints(&a.ROI)
	c.float(&a.CubicA)
	c.float(&a.Extrapolation)
	c.bool(&a.Antialias)
	c.bool(&a.Exclude)
}
func (a *Gather) code(c *coder)          { c.int(&a.Axis); c.int(&a.Batch) }
func (a *GatherElements) code(c *coder)  { c.int(&a.Axis) }
func (a *GatherND) code(c *coder)        { c.int(&a.Batch) }
func (a *ScatterElements) code(c *coder) { c.int(&a.Axis); c.int(&a.Reduce) }
func (a *ScatterND) code(c *coder)       { c.int(&a.Reduce) }
func (a *TopK) code(c *coder) {
	c.int(&a.Axis)
	c.word(&a.K)
	c.bool(&a.Largest)
	c.bool(&a.Sorted)
}
func (a *Arg) code(c *coder) {
	c.int(&a.Axis)
	c.bool(&a.Min)
	c.bool(&a.Keep)
	c.bool(&a.Last)
}
func (a *Nonzero) code(*coder)    {}
func (a *Compress) code(c *coder) { c.int(&a.Axis) }
func (a *Map) code(c *coder)      { c.program(&a.Program) }
func (a *Reduce) code(c *coder) {
	c.ints(&a.Axes)
	c.int(&a.Fn)
	c.bool(&a.Keep)
	c.program(&a.Pre)
	c.program(&a.Epilogue)
}
func (a *Cumulate) code(c *coder) {
	c.int(&a.Axis)
	c.int(&a.Fn)
	c.bool(&a.Exclusive)
	c.bool(&a.Reverse)
}
func (a *Softmax) code(c *coder) { c.int(&a.Axis); c.float(&a.Scale); c.bool(&a.Log) }
func (a *LayerNorm) code(c *coder) {
	c.int(&a.Axis)
	c.float(&a.Eps)
	c.bool(&a.RMS)
	c.program(&a.Epilogue)
}
func (a *GroupNorm) code(c *coder) { c.int(&a.Groups); c.float(&a.Eps); c.program(&a.Epilogue) }
func (a *LRN) code(c *coder) {
	c.int(&a.Size)
	c.float(&a.A)
	c.float(&a.B)
	c.float(&a.K)
}
func (a *MatMul) code(c *coder) {
	c.bool(&a.TA)
	c.bool(&a.TB)
	c.float(&a.Alpha)
	c.program(&a.Epilogue)
}
func (a *Attention) code(c *coder) {
	c.int(&a.Heads)
	c.int(&a.KVHeads)
	c.int(&a.Size)
	c.int(&a.ValueSize)
	c.float(&a.Scale)
	c.ints(&a.From)
	c.bool(&a.Beside)
	c.bool(&a.Zero)
	c.bool(&a.Across)
}
func (a *Conv) code(c *coder) {
	c.ints(&a.Stride)
	c.ints(&a.Dilation)
	c.ints(&a.Before)
	c.ints(&a.After)
	c.int(&a.Groups)
	c.program(&a.Epilogue)
}
func (a *ConvTranspose) code(c *coder) {
	c.ints(&a.Stride)
	c.ints(&a.Dilation)
	c.ints(&a.Before)
	c.ints(&a.After)
	c.ints(&a.OutPad)
	c.int(&a.Groups)
	c.program(&a.Epilogue)
}
func (a *Pool) code(c *coder) {
	c.int(&a.Kind)
	c.ints(&a.Window)
	c.ints(&a.Stride)
	c.ints(&a.Dilation)
	c.ints(&a.Before)
	c.ints(&a.After)
	c.bool(&a.Ceil)
	c.bool(&a.CountPad)
	c.int(&a.P)
}
func (a *Recurrent) code(c *coder) {
	c.int(&a.Direction)
	c.ints(&a.Activations)
	c.ints(&a.Alpha)
	c.ints(&a.Beta)
	c.float(&a.Clip)
	c.bool(&a.Coupled)
	c.bool(&a.LinearBefore)
}
func (a *Repeat) code(c *coder) {
	c.int(&a.Program)
	c.word(&a.N)
	c.int(&a.Fixed)
	c.int(&a.Carried)
	c.ints(&a.Back)
	c.bool(&a.Counted)
}
