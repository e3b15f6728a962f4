package cli

import (
	"fmt"
	"io"
	"math"
	"strings"

	glovebox "github.com/glovebox-ml/glovebox/runtime"
)

// npyTypes are numpy's names of the element types. It has none for bfloat16,
// which is written as float32.
var npyTypes = map[glovebox.DType]string{
	glovebox.Float32: "<f4", glovebox.Float64: "<f8", glovebox.Float16: "<f2", glovebox.BFloat16: "<f4",
	glovebox.Int8: "|i1", glovebox.Int16: "<i2", glovebox.Int32: "<i4", glovebox.Int64: "<i8",
	glovebox.Uint8: "|u1", glovebox.Uint16: "<u2", glovebox.Uint32: "<u4", glovebox.Uint64: "<u8", glovebox.Bool: "|b1",
}

// writeNpy writes t in numpy's format 1.0, row-major.
func writeNpy(w io.Writer, t glovebox.Tensor) error {
	var dims strings.Builder
	for _, d := range t.Shape() {
		fmt.Fprintf(&dims, "%d, ", d)
	}
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", npyTypes[t.DType()], strings.TrimSuffix(dims.String(), " "))
	pad := 64 - (10+len(header)+1)%64
	header += strings.Repeat(" ", pad%64) + "\n"
	if _, err := fmt.Fprintf(w, "\x93NUMPY\x01\x00%c%c%s", len(header)&255, len(header)>>8, header); err != nil {
		return err
	}
	data := t.Bytes()
	if t.DType() == glovebox.BFloat16 {
		at, wide := elements(t), make([]byte, 0, 2*len(data))
		for i := range size(t) {
			bits := math.Float32bits(float32(at(i).f))
			wide = append(wide, byte(bits), byte(bits>>8), byte(bits>>16), byte(bits>>24))
		}
		data = wide
	}
	_, err := w.Write(data)
	return err
}
