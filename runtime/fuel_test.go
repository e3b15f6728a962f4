package runtime

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
)

// TestFuelOfRefusals: a file that is refused at its end costs fuel in proportion
// to its size. One of twice the size may take up to 3 times as much: maps and
// the garbage collector work in steps. What is quadratic takes 4 times.
func TestFuelOfRefusals(t *testing.T) {
	rt := open(t, Config{})
	for name, file := range map[string]func(n int) []byte{
		"safetensors with a hole":         holedSafetensors,
		"safetensors with a key twice":    twiceSafetensors,
		"safetensors with one long text":  longSafetensors,
		"safetensors that all overlap":    overlappingSafetensors,
		"npz with a wrong checksum":       crookedNPZ,
		"npz of members that are too big": bombedNPZ,
		"npz that does not inflate":       garbledNPZ,
		"npz of objects":                  objectsNPZ,
		"npy with too little behind":      shortNPY,
		"architecture with a lie":         lyingArchitecture,
		"architecture with long paths":    deepArchitecture,
		"architecture with a hole":        holedArchitecture,
	} {
		t.Run(name, func(t *testing.T) {
			const n = 2000
			base, one, two := loadFuel(t, rt, file(1)), loadFuel(t, rt, file(n)), loadFuel(t, rt, file(2*n))
			t.Logf("%d, then %d and %d for %d and %d bytes", base, one, two, len(file(n)), len(file(2*n)))
			if two-base > 3*(one-base) {
				t.Errorf("fuel grows faster than the file")
			}
		})
	}
}

// loadFuel is the fuel in which a file is inspected and refused.
func loadFuel(t *testing.T, rt *Runtime, file []byte) (fuel int64) {
	t.Helper()
	err := rt.within(t.Context(), StageInspect, func(c *call) error {
		v, err := rt.visit(c, abi.TaskInspect, []Part{Bytes("file", file)})
		if err != nil {
			return err
		}
		defer v.close()
		fuel = v.box.Cost().Fuel
		rep, err := newReport(c, v, v.parts, false)
		if err == nil && len(rep.Refusals) == 0 {
			t.Error("accepted")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return fuel
}

func holedSafetensors(n int) []byte {
	var h strings.Builder
	for i := range n {
		fmt.Fprintf(&h, `"tensor%d":{"dtype":"U8","shape":[1],"data_offsets":[%d,%d]},`, i, i, i+1)
	}
	fmt.Fprintf(&h, `"last":{"dtype":"U8","shape":[1],"data_offsets":[%d,%d]}`, n+1, n+2)
	b := binary.LittleEndian.AppendUint64(nil, uint64(h.Len()+2))
	return append(append(append(append(b, '{'), h.String()...), '}'), make([]byte, n+2)...)
}

// safetensors is a header and n bytes behind it.
func safetensors(header string, n int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, n)...)
}

func twiceSafetensors(n int) []byte {
	var h strings.Builder
	for i := range n {
		fmt.Fprintf(&h, `"\u0074ensor%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},`, i)
	}
	return safetensors("{"+h.String()+`"t\u0065nsor0":{}}`, 0)
}

func longSafetensors(n int) []byte {
	return safetensors(`{"__metadata__":{"k":"`+strings.Repeat(`\u00e9é`, 16*n)+`\x"}}`, 0)
}

func overlappingSafetensors(n int) []byte {
	var h strings.Builder
	for i := range n {
		fmt.Fprintf(&h, `"tensor%d":{"dtype":"U8","shape":[2],"data_offsets":[%d,%d]},`, i, n-i, n-i+2)
	}
	return safetensors("{"+strings.TrimSuffix(h.String(), ",")+"}", n+2)
}

func garbledNPZ(n int) []byte {
	return archive(n, func(i int, header []byte) {
		if i == n-1 {
			header[4] = 8
		}
	})
}

func objectsNPZ(n int) []byte {
	b := archive(min(n, 50), func(int, []byte) {})
	return bytes.ReplaceAll(b, []byte("'|u1'"), []byte("'|O1'"))
}

func shortNPY(n int) []byte {
	const header = "\x93NUMPY\x01\x00\x40\x00{'descr':'|u1','fortran_order':False,'shape':(1099511627776,)}   \n"
	return append([]byte(header), make([]byte, 100*n)...)
}

func deepArchitecture(n int) []byte {
	inner := strings.Repeat(`{"kind":"Flatten"},`, n)
	for range 20 {
		inner = `{"kind":"Chain","name":"` + strings.Repeat("x", 20) + `","layers":[` + strings.TrimSuffix(inner, ",") + `]}`
	}
	return []byte(`{"glovebox":1,"input":{},"layers":[` + inner + `,{"kind":"Lambda"}]}`)
}

func holedArchitecture(n int) []byte {
	return []byte(`{"glovebox":1,"input":{},"layers":[` + strings.Repeat(`{"kind":"Flatten"},`, n) + `{"kind":"?"}]}`)
}

func lyingArchitecture(n int) []byte {
	layers := strings.Repeat(`{"kind":"Dense","in":4,"out":4,"weights":{"weight":"w"}},`, n)
	return []byte(`{"glovebox":1,"input":{},"layers":[` + layers + `{"kind":"Lambda"}]}`)
}

// archive is an npz of n arrays, of which change alters the headers.
func archive(n int, change func(i int, header []byte)) []byte {
	le := binary.LittleEndian
	array := []byte("\x93NUMPY\x01\x00\x37\x00{'descr':'|u1','fortran_order':False,'shape':(1,)}    \nx")
	var b, dir bytes.Buffer
	for i := range n {
		name := fmt.Sprintf("array%d.npy", i)
		header := make([]byte, 26)
		header[0] = 20
		le.PutUint32(header[10:], crc32.ChecksumIEEE(array))
		le.PutUint32(header[14:], uint32(len(array)))
		le.PutUint32(header[18:], uint32(len(array)))
		header[22] = byte(len(name))
		change(i, header)
		entry := le.AppendUint32(append(append([]byte("PK\x01\x02\x00\x00"), header...), make([]byte, 10)...), uint32(b.Len()))
		dir.Write(append(entry, name...))
		b.WriteString("PK\x03\x04")
		b.Write(header)
		b.WriteString(name)
		b.Write(array)
	}
	end := append([]byte("PK\x05\x06"), make([]byte, 4)...)
	end = le.AppendUint16(le.AppendUint16(end, uint16(n)), uint16(n))
	end = le.AppendUint32(le.AppendUint32(end, uint32(dir.Len())), uint32(b.Len()))
	return append(append(b.Bytes(), dir.Bytes()...), append(end, 0, 0)...)
}

func crookedNPZ(n int) []byte {
	return archive(n, func(i int, header []byte) {
		if i == n-1 {
			header[10]++
		}
	})
}

func bombedNPZ(n int) []byte {
	return archive(n, func(i int, header []byte) {
		if i == n-1 {
			header[4] = 8
			binary.LittleEndian.PutUint32(header[18:], 1<<31-1)
		}
	})
}
