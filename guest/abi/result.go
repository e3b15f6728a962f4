package abi

import "encoding/binary"

// ResultSize is the size of an encoded Result or Input: u32 value or handle,
// u32 0, an encoded Type.
const ResultSize = 8 + TypeSize

// AppendResult encodes r.
func AppendResult(b []byte, r Result) []byte { return appendTyped(b, uint32(r.Value), r.Type) }

// AppendInput encodes in. The Type of an absent input is all zeros.
func AppendInput(b []byte, in Input) []byte { return appendTyped(b, uint32(in.Tensor), in.Type) }

// DecodeResult reads an encoded Result.
func DecodeResult(b []byte) (Result, Errno) {
	n, t, e := decodeTyped(b)
	return Result{Value: Value(n), Type: t}, e
}

// DecodeInput reads an encoded Input.
func DecodeInput(b []byte) (Input, Errno) {
	n, t, e := decodeTyped(b)
	return Input{Tensor: Handle(n), Type: t}, e
}

func appendTyped(b []byte, n uint32, t Type) []byte {
	return AppendType(binary.LittleEndian.AppendUint64(b, uint64(n)), t)
}

func decodeTyped(b []byte) (uint32, Type, Errno) {
	if len(b) < ResultSize {
		return 0, Type{}, ErrRecord
	}
	n := binary.LittleEndian.Uint64(b)
	if n == 0 {
		return 0, Type{}, OK
	}
	if n>>32 != 0 {
		return 0, Type{}, ErrRecord
	}
	t, e := DecodeType(b[8:])
	return uint32(n), t, e
}
