package weights

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/boxtest"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestRowMajor(t *testing.T) {
	for _, test := range []struct {
		name, data, want string
		tensor           Tensor
	}{
		{"as it is", "abcdef", "abcdef", Tensor{DType: tensor.Uint8, Shape: []int64{2, 3}}},
		{"column-major", "adbecf", "abcdef", Tensor{DType: tensor.Uint8, Shape: []int64{2, 3}, ColumnMajor: true}},
		{"column-major of three dims", "aecgbfdh", "abcdefgh", Tensor{DType: tensor.Uint8, Shape: []int64{2, 2, 2}, ColumnMajor: true}},
		{"column-major vector", "abcdef", "abcdef", Tensor{DType: tensor.Uint8, Shape: []int64{6}, ColumnMajor: true}},
		{"column-major with a dim of one", "abcdef", "abcdef", Tensor{DType: tensor.Uint8, Shape: []int64{1, 6}, ColumnMajor: true}},
		{"big-endian", "badcfe", "abcdef", Tensor{DType: tensor.Int16, Shape: []int64{3}, BigEndian: true}},
		{"both", "bafedcHG", "abcdefGH", Tensor{DType: tensor.Int16, Shape: []int64{2, 2}, BigEndian: true, ColumnMajor: true}},
		{"nothing", "", "", Tensor{DType: tensor.Float32, Shape: []int64{2, 0}, BigEndian: true, ColumnMajor: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			box := boxtest.New([]byte("xyz" + test.data))
			x := test.tensor
			x.Blob, x.At, x.Size = 1, 3, int64(len(test.data))
			var got string
			fault := scan.Catch(func() {
				h, at := x.RowMajor(box)
				got = string(box.Blobs[h-1][at:][:x.Size])
			})
			if fault != nil || got != test.want {
				t.Errorf("%q, want %q; %+v", got, test.want, fault)
			}
		})
	}
}

// TestRowMajorLong moves more than is written at once.
func TestRowMajorLong(t *testing.T) {
	const rows, columns = 300, 500
	data := make([]byte, 2*rows*columns)
	for i := range rows {
		for j := range columns {
			at := 2 * (i + rows*j)
			data[at], data[at+1] = byte(i+j), byte((i+j)>>8)
		}
	}
	box := boxtest.New(data)
	x := Tensor{DType: tensor.Uint16, Shape: []int64{rows, columns}, Blob: 1, Size: int64(len(data)), ColumnMajor: true}
	h, at := x.RowMajor(box)
	for i := range rows {
		for j := range columns {
			p := box.Blobs[h-1][at+2*int64(i*columns+j):]
			if got := int(p[0]) | int(p[1])<<8; got != i+j {
				t.Fatalf("[%d, %d] is %d", i, j, got)
			}
		}
	}
}

func TestInspect(t *testing.T) {
	box := boxtest.New([]byte("abcdefgh"))
	Inspect(box, abi.TaskInspect, func(_ abi.Box, h abi.Handle, f *File) {
		f.Format, f.Version = "test", "1"
		f.Field("by", "nobody")
		f.Tensors = []Tensor{
			{Name: "a", DType: tensor.Uint8, Shape: []int64{2}, Blob: h, At: 1, Size: 2},
			{Name: "b", Element: "F8", Shape: []int64{1}, Blob: h, At: 3, Size: 1},
			{Name: "c", DType: tensor.Int16, Shape: []int64{1}, Blob: h, At: 4, Size: 2, BigEndian: true},
			{Name: "d", DType: tensor.Uint8, Shape: []int64{1, 2}, Blob: 9, At: 4, Size: 2, Packed: 6},
		}
		f.Attempt(func() {
			scan.Refuse(abi.Fault{Kind: abi.FaultUnsupported, Blob: h, Offset: 7, Node: "x.y", Op: "Core.Module", Text: "code"})
		})
		scan.Refuse(abi.Fault{Kind: abi.FaultMalformed, Blob: h, Offset: 8, Text: "it ends"})
	})
	var got []string
	for _, it := range box.Items {
		got = append(got, fmt.Sprint(it.Kind, it.Blob, it.Offset, it.Strings, it.Ints))
	}
	want := `1 1 -1 [test 1] []
2 1 -1 [by nobody] []
3 1 1 [a ] [9 2 2]
3 1 3 [b  F8] [0 1 1]
3 1 4 [c  big-endian] [6 2 1]
3 1 6 [d  compressed] [9 2 1 2]
5 1 7 [code x.y Core.Module] [2]
5 1 8 [it ends  ] [1]`
	if strings.Join(got, "\n") != want {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

// TestDigests hashes the elements in the order of a tensor's, however they lie.
func TestDigests(t *testing.T) {
	box := boxtest.New([]byte("adbecfhg"))
	Inspect(box, abi.TaskInspect|abi.OptionDigests, func(_ abi.Box, h abi.Handle, f *File) {
		f.Layers = []Layer{{Path: "x", Text: "Dense", Depth: 2}}
		f.Tensors = []Tensor{
			{Name: "columns", DType: tensor.Uint8, Shape: []int64{2, 3}, Blob: h, Size: 6, ColumnMajor: true},
			{Name: "big", DType: tensor.Int16, Shape: []int64{1}, Blob: h, At: 6, Size: 2, BigEndian: true},
			{Name: "other", Element: "F8", Shape: []int64{1}, Blob: h, At: 0, Size: 1},
		}
	})
	want := map[string]string{"columns": "abcdef", "big": "gh", "other": "a"}
	for _, it := range box.Items {
		if it.Kind == abi.ItemLayer && (it.Strings[1] != "Dense" || it.Ints[0] != 2) {
			t.Errorf("%+v", it)
		}
		if it.Kind != abi.ItemTensor {
			continue
		}
		sum := sha256.Sum256([]byte(want[it.Strings[0]]))
		if len(it.Strings) != 4 || it.Strings[3] != hex.EncodeToString(sum[:]) {
			t.Errorf("%q", it.Strings)
		}
	}
}

func TestLoad(t *testing.T) {
	fault := scan.Catch(func() {
		Load(boxtest.New(nil), 1, func(_ abi.Box, _ abi.Handle, f *File) {
			f.Refuse(abi.Fault{Text: "first"})
			f.Refuse(abi.Fault{Text: "second"})
		})
	})
	if fault == nil || fault.Text != "first" {
		t.Errorf("%+v", fault)
	}
	notes := 0
	fault = scan.Catch(func() {
		f := &File{}
		for ; ; notes++ {
			f.Refuse(abi.Fault{Text: "again"})
		}
	})
	if fault == nil || notes != maxRefused {
		t.Errorf("%d refusals, then %+v", notes, fault)
	}
}
