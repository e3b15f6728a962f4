package host

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels"
)

var update = flag.Bool("update", false, "write the golden files")

// The golden file of the table makes a widened permission a one-line diff.
func TestTableGolden(t *testing.T) {
	var b strings.Builder
	seen := map[abi.Op]bool{}
	for i := range rows {
		r := &rows[i]
		if seen[r.op] {
			t.Errorf("op %d stands twice", r.op)
		}
		seen[r.op] = true
		note := map[memoryOf]string{alias: " alias", over: " over"}[r.memory]
		name := "a program, repeated"
		if r.kernel != nil {
			name = r.kernel.Name()
			if r.kernel.HasPack() {
				note += " packed"
			}
		}
		fmt.Fprintf(&b, "%3d %s%s\n", r.op, name, note)
	}
	for fn := range kernels.Fn(1 << 10) {
		if name := fn.String(); !strings.HasPrefix(name, "fn(") {
			fmt.Fprintf(&b, "fn %3d %s\n", fn, name)
		}
	}
	const golden = "testdata/table.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the table differs from %s; if a permission is meant to change, run go test ./host -update\n%s", golden, b.String())
	}
}

// The enumerations of the contract and of the kernels are the same numbers.
func TestEnumerations(t *testing.T) {
	for _, p := range [...][2]int64{
		{abi.PadConstant, kernels.PadConstant}, {abi.PadReflect, kernels.PadReflect}, {abi.PadEdge, kernels.PadEdge}, {abi.PadWrap, kernels.PadWrap},
		{abi.ReduceSum, kernels.ReduceSum}, {abi.ReduceMean, kernels.ReduceMean}, {abi.ReduceProd, kernels.ReduceProd}, {abi.ReduceMin, kernels.ReduceMin},
		{abi.ReduceMax, kernels.ReduceMax}, {abi.ReduceAny, kernels.ReduceAny}, {abi.ReduceAll, kernels.ReduceAll},
		{abi.PoolMax, kernels.PoolMax}, {abi.PoolAvg, kernels.PoolAvg}, {abi.PoolLp, kernels.PoolLp},
		{abi.ResizeNearest, kernels.ResizeNearest}, {abi.ResizeLinear, kernels.ResizeLinear}, {abi.ResizeCubic, kernels.ResizeCubic},
		{abi.CoordHalfPixel, kernels.CoordHalfPixel}, {abi.CoordPytorchHalfPixel, kernels.CoordPytorchHalfPixel}, {abi.CoordAlignCorners, kernels.CoordAlignCorners},
		{abi.CoordAsymmetric, kernels.CoordAsymmetric}, {abi.CoordTFCropAndResize, kernels.CoordTFCropAndResize}, {abi.CoordHalfPixelSymmetric, kernels.CoordHalfPixelSymmetric},
		{abi.RoundPreferFloor, kernels.RoundPreferFloor}, {abi.RoundPreferCeil, kernels.RoundPreferCeil}, {abi.RoundFloor, kernels.RoundFloor}, {abi.RoundCeil, kernels.RoundCeil},
		{int64(abi.FnConst), int64(kernels.FnConst)}, {int64(abi.FnFma), int64(kernels.FnFma)}, {int64(abi.FnMish), int64(kernels.FnMish)}, {int64(abi.FnAtanh), int64(kernels.FnAtanh)},
	} {
		if p[0] != p[1] {
			t.Errorf("%d in the contract is %d in the kernels", p[0], p[1])
		}
	}
}
