package runtime

import (
	"context"
	"encoding/hex"
	"errors"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/host"
)

// Report is what an inspection found. Its texts are from the file and hostile.
type Report struct {
	Format   string         `json:"format"`
	Version  string         `json:"version"`
	Parts    []ReportPart   `json:"parts"`
	Fields   []ReportField  `json:"fields"`
	Layers   []ReportLayer  `json:"layers"` // a tree, each before those inside of it
	Inputs   []Port         `json:"inputs"`
	Outputs  []Port         `json:"outputs"`
	Ops      []ReportOp     `json:"ops"`
	Tensors  []ReportTensor `json:"tensors"`
	Refusals []Refusal      `json:"refusals"` // empty: nothing in the file is refused
}

// ReportPart is one file of the model.
type ReportPart struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256,omitempty"` // of a part over 64 MiB only with Config.Digests
}

// ReportField is something that the file says of itself.
type ReportField struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// ReportLayer is a layer of a network in the file.
type ReportLayer struct {
	Path  string `json:"path"`
	Layer string `json:"layer"` // its kind and its parameters
	Depth int    `json:"depth"` // how many layers it is inside of
}

// ReportOp is a kind of operation that the model uses.
type ReportOp struct {
	Domain    string `json:"domain"`
	Type      string `json:"type"`
	Count     int64  `json:"count"`
	Supported bool   `json:"supported"`
}

// ReportTensor is a tensor that the file holds.
type ReportTensor struct {
	Name   string  `json:"name"`
	Part   string  `json:"part"`
	DType  DType   `json:"dtype"`
	Shape  []int64 `json:"shape"`
	Bytes  int64   `json:"bytes"`
	Offset int64   `json:"offset"`           // in Part, or -1
	Form   string  `json:"form,omitempty"`   // an element type that is no DType, or an order of bytes and dims
	SHA256 string  `json:"sha256,omitempty"` // with Config.Digests: of the elements, little-endian, the last dim running fastest
}

// Refusal is something for which the file is not accepted.
type Refusal struct {
	Kind   Kind   `json:"kind"`
	Reason string `json:"reason"`
	Node   string `json:"node,omitempty"`
	Op     string `json:"op,omitempty"`
	Rule   string `json:"rule,omitempty"` // by which the file is refused
	Part   string `json:"part,omitempty"`
	Offset int64  `json:"offset"` // in Part, or -1
}

// Inspect says what is in a file without running it. A file that Load refuses
// has a report too, with what is wrong with it; the error is of a limit, or of
// a file that cannot be read.
func (r *Runtime) Inspect(ctx context.Context, parts ...Part) (report *Report, err error) {
	err = r.within(ctx, StageInspect, func(c *call) error {
		v, err := r.visit(c, abi.TaskInspect, parts)
		if err != nil {
			return err
		}
		defer v.close()
		if !refused(v.end) {
			return v.end
		}
		report, err = newReport(c, v, parts, r.config.Digests)
		return err
	})
	return report, err
}

// refused reports whether an inspection that ended so has found something out
// about the file: that it is refused, or that nothing is wrong.
func refused(err error) bool {
	return err == nil || errors.Is(err, ErrMalformed) || errors.Is(err, ErrUnsafe) || errors.Is(err, ErrUnsupported) || errors.Is(err, ErrInput) || errors.Is(err, ErrGuest)
}

// hashed is the size up to which a part is hashed for a report, which takes
// 40 ms: of a larger one, an inspection reads the headers and no more.
const hashed = 64 << 20

func newReport(c *call, v *visit, parts []Part, all bool) (*Report, error) {
	rep := &Report{
		Fields: []ReportField{}, Layers: []ReportLayer{}, Ops: []ReportOp{}, Tensors: []ReportTensor{}, Refusals: []Refusal{},
	}
	for i, p := range parts {
		part := ReportPart{Name: p.Name, Size: p.Size}
		if p.Size <= hashed || all {
			sum, err := v.model.Digest(c, i)
			if err != nil {
				return nil, c.fault(err)
			}
			part.SHA256 = hex.EncodeToString(sum[:])
		}
		rep.Parts = append(rep.Parts, part)
	}
	v.model.Freeze(v.box)
	in, out := v.model.Ports()
	rep.Inputs, rep.Outputs = portsOf(in), portsOf(out)
	for _, it := range v.box.Items() {
		if !rep.add(it, v.model.PartName) && v.end == nil {
			v.end = faultf(StageInspect, ErrGuest, "it broke its contract")
		}
	}
	var f *Fault
	if errors.As(v.end, &f) {
		rep.fault(f)
	}
	return rep, nil
}

// add takes one record of the guest's, and refuses one that is not what its
// kind says.
func (r *Report) add(it abi.Item, part func(abi.Handle) string) bool {
	counts := map[abi.ItemKind][2]int{
		abi.ItemFormat: {2, 0}, abi.ItemField: {2, 0}, abi.ItemTensor: {2, 2}, abi.ItemOp: {2, 2}, abi.ItemRefused: {3, 1},
		abi.ItemLayer: {2, 1},
	}
	// Strings that need not be there: the form of a tensor and its digest, the
	// rule of a refusal.
	optional := map[abi.ItemKind]int{abi.ItemTensor: 2, abi.ItemRefused: 1}
	n, ok := counts[it.Kind]
	s, k := it.Strings, it.Ints
	if !ok || len(s) < n[0] || len(s) > n[0]+optional[it.Kind] || len(k) < n[1] {
		return false
	}
	var more [2]string
	copy(more[:], s[n[0]:])
	switch it.Kind {
	case abi.ItemFormat:
		r.Format, r.Version = s[0], s[1]
	case abi.ItemField:
		r.Fields = append(r.Fields, ReportField{s[0], s[1]})
	case abi.ItemTensor:
		where := part(it.Blob)
		if where == "" {
			where = s[1]
		}
		r.Tensors = append(r.Tensors, ReportTensor{s[0], where, DType(k[0]), append([]int64{}, k[2:]...), k[1], it.Offset, more[0], more[1]})
	case abi.ItemLayer:
		r.Layers = append(r.Layers, ReportLayer{s[0], s[1], int(max(0, min(k[0], maxDepth)))})
	case abi.ItemOp:
		r.Ops = append(r.Ops, ReportOp{s[0], s[1], k[0], k[1] == 1})
	case abi.ItemRefused:
		kind, ok := guestFaults[abi.FaultKind(k[0])]
		if !ok {
			return false
		}
		r.Refusals = append(r.Refusals, Refusal{kind, s[0], s[1], s[2], more[0], part(it.Blob), it.Offset})
	}
	return true
}

// fault lists why the inspection itself ended, unless that is listed already.
func (r *Report) fault(f *Fault) {
	if f.Kind != ErrGuest && len(r.Refusals) > 0 {
		return
	}
	reason := f.Kind.Error()
	var said guestText
	if errors.As(f.Err, &said) {
		reason = string(said)
	} else if f.Err != nil {
		reason = f.Err.Error()
	}
	r.Refusals = append(r.Refusals, Refusal{f.Kind, reason, f.Node, f.Op, f.Rule, f.Part, f.Offset})
}

// maxDepth bounds what a guest says of the depth of a layer.
const maxDepth = 100

// digests hashes the parts of a model.
func digests(c *call, m *host.Model, parts int) ([][]byte, error) {
	sums := make([][]byte, parts)
	for i := range sums {
		d, err := m.Digest(c, i)
		if err != nil {
			return nil, c.fault(err)
		}
		sums[i] = d[:]
	}
	return sums, nil
}
