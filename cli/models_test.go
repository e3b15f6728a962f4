package cli

import (
	"encoding/binary"
	"slices"
)

// field is a field of a protobuf message that holds bytes.
func field(number byte, parts ...[]byte) []byte {
	b := slices.Concat(parts...)
	return append(binary.AppendUvarint([]byte{number<<3 | 2}, uint64(len(b))), b...)
}

// numberField is a field of a protobuf message that holds a number.
func numberField(number byte, n uint64) []byte {
	return binary.AppendUvarint([]byte{number << 3}, n)
}

// port is a ValueInfoProto of float32. A dim is an int or a name.
func port(name string, dims ...any) []byte {
	var shape []byte
	for _, d := range dims {
		switch d := d.(type) {
		case int:
			shape = append(shape, field(1, numberField(1, uint64(d)))...)
		case string:
			shape = append(shape, field(1, field(2, []byte(d)))...)
		}
	}
	return slices.Concat(field(1, []byte(name)), field(2, field(1, numberField(1, 1), field(2, shape))))
}

// twoByTwo is an ONNX model whose outputs sum and product are of the inputs x
// and y, all of the shape dims.
func twoByTwo(x, y string, dims ...any) []byte {
	node := func(op, out string) []byte {
		return field(1, field(1, []byte(x)), field(1, []byte(y)), field(2, []byte(out)), field(4, []byte(op)))
	}
	graph := field(7, node("Add", "sum"), node("Mul", "product"), field(2, []byte("g")),
		field(11, port(x, dims...)), field(11, port(y, dims...)), field(12, port("sum", dims...)), field(12, port("product", dims...)))
	return slices.Concat(numberField(1, 8), field(8, numberField(2, 13)), graph)
}
