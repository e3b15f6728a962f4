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
	types   []visit        // of values, for when these are done
	code    map[*node]bool // what belongs to code that was refused, or to types
	arrays  []weights.Tensor
	models  []candidate
	refused func(fault abi.Fault)
}

// visit is a value that is still to be looked at.
type visit struct {
	n      *node
	p      *path
	model  bool // it is a part of a model that was found
	inside bool // it is a part of a value that is refused
	quiet  bool // it belongs to an array that is listed already
}

// candidate is a value that is a layer of Flux, and in no other.
type candidate struct {
	n *node
	p *path
	// inside says that it belongs to something that is refused: what that does
	// with it nobody knows, so it is shown and does not run.
	inside bool
}

func (f *file) survey(refused func(fault abi.Fault)) *survey {
	s := &survey{f: f, refused: refused, seen: [2]map[*node]bool{{}, {}}, code: map[*node]bool{}}
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
	for _, t := range s.types {
		s.typed(t)
	}
	return s
}

func (s *survey) push(v visit) { s.queue = append(s.queue, v) }

// refusal is the fault of a part of a file that is refused.
func (f *file) refusal(n *node, p *path, r rule, what string) abi.Fault {
	fault := abi.Fault{Kind: abi.FaultMalformed, Blob: f.blob.Handle(), Offset: n.at, Node: p.String(), Text: what + ": " + advice, Rule: string(r)}
	if r != ruleNone {
		fault.Kind = abi.FaultUnsafe
	}
	return fault
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
	if r, what := problem(v); what != "" {
		s.refused(s.f.refusal(v.n, at.p, r, what))
		at.inside = true
		if v.form == formCode {
			at.model = true // what a closure holds is no model by itself
			s.claim(v.n)
		}
	}
	if !at.model && !at.quiet && isModel(v) {
		s.models = append(s.models, candidate{at.n, at.p, at.inside})
		at.model = true
	}
	if typ := n.get("type"); typ != nil && (v.form == formStruct || v.form == formArray) {
		s.types = append(s.types, visit{n: typ, p: at.p})
	} else if v.form == formType {
		s.types = append(s.types, visit{n: at.n, p: at.p})
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
	if v.form == formStruct && dicts[v.name] {
		v.items, names = s.f.pairs(v)
	}
	for i := len(v.items) - 1; i >= 0; i-- {
		next := at
		if next.n, next.p = &v.items[i], at.p.at(i+1); names != nil {
			next.p = at.p.field(names[i])
		}
		s.push(next)
	}
}

// claim notes what the type of an anonymous function refers to: its code,
// which is refused with it.
func (s *survey) claim(n *node) {
	if typ := n.get("type"); typ != nil {
		n = typ
	}
	s.walk(n, func(*node) bool { return true })
}

// typed looks for code among the parameters of a type, which belong to no
// value: that of an anonymous function comes with its method.
func (s *survey) typed(at visit) {
	s.walk(at.n, func(n *node) bool {
		if n.tag() != "jl_anonymous" {
			return true
		}
		if name := n.get("typename"); name != nil {
			if target, ok := s.f.follow(name); !ok || !s.code[target] {
				s.refused(s.f.refusal(n, at.p, ruleClosure, "the type of an anonymous function"))
				s.claim(n)
			}
		}
		return false
	})
}

// walk calls visit for n and all that it refers to and that was not walked
// before, as long as it says so.
func (s *survey) walk(n *node, visit func(*node) bool) {
	stack := []*node{n}
	for len(stack) > 0 {
		next := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if target, ok := s.f.follow(next); ok && target != next {
			if s.code[target] {
				continue
			}
			s.code[target], next = true, target
		}
		if visit(next) {
			for i := range next.items {
				stack = append(stack, &next.items[i])
			}
		}
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

// dicts are the types that are written as their keys and their values.
var dicts = map[string]bool{"Base.Dict": true, "Base.IdDict": true}

// pairs are the values of a Dict, with the names that its keys are. Of other
// keys it gives the two as they are.
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
