package cli

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
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

// vectorOf is a TensorProto of float32s.
func vectorOf(data ...float32) []byte {
	var raw []byte
	for _, f := range data {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(f))
	}
	return slices.Concat(numberField(1, uint64(len(data))), numberField(2, 1), field(9, raw))
}

// writeCase makes a folder with the model twoByTwo and a data set of files that
// all have the vector 0.
func writeCase(t *testing.T, dir string, files ...string) {
	t.Helper()
	set := filepath.Join(dir, "test_data_set_0")
	if err := os.MkdirAll(set, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "model.onnx"), twoByTwo("x", "y", "n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(set, f+".pb"), vectorOf(0), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}
