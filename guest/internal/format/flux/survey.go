package flux

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
)

// survey visits every value of a file once, and finds its arrays, its models
// and what is refused of it.
type survey struct {
	f       *file
	seen    [2]map[*node]bool // values behind back-references; by whether quiet
	queue   []visit
	arrays  []weights.Tensor
	models  []candidate
	refused func(fault abi.Fault)
}

// visit is a value that is still to be looked at.
type visit struct {
	n     *node
	p     *path
	model bool // it is a part of a model that was found
	quiet bool // it belongs to an array that is listed already
}

// candidate is a value that is a layer of Flux, and in no other.
type candidate struct {
	n *node
	p *path
}

func (f *file) survey(refused func(fault abi.Fault)) *survey {
	s := &survey{f: f, refused: refused, seen: [2]map[*node]bool{{}, {}}}
	for i := len(f.root.items) - 1; i >= 0; i-- {
		if key := f.root.keys[i]; key != backrefs {
			s.push(visit{n: &f.root.items[i], p: &path{name: key}})
		}
	}
	for len(s.queue) > 0 {
		next := s.queue[len(s.queue)-1]
		s.queue = s.queue[:len(s.queue)-1]
		s.visit(next)
	}
	return s
}

func (s *survey) push(v visit) { s.queue = append(s.queue, v) }

// refusal is the fault of a part of a file that is refused.
func (f *file) refusal(n *node, p *path, what string) abi.Fault {
	return abi.Fault{Kind: abi.FaultMalformed, Blob: f.blob.Handle(), Offset: n.at, Node: p.String(), Text: what + ": " + advice}
}

const advice = "nothing of it is run; save Flux.state(model) and give the architecture as JSON"

func (s *survey) visit(at visit) {
	n, ok := s.f.follow(at.n)
	if ok && n != at.n {
		seen := s.seen[0]
		if at.quiet {
			seen = s.seen[1]
		}
		if seen[n] {
			return
		}
		seen[n] = true
	}
	v := s.f.value(n)
	if what := problem(v); what != "" {
		s.refused(s.f.refusal(v.n, at.p, what))
		at.model = true // what is inside of it is no model by itself
	}
	if v.form == formStruct && !at.model && !at.quiet && layerName(v.name) != "" {
		s.models = append(s.models, candidate{at.n, at.p})
		at.model = true
	}
	if a := s.f.unwrap(n); a != nil {
		if !at.quiet {
			s.arrays = append(s.arrays, a.tensor(s.f.blob.Handle(), at.p))
		}
		at.quiet = true
	}
	// What is pushed last is visited first, and an array is to be listed where
	// it stands before others refer to it.
	names := s.names(v)
	if v.form == formStruct && v.name == "Base.Dict" {
		v.items, names = s.f.pairs(v)
	}
	for i := len(v.items) - 1; i >= 0; i-- {
		p := at.p.at(i + 1)
		if names != nil {
			p = at.p.field(names[i])
		}
		s.push(visit{&v.items[i], p, at.model, at.quiet})
	}
}

// names are the names of the items of v, or nil.
func (s *survey) names(v value) []string {
	if v.form == formDict {
		return v.n.keys
	}
	if v.form == formStruct {
		return s.f.fieldNames(v)
	}
	return nil
}

// pairs are the values of a Dict, which is written as its keys and its values,
// with the names that the keys are. Of other keys it gives the two as they are.
func (f *file) pairs(v value) (items []node, names []string) {
	if len(v.items) != 2 {
		return v.items, nil
	}
	keys, values := &v.items[0], &v.items[1]
	if keys.kind != kindArray || values.kind != kindArray || len(keys.items) != len(values.items) {
		return v.items, nil
	}
	for i := range keys.items {
		switch k := f.value(&keys.items[i]); {
		case k.form == formSymbol:
			names = append(names, k.name)
		case k.form == formPlain && k.n.kind == kindString:
			names = append(names, k.n.text)
		default:
			return v.items, nil
		}
	}
	return values.items, names
}
