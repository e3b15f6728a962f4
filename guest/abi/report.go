package abi

import (
	"encoding/binary"
	"math"
)

// Port is the record of port_declare: what a model takes or gives.
type Port struct {
	Output   bool
	Optional bool
	Ranked   bool   // false: any shape
	DType    uint8  // a tensor.DType
	Name     string // not empty, unique among the inputs or the outputs
	Dims     []PortDim
}

// PortDim is a dim of a port: a size, or -1 for a free one that may have a name.
type PortDim struct {
	Size int64
	Name string
}

// Fault is the record of EmitFault: why load or run fails. Every text is
// hostile and is printed quoted.
type Fault struct {
	Kind   FaultKind
	Blob   Handle // the part that Offset is in, or 0
	Offset int64  // byte offset, or -1
	Node   string
	Op     string
	Text   string
	Rule   string // by which the file is refused, or ""
}

// FaultKind is what a guest may blame. Limits are the host's to report.
type FaultKind uint32

const (
	FaultMalformed   FaultKind = 1 // the file is not what it claims to be
	FaultUnsupported FaultKind = 2 // the file is well-formed but needs what is not there
	FaultInput       FaultKind = 3 // the request does not fit the model
	FaultUnsafe      FaultKind = 4 // the file holds code, or what is not known to be none
)

// Item is the record of EmitReport: one line of what an inspection found.
type Item struct {
	Kind    ItemKind
	Blob    Handle
	Offset  int64 // byte offset in Blob, or -1
	Strings []string
	Ints    []int64
}

// ItemKind says what the strings and integers of an Item are.
type ItemKind uint32

const (
	ItemFormat  ItemKind = 1 // strings: format, version
	ItemField   ItemKind = 2 // strings: name, value
	ItemTensor  ItemKind = 3 // strings: name, part, and how it lies where dtype is 0 or does not say, and its SHA-256 if it was asked for; ints: dtype, bytes, dims…
	ItemOp      ItemKind = 4 // strings: domain, type; ints: count, 1 if supported
	ItemRefused ItemKind = 5 // strings: reason, node, op, and the rule if there is one; ints: FaultKind
	ItemLayer   ItemKind = 6 // strings: path, what it is; ints: how many layers it is inside of
)

// ImageSpec is blob 2 of TaskDecode: how an image becomes a tensor. The zero
// spec keeps the image's size, RGB, values divided by 255, layout [1, 3, h, w].
type ImageSpec struct {
	Width, Height int64 // 0: as the image
	Channels      int64 // 1 grey, 3 colour; 0: 3
	BGR           bool
	ChannelsLast  bool
	DType         uint8      // 0: float32; uint8 keeps 0…255
	Mean, Scale   [3]float32 // (v - Mean)·Scale; Scale 0 means 1/255
	Reversed      bool       // layout [w, h, channels, 1]
}

// The texts and lists of these records are a u32 length, then the bytes or
// entries. Integers are i64. A reader refuses bytes left over.
type packer struct{ b []byte }

func (p *packer) int(n int64) { p.b = binary.LittleEndian.AppendUint64(p.b, uint64(n)) }
func (p *packer) len(n int)   { p.b = binary.LittleEndian.AppendUint32(p.b, uint32(n)) }
func (p *packer) str(s string) {
	p.len(len(s))
	p.b = append(p.b, s...)
}
func (p *packer) bools(bs ...bool) {
	var n int64
	for i, b := range bs {
		if b {
			n |= 1 << i
		}
	}
	p.int(n)
}

type unpacker struct {
	b   []byte
	bad bool
}

func (u *unpacker) take(n int) []byte {
	if n > len(u.b) {
		u.bad, u.b = true, nil
		return make([]byte, min(n, 8))
	}
	p := u.b[:n]
	u.b = u.b[n:]
	return p
}
func (u *unpacker) int() int64 { return int64(binary.LittleEndian.Uint64(u.take(8))) }

// len reads the length of a list whose entries take at least size bytes each.
func (u *unpacker) len(size int) int {
	n := int64(binary.LittleEndian.Uint32(u.take(4)))
	if n > int64(len(u.b)/size) {
		u.bad = true
		return 0
	}
	return int(n)
}
func (u *unpacker) str(limit int) string {
	n := u.len(1)
	if n > limit {
		u.bad = true
		return ""
	}
	return string(u.take(n))
}
func (u *unpacker) bools(bs ...*bool) {
	n := u.int()
	if n < 0 || n>>len(bs) != 0 {
		u.bad = true
	}
	for i, b := range bs {
		*b = n>>i&1 == 1
	}
}
func (u *unpacker) end() Errno {
	if u.bad || len(u.b) != 0 {
		return ErrRecord
	}
	return OK
}

// AppendPort encodes p.
func AppendPort(b []byte, p Port) []byte {
	w := packer{b}
	w.bools(p.Output, p.Optional, p.Ranked)
	w.int(int64(p.DType))
	w.str(p.Name)
	w.len(len(p.Dims))
	for _, d := range p.Dims {
		w.int(d.Size)
		w.str(d.Name)
	}
	return w.b
}

// DecodePort reads one Port and nothing else.
func DecodePort(b []byte) (Port, Errno) {
	u := unpacker{b: b}
	var p Port
	u.bools(&p.Output, &p.Optional, &p.Ranked)
	dt := u.int()
	if dt < 0 || dt > 255 {
		u.bad = true
	}
	p.DType, p.Name = uint8(dt), u.str(MaxName)
	n := u.len(12)
	for range n {
		p.Dims = append(p.Dims, PortDim{u.int(), u.str(MaxName)})
	}
	return p, u.end()
}

// AppendFault encodes f; texts over MaxMessage are cut.
func AppendFault(b []byte, f Fault) []byte {
	w := packer{b}
	w.int(int64(f.Kind))
	w.int(int64(f.Blob))
	w.int(f.Offset)
	for _, s := range [...]string{f.Node, f.Op, f.Text} {
		w.str(s[:min(len(s), MaxMessage)])
	}
	if f.Rule != "" {
		w.str(f.Rule[:min(len(f.Rule), MaxMessage)])
	}
	return w.b
}

// DecodeFault reads one Fault and nothing else.
func DecodeFault(b []byte) (Fault, Errno) {
	u := unpacker{b: b}
	kind, blob := u.int(), u.int()
	f := Fault{Kind: FaultKind(kind), Blob: Handle(blob), Offset: u.int()}
	if kind < int64(FaultMalformed) || kind > int64(FaultUnsafe) || blob < 0 || blob > MaxBlobs || f.Offset < -1 {
		u.bad = true
	}
	f.Node, f.Op, f.Text = u.str(MaxMessage), u.str(MaxMessage), u.str(MaxMessage)
	if len(u.b) > 0 {
		f.Rule = u.str(MaxMessage)
		u.bad = u.bad || f.Rule == ""
	}
	return f, u.end()
}

// AppendItem encodes it; strings over MaxMessage are cut.
func AppendItem(b []byte, it Item) []byte {
	w := packer{b}
	w.int(int64(it.Kind))
	w.int(int64(it.Blob))
	w.int(it.Offset)
	w.len(len(it.Strings))
	for _, s := range it.Strings {
		w.str(s[:min(len(s), MaxMessage)])
	}
	w.len(len(it.Ints))
	for _, n := range it.Ints {
		w.int(n)
	}
	return w.b
}

// DecodeItem reads one Item and nothing else.
func DecodeItem(b []byte) (Item, Errno) {
	u := unpacker{b: b}
	kind, blob := u.int(), u.int()
	it := Item{Kind: ItemKind(kind), Blob: Handle(blob), Offset: u.int()}
	if kind < int64(ItemFormat) || kind > int64(ItemLayer) || blob < 0 || blob > MaxBlobs || it.Offset < -1 {
		u.bad = true
	}
	for n := u.len(4); n > 0; n-- {
		it.Strings = append(it.Strings, u.str(MaxMessage))
	}
	for n := u.len(8); n > 0; n-- {
		it.Ints = append(it.Ints, u.int())
	}
	return it, u.end()
}

// AppendImageSpec encodes s.
func AppendImageSpec(b []byte, s ImageSpec) []byte {
	w := packer{b}
	w.int(s.Width)
	w.int(s.Height)
	w.int(s.Channels)
	w.bools(s.BGR, s.ChannelsLast, s.Reversed)
	w.int(int64(s.DType))
	for _, v := range [...][3]float32{s.Mean, s.Scale} {
		for _, f := range v {
			w.int(int64(math.Float32bits(f)))
		}
	}
	return w.b
}

// DecodeImageSpec reads one ImageSpec and nothing else.
func DecodeImageSpec(b []byte) (ImageSpec, Errno) {
	u := unpacker{b: b}
	s := ImageSpec{Width: u.int(), Height: u.int(), Channels: u.int()}
	u.bools(&s.BGR, &s.ChannelsLast, &s.Reversed)
	dt := u.int()
	if dt < 0 || dt > 255 {
		u.bad = true
	}
	s.DType = uint8(dt)
	for _, v := range [...]*[3]float32{&s.Mean, &s.Scale} {
		for i := range v {
			v[i] = math.Float32frombits(uint32(u.int()))
		}
	}
	return s, u.end()
}
