package kernels

import "github.com/glovebox-ml/glovebox/kernels/tensor"

// Fn names the function of one instruction of an elementwise program. The
// numbers are those of the guest contract.
type Fn uint16

const (
	FnConst Fn = 1 // Imm, as the bit pattern of DType
	FnCast  Fn = 2 // A to DType: floats to integers truncate and saturate, NaN is 0
	FnIota  Fn = 3 // the index along axis Imm of the output, as DType

	FnAdd   Fn = 10
	FnSub   Fn = 11
	FnMul   Fn = 12
	FnDiv   Fn = 13 // integers: toward zero, x/0 is 0, MIN/-1 is MIN
	FnMod   Fn = 14 // sign of the divisor, as Python; integers: x mod 0 is 0
	FnFmod  Fn = 15 // sign of the dividend, as C; integers: x fmod 0 is 0
	FnPow   Fn = 16 // integers: 1/A^-B toward zero where B is negative, 0 if A is
	FnMin   Fn = 17 // NaN if either is
	FnMax   Fn = 18
	FnAtan2 Fn = 19
	FnFma   Fn = 20 // A·B + C, rounded once

	FnAnd Fn = 30 // Bool, and bitwise on integers
	FnOr  Fn = 31
	FnXor Fn = 32
	FnNot Fn = 33
	FnShl Fn = 34 // 0 when the count is negative or at least the width
	FnShr Fn = 35 // likewise; copies the sign

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
	FnSign  Fn = 62 // -1, 0, 1 or NaN
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

// Instr is one instruction. The inputs of a program are registers 0 … n-1;
// instruction i writes register n+i, so each is written once. A, B and C name
// earlier registers; those that Fn does not use are 0.
//
// DType is the type of the operands, and of the result except: FnCast (DType
// is the result's type, A has any), comparisons, FnIsNaN and FnIsInf (the
// result is Bool), FnSelect (A is Bool; B, C and the result are DType).
type Instr struct {
	Fn      Fn
	DType   tensor.DType
	A, B, C uint8
	Imm     uint64
}

// Program is an elementwise program: straight-line code over at most 8 inputs,
// 64 instructions and 4 outputs. Out lists the registers that are its results.
type Program struct {
	Code []Instr
	Out  []int64
}

// Limits of a Program. A register's number fits in eight bits.
const (
	maxMapInputs  = 8
	maxMapCode    = 64
	maxMapOutputs = 4
)
