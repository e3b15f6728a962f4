package abi

// Op numbers the operations a program may use. Numbers are never reused.
type Op uint32

const (
	OpView            Op = 1
	OpPermute         Op = 2
	OpSlice           Op = 3
	OpConcat          Op = 4
	OpPad             Op = 5
	OpBroadcast       Op = 6
	OpTile            Op = 7
	OpIota            Op = 8
	OpFill            Op = 9
	OpLiteral         Op = 10
	OpBitcast         Op = 11
	OpReverseSequence Op = 12
	OpResize          Op = 13

	OpGather          Op = 20
	OpGatherElements  Op = 21
	OpGatherND        Op = 22
	OpScatterElements Op = 23
	OpScatterND       Op = 24
	OpUpdateSlice     Op = 25
	OpNonzero         Op = 26
	OpCompress        Op = 27
	OpUnique          Op = 28
	OpTopK            Op = 29
	OpArg             Op = 30
	OpSearchSorted    Op = 31
	OpNMS             Op = 32

	OpMap Op = 40

	OpReduce   Op = 50
	OpCumulate Op = 51

	OpSoftmax   Op = 60
	OpLayerNorm Op = 61
	OpGroupNorm Op = 62
	OpLRN       Op = 63

	OpMatMul    Op = 70
	OpAttention Op = 75

	OpConv          Op = 90
	OpConvTranspose Op = 92
	OpPool          Op = 94

	OpLSTM Op = 110
	OpGRU  Op = 111
	OpRNN  Op = 112

	OpCall   Op = 160
	OpRepeat Op = 161
)

// Fn numbers the functions of a map program's instructions.
type Fn uint16

const (
	FnConst Fn = 1 // Imm, as the bit pattern of DType
	FnCast  Fn = 2 // A to DType: floats to integers truncate and saturate, NaN is 0
	FnIota  Fn = 3 // the index along axis Imm of the output, as DType

	FnAdd   Fn = 10
	FnSub   Fn = 11
	FnMul   Fn = 12
	FnDiv   Fn = 13 // integers: toward zero, x/0 is 0, MIN/-1 is MIN
	FnMod   Fn = 14 // sign of the divisor, as Python; x mod 0 is 0
	FnFmod  Fn = 15 // sign of the dividend, as C
	FnPow   Fn = 16
	FnMin   Fn = 17 // NaN if either is
	FnMax   Fn = 18
	FnAtan2 Fn = 19
	FnFma   Fn = 20 // A·B + C, rounded once

	FnAnd Fn = 30 // Bool, and bitwise on integers
	FnOr  Fn = 31
	FnXor Fn = 32
	FnNot Fn = 33
	FnShl Fn = 34 // 0 when the count is at least the width
	FnShr Fn = 35

	FnEq     Fn = 40
	FnNe     Fn = 41
	FnLt     Fn = 42
	FnLe     Fn = 43
	FnGt     Fn = 44
	FnGe     Fn = 45
	FnSelect Fn = 46 // A (Bool) ? B : C
	FnIsNaN  Fn = 47
	FnIsInf  Fn = 48 // Imm bit 0: detect +Inf, bit 1: detect -Inf

	FnNeg   Fn = 60
	FnAbs   Fn = 61
	FnSign  Fn = 62
	FnFloor Fn = 63
	FnCeil  Fn = 64
	FnRint  Fn = 65 // ties to even
	FnTrunc Fn = 66
	FnSqrt  Fn = 67
	FnRecip Fn = 68

	FnExp   Fn = 80
	FnExp2  Fn = 81
	FnLog   Fn = 82
	FnLog1p Fn = 83
	FnExpm1 Fn = 84
	FnErf   Fn = 85
	FnSin   Fn = 86
	FnCos   Fn = 87
	FnTan   Fn = 88
	FnAsin  Fn = 89
	FnAcos  Fn = 90
	FnAtan  Fn = 91
	FnSinh  Fn = 92
	FnCosh  Fn = 93
	FnTanh  Fn = 94
	FnAsinh Fn = 95
	FnAcosh Fn = 96
	FnAtanh Fn = 97

	// Activations. Imm holds up to two float32 parameters: α low, β high.
	FnRelu        Fn = 110
	FnLeaky       Fn = 111 // α
	FnSigmoid     Fn = 112
	FnSilu        Fn = 113
	FnQuickGelu   Fn = 114 // x·sigmoid(αx)
	FnGelu        Fn = 115
	FnGeluTanh    Fn = 116
	FnHardSigmoid Fn = 117 // max(0, min(1, αx+β))
	FnHardSwish   Fn = 118 // x·max(0, min(1, x/6+1/2))
	FnElu         Fn = 119 // α
	FnSelu        Fn = 120 // α, γ=β
	FnCelu        Fn = 121 // α
	FnSoftplus    Fn = 122
	FnSoftsign    Fn = 123
	FnMish        Fn = 124
)

// Instr is one instruction of a map program. Program inputs are registers
// 0 … n-1; instruction i writes register n+i, so each is written once. A, B
// and C name earlier registers; those that Fn does not use are 0.
//
// DType is the type of the operands, and of the result except: FnCast (DType
// is the result's type, A has any), comparisons and FnIsNaN, FnIsInf (the
// result is Bool), FnSelect (A is Bool; B, C and the result are DType).
type Instr struct {
	Fn      Fn
	DType   uint8
	A, B, C uint8
	Imm     uint64
}

// Program is an elementwise micro-program: at most 8 inputs, 64 instructions
// and 4 outputs. Out lists the registers that are its results.
type Program struct {
	Code []Instr
	Out  []int64
}

// Limits of a Program.
const (
	MaxMapInputs  = 8
	MaxMapCode    = 64
	MaxMapOutputs = 4
)

// Reduce functions: attributes of OpReduce, OpCumulate and the scatters.
const (
	ReduceSum  = 1
	ReduceMean = 2
	ReduceProd = 3
	ReduceMin  = 4
	ReduceMax  = 5
	ReduceAny  = 6
	ReduceAll  = 7
)

// Pad modes.
const (
	PadConstant = 1
	PadReflect  = 2
	PadEdge     = 3
	PadWrap     = 4
)

// Pool kinds.
const (
	PoolMax = 1
	PoolAvg = 2
	PoolLp  = 3
)

// Resize: modes, coordinate transformations and roundings of nearest.
const (
	ResizeNearest = 1
	ResizeLinear  = 2
	ResizeCubic   = 3

	CoordHalfPixel          = 1
	CoordPytorchHalfPixel   = 2
	CoordAlignCorners       = 3
	CoordAsymmetric         = 4
	CoordTFCropAndResize    = 5
	CoordHalfPixelSymmetric = 6

	RoundPreferFloor = 1
	RoundPreferCeil  = 2
	RoundFloor       = 3
	RoundCeil        = 4
)

// Recurrent directions and activations.
const (
	DirForward       = 1
	DirReverse       = 2
	DirBidirectional = 3
)
