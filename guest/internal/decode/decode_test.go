package decode

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/boxtest"
	"github.com/glovebox-ml/glovebox/guest/internal/format/npy"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// decoded is the value of a file and, where spec is given, of blob 2.
func decoded(t *testing.T, file []byte, spec *abi.ImageSpec) (tensor.Type, []byte) {
	t.Helper()
	parts := [][]byte{file}
	if spec != nil {
		parts = append(parts, abi.AppendImageSpec(nil, *spec))
	}
	box := boxtest.New(parts...)
	if f := scan.Catch(func() { Load(box).Run(box) }); f != nil {
		t.Fatalf("%+v", *f)
	}
	v := box.Views[box.Given]
	if len(box.Ports) != 1 || !box.Ports[0].Output || len(box.Ports[0].Dims) != int(v.Type.Rank) || box.Ports[0].DType != uint8(v.Type.DType) {
		t.Fatalf("declared %+v, gave %v", box.Ports, v.Type)
	}
	return v.Type, box.Bytes(v)
}

func floats(p []byte) []float32 {
	fs := make([]float32, len(p)/4)
	for i := range fs {
		fs[i] = math.Float32frombits(binary.LittleEndian.Uint32(p[4*i:]))
	}
	return fs
}

// npyFile is a file of version 1 with the given header and elements.
func npyFile(header, elements string) []byte {
	b := []byte(npy.Magic + "\x01\x00")
	b = binary.LittleEndian.AppendUint16(b, uint16(len(header)))
	return append(append(b, header...), elements...)
}

func TestNpy(t *testing.T) {
	dict := func(descr, order, shape string) string {
		return fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }   \n", descr, order, shape)
	}
	for _, test := range []struct {
		name string
		file []byte
		want tensor.Type
		data string
	}{
		{"little-endian", npyFile(dict("<i2", "False", "(2, 1)"), "\x01\x02\x03\x04"), tensor.Of(tensor.Int16, 2, 1), "\x01\x02\x03\x04"},
		{"big-endian", npyFile(dict(">i2", "False", "(2,)"), "\x02\x01\x04\x03"), tensor.Of(tensor.Int16, 2), "\x01\x02\x03\x04"},
		{"scalar", npyFile(dict("|b1", "False", "()"), "\x01"), tensor.Of(tensor.Bool), "\x01"},
		{"Fortran", npyFile(dict("|u1", "True", "(2, 3)"), "adbecf"), tensor.Of(tensor.Uint8, 2, 3), "abcdef"},
		{"Fortran of rank 3", npyFile(dict("|u1", "True", "(2, 2, 2)"), "aecgbfdh"), tensor.Of(tensor.Uint8, 2, 2, 2), "abcdefgh"},
		{"Fortran, big-endian", npyFile(dict(">u2", "True", "(2, 2)"), "Aa\x00cBb\x00d"), tensor.Of(tensor.Uint16, 2, 2), "aAbBc\x00d\x00"},
		{"empty", npyFile(dict("<f4", "True", "(3, 0)"), ""), tensor.Of(tensor.Float32, 3, 0), ""},
		{"tight", npyFile("{'shape':(1,),'descr':'|i1','fortran_order':False}", "x"), tensor.Of(tensor.Int8, 1), "x"},
		{"version 2", append([]byte(npy.Magic+"\x02\x00\x36\x00\x00\x00"), "{'descr':'|u1', 'fortran_order':False, 'shape':(2,), }ab"...), tensor.Of(tensor.Uint8, 2), "ab"},
	} {
		t.Run(test.name, func(t *testing.T) {
			typ, data := decoded(t, test.file, nil)
			if typ != test.want || string(data) != test.data {
				t.Errorf("%v %q, want %v %q", typ, data, test.want, test.data)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	var small bytes.Buffer
	if err := png.Encode(&small, image.NewGray(image.Rect(0, 0, 2, 2))); err != nil {
		t.Fatal(err)
	}
	huge := bytes.Clone(small.Bytes())
	binary.BigEndian.PutUint32(huge[16:], 1<<30)
	binary.BigEndian.PutUint32(huge[29:], crc32.ChecksumIEEE(huge[12:29]))
	nan := abi.AppendImageSpec(nil, abi.ImageSpec{Mean: [3]float32{float32(math.NaN())}})
	const missing = abi.FaultUnsupported
	for _, test := range []struct {
		name string
		file string
		spec []byte
		kind abi.FaultKind
		at   int64
		text string
	}{
		{"nothing", "", nil, malformed, 0, "element type 0"},
		{"text", "hello", nil, malformed, 0, "it is no PNG"},
		{"an archive", "PK\x03\x04", nil, malformed, 0, "it is no PNG"},
		{"png of a gigapixel", string(huge), nil, malformed, 0, "1073741824 × 2"},
		{"png cut short", small.String()[:40], nil, malformed, 40, "PNG: unexpected EOF"},
		{"jpeg of nothing", "\xff\xd8\xff", nil, malformed, 3, "JPEG"},
		{"spec of nothing", small.String(), []byte{1}, abi.FaultInput, -1, "malformed record"},
		{"spec without end", small.String(), nan, abi.FaultInput, -1, "mean [NaN"},
		{"spec too large", small.String(), abi.AppendImageSpec(nil, abi.ImageSpec{Width: 16384, Height: 16384}), abi.FaultInput, -1, "16384 × 16384"},
		{"spec too wide with the image", small.String(), abi.AppendImageSpec(nil, abi.ImageSpec{Width: -1}), abi.FaultInput, -1, "-1 × 0"},
		{"spec of two channels", small.String(), abi.AppendImageSpec(nil, abi.ImageSpec{Channels: 2}), abi.FaultInput, -1, "2 channels"},
		{"spec of int64", small.String(), abi.AppendImageSpec(nil, abi.ImageSpec{DType: uint8(tensor.Int64)}), missing, -1, "int64 is not supported"},

		{"npy of objects", string(npyFile("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "x")), nil, unsafe, 20, "a pickle, which is code"},
		{"npy of strings", string(npyFile("{'descr': '<U5', 'fortran_order': False, 'shape': (1,), }", "x")), nil, missing, 20, `"<U5" is not supported`},
		{"npy of records", string(npyFile("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "x")), nil, missing, 20, "records"},
		{"npy of two keys", string(npyFile("{'descr': '<f4', 'shape': (1,), }", "1234")), nil, malformed, 43, "2 of 3 keys"},
		{"npy of four keys", string(npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}", "1234")), nil, malformed, 73, `key "more"`},
		{"npy of a key twice", string(npyFile("{'descr': '<f4', 'descr': '<f4', 'shape': (1,)}", "1234")), nil, malformed, 35, "stands twice"},
		{"npy of code", string(npyFile("{'descr': __import__('os'), 'fortran_order': False, 'shape': (1,)}", "1234")), nil, malformed, 20, `"'" expected`},
		{"npy of text after the end", string(npyFile("{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}#", "1")), nil, malformed, 65, "text after"},
		{"npy of less", string(npyFile("{'descr': '<f4', 'fortran_order': False, 'shape': (1048576, 1048576), }", "1234")), nil, malformed, 81, "but 4 follow"},
		{"npy of more", string(npyFile("{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}", "12")), nil, malformed, 65, "but 2 follow"},
		{"npy that overflows", string(npyFile("{'descr': '|u1', 'fortran_order': False, 'shape': (9999999999, 9999999999)}", "1")), nil, malformed, 85, "size over"},
		{"npy of a number that overflows", string(npyFile("{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999,)}", "1")), nil, malformed, 61, "a dimension expected"},
		{"npy of rank 9", string(npyFile("{'descr': '|u1', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", "1")), nil, missing, 78, "more than 8 dims"},
		{"npy without byte order", string(npyFile("{'descr': '|f4', 'fortran_order': False, 'shape': (1,)}", "1234")), nil, malformed, 25, "no byte order"},
		{"npy of a long header", npy.Magic + "\x02\x00\xff\xff\xff\xff{", nil, malformed, 12, "length 4294967295, but 1 bytes are left"},
		{"npy of version 9", npy.Magic + "\x09\x00\x00\x00", nil, malformed, 6, "npy version 9.0"},

		{"tensor of strings", string(pb().num(2, 8).str(6, "s")), nil, missing, 0, "element type string"},
		{"tensor of float8", string(pb().num(2, 17).str(9, "s")), nil, missing, 0, "float8e4m3fn"},
		{"tensor elsewhere", string(pb().num(2, 2).num(14, 1).str(13, string(pb().str(1, "location").str(2, "/etc/passwd")))), nil, malformed, 0, "cannot be the name"},
		{"model", string(pb().num(1, 8).str(7, "")), nil, malformed, 0, "element type 0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			box := boxtest.New([]byte(test.file))
			if test.spec != nil {
				box = boxtest.New([]byte(test.file), test.spec)
			}
			f := scan.Catch(func() { Load(box) })
			if f == nil || f.Kind != test.kind || f.Offset != test.at || !strings.Contains(f.Text, test.text) {
				t.Errorf("%+v, want %q at %d", f, test.text, test.at)
			}
		})
	}
}

const (
	malformed = abi.FaultMalformed
	unsafe    = abi.FaultUnsafe
)

type message []byte

func pb() message { return nil }

func (m message) num(field protowire.Number, v uint64) message {
	return protowire.AppendVarint(protowire.AppendTag(m, field, protowire.VarintType), v)
}

func (m message) str(field protowire.Number, s string) message {
	return protowire.AppendString(protowire.AppendTag(m, field, protowire.BytesType), s)
}

func TestTensorProto(t *testing.T) {
	for _, test := range []struct {
		name string
		file message
		want tensor.Type
		data string
	}{
		{"raw", pb().num(1, 2).num(2, 3).str(9, "ab"), tensor.Of(tensor.Int8, 2), "ab"},
		{"packed", pb().num(1, 3).num(2, 5).str(5, "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x03"), tensor.Of(tensor.Int16, 3), "\x01\x00\xff\xff\x03\x00"},
		{"scattered", pb().num(1, 2).num(2, 7).num(7, 1).num(7, 2), tensor.Of(tensor.Int64, 2), "\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00"},
		{"floats", pb().num(1, 1).num(2, 1).str(4, "abcd"), tensor.Of(tensor.Float32, 1), "abcd"},
		{"no elements", pb().num(1, 0).num(2, 1), tensor.Of(tensor.Float32, 0), ""},
		{"truth", pb().num(2, 9).num(5, 1), tensor.Of(tensor.Bool), "\x01"},
	} {
		t.Run(test.name, func(t *testing.T) {
			typ, data := decoded(t, test.file, nil)
			if typ != test.want || string(data) != test.data {
				t.Errorf("%v %q, want %v %q", typ, data, test.want, test.data)
			}
		})
	}
}

// picture is 2 × 2: red, green; blue, white.
func picture() *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, 2, 2))
	for i, c := range []color.NRGBA{{255, 0, 0, 255}, {0, 255, 0, 255}, {0, 0, 255, 255}, {255, 255, 255, 255}} {
		m.SetNRGBA(i%2, i/2, c)
	}
	return m
}

// Pictures as WebP, which only libwebp writes: without and with losses.
const (
	lossless = "RIFF\x2c\x00\x00\x00WEBPVP8L\x1f\x00\x00\x00\x2f\x01\x40\x00\x00\x1f\x20\x10\x48\xde\x1f\x3a\x8d\xf9\x17\x10\x14\xfc\x1f\xdd\xfc\x47\x64\x0f\xe0\x06\x0c\x11\xfd\x0f\x01\x00"
	lossy    = "RIFF\x36\x00\x00\x00WEBPVP8 \x2a\x00\x00\x00\x90\x01\x00\x9d\x01\x2a\x02\x00\x02\x00\x02\xc0\x4c\x25\xa4\x00\x02\xe7\x45\xac\x00\x00\xfe\xe2\x9e\xf4\xb4\xa5\xd5\xfd\x54\xc0\x46\x03\xc1\x8c\x2b\x50\x00\x00\x00\x00"
)

// pictures are picture in each format.
func pictures(t testing.TB) map[string][]byte {
	t.Helper()
	var files [4]bytes.Buffer
	for i, err := range []error{
		png.Encode(&files[0], picture()), bmp.Encode(&files[1], picture()),
		gif.Encode(&files[2], picture(), nil), jpeg.Encode(&files[3], picture(), &jpeg.Options{Quality: 100}),
	} {
		if err != nil {
			t.Fatal(i, err)
		}
	}
	return map[string][]byte{
		"PNG": files[0].Bytes(), "BMP": files[1].Bytes(), "GIF": files[2].Bytes(), "JPEG": files[3].Bytes(),
		"WebP": []byte(lossless), "WebP with losses": []byte(lossy),
	}
}

// TestDamage cuts values off at each byte and changes each of them. They may be
// decoded or refused, and nothing else.
func TestDamage(t *testing.T) {
	files := pictures(t)
	files["npy"] = npyFile("{'descr': '>f4', 'fortran_order': True, 'shape': (2,1), }", "12345678")
	files["TensorProto"] = pb().num(1, 3).num(2, 5).str(5, "\x01\x02\x03")
	load := func(file []byte) { scan.Catch(func() { Load(boxtest.New(file)) }) }
	for _, file := range files {
		for n := range file {
			load(file[:n])
			for flip := range 8 {
				bad := bytes.Clone(file)
				bad[n] ^= 1 << flip
				load(bad)
			}
		}
	}
}

func TestImages(t *testing.T) {
	files := pictures(t)
	for name, file := range files {
		t.Run(name, func(t *testing.T) {
			typ, data := decoded(t, file, nil)
			if typ != tensor.Of(tensor.Float32, 1, 3, 2, 2) {
				t.Fatal(typ)
			}
			if got := floats(data); name != "JPEG" && name != "WebP with losses" && fmt.Sprint(got) != "[1 0 0 1 0 1 0 1 0 0 1 1]" {
				t.Error(got)
			}
		})
	}
	for _, test := range []struct {
		name string
		spec abi.ImageSpec
		want tensor.Type
		data string
	}{
		{"channels last, BGR, bytes", abi.ImageSpec{ChannelsLast: true, BGR: true, DType: uint8(tensor.Uint8)}, tensor.Of(tensor.Uint8, 1, 2, 2, 3), "[0 0 255 0 255 0 255 0 0 255 255 255]"},
		{"reversed", abi.ImageSpec{Reversed: true, DType: uint8(tensor.Uint8)}, tensor.Of(tensor.Uint8, 2, 2, 3, 1), "[255 0 0 0 0 255 0 255 0 255 255 255]"},
		{"grey", abi.ImageSpec{Channels: 1, DType: uint8(tensor.Uint8)}, tensor.Of(tensor.Uint8, 1, 1, 2, 2), "[76 150 29 255]"},
		{"mean and scale", abi.ImageSpec{Mean: [3]float32{255, 127, 0}, Scale: [3]float32{1, 2, 0.5}}, tensor.Of(tensor.Float32, 1, 3, 2, 2), "[0 -255 -255 0 -254 256 -254 256 0 0 127.5 127.5]"},
		{"smaller", abi.ImageSpec{Width: 1, Height: 1, DType: uint8(tensor.Uint8)}, tensor.Of(tensor.Uint8, 1, 3, 1, 1), "[127 127 127]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			typ, data := decoded(t, files["PNG"], &test.spec)
			got := fmt.Sprint(data)
			if typ.DType == tensor.Float32 {
				got = fmt.Sprint(floats(data))
			}
			if typ != test.want || got != test.data {
				t.Errorf("%v %s, want %v %s", typ, got, test.want, test.data)
			}
		})
	}
}

// TestTransparency: colours are what they are, however opaque.
func TestTransparency(t *testing.T) {
	m := picture()
	for i := 3; i < len(m.Pix); i += 4 {
		m.Pix[i] = 128
	}
	var file bytes.Buffer
	if err := png.Encode(&file, m); err != nil {
		t.Fatal(err)
	}
	if _, data := decoded(t, file.Bytes(), nil); fmt.Sprint(floats(data)) != "[1 0 0 1 0 1 0 1 0 0 1 1]" {
		t.Error(floats(data))
	}
}

func FuzzLoad(f *testing.F) {
	for _, file := range pictures(f) {
		f.Add(file)
	}
	f.Add(npyFile("{'descr': '>f4', 'fortran_order': True, 'shape': (1,1), }", "1234"))
	f.Add([]byte(pb().num(1, 3).num(2, 5).str(5, "\x01\x02\x03")))
	f.Fuzz(func(_ *testing.T, file []byte) {
		box := boxtest.New(file)
		scan.Catch(func() { Load(box).Run(box) })
	})
}
