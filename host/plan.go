package host

import (
	"context"
	"sync"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// A run that entered the guest leaves a record: which programs ran on what,
// and every byte of the request that the guest was told. If the guest then
// publishes, the record becomes a path in the tree for these input types: a
// later request of the same types in which those bytes are the same takes the
// same path, and the guest is not entered. Other bytes are a branch that the
// tree does not have yet.

const (
	maxNodes   = 64   // of a tree: branches on data beyond it enter the guest each time
	maxSteps   = 4096 // of a path
	maxTrees   = 64   // of a model; the least recently used goes first
	maxRebind  = 8    // trees that a request of new sizes tries to bind
	guardBytes = 256  // of one guard
	maxUnfit   = 64   // sizes remembered of which no tree holds
	stepCost   = 512  // bytes charged for a step or an op of a plan
	sourceCost = 16   // bytes charged for each input of a step
)

// source says where the bytes of a tensor came from.
type source struct {
	step  int32 // the step of the record, or one of the below
	index int32 // which input, handle or result
}

const (
	fromRequest int32 = -1
	fromModel   int32 = -2
	noSource    int32 = -3 // the guest wrote it: never published
)

// step is one thing a run did: run a program, be told bytes, free a tensor.
type step struct {
	prog *program
	in   []source
	from source // of guard and free
	off  int64
	told string // the bytes of a guard, "" otherwise
	free bool
}

// record is what the host saw of one run. A run that does more than a plan may
// hold is not recorded to its end.
type record struct {
	open  bool // false once something makes the run unfit to publish
	steps []step
	told  int // steps that are guards
}

func (r *record) close() { r.open, r.steps = false, nil }

func (r *record) add(s step) int32 {
	if r.open && len(r.steps) == maxSteps {
		r.close()
	}
	if !r.open {
		return noSource
	}
	r.steps = append(r.steps, s)
	return int32(len(r.steps) - 1)
}

func (r *record) run(p *program, in []source) int32 {
	for _, s := range in {
		if s.step == noSource {
			r.close()
		}
	}
	return r.add(step{prog: p, in: in})
}

func (r *record) read(from source, off int64, p []byte) {
	if len(p) == 0 {
		return
	}
	if r.told++; from.step == noSource || len(p) > guardBytes || r.told >= maxNodes {
		r.close()
	}
	if r.open {
		r.add(step{from: from, off: off, told: string(p)})
	}
}

func (r *record) free(s source) {
	if s.step >= 0 {
		r.add(step{from: s, free: true})
	}
}

// node is a stretch of a path up to a guard, or up to the results. Steps keep
// the numbers they had in the record, so sources stay right.
type node struct {
	first int32
	steps []step
	from  source // of the guard
	off   int64
	n     int64
	next  map[string]*node // nil at the end of a path
	out   []source
	types []tensor.Type // of the results, for ports that were given
}

// clone is n with all behind it, to which others add meanwhile.
func (n *node) clone() *node {
	c := *n
	if n.next != nil {
		c.next = make(map[string]*node, len(n.next))
	}
	for told, child := range n.next {
		c.next[told] = child.clone()
	}
	return &c
}

// tree is what is known of one set of input types.
type tree struct {
	key    string
	inputs []tensor.Type
	root   *node
	nodes  int
	used   uint64
	cost   int64
	users  int // requests on their way through it
	idle   []*walk
	gone   bool // no longer found; its programs go with its last user
}

type plans struct {
	mu    sync.Mutex
	clock uint64
	trees map[string]*tree
	byID  map[key]*program
	unfit map[string]bool // types for which no tree could be bound
}

// program is the sealed program with this content, if a plan holds it, held
// once more for the caller.
func (s *plans) program(id key) *program {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.byID[id]
	if p != nil {
		p.hold()
	}
	return p
}

// appendTypes appends what trees are found by.
func appendTypes(b []byte, in []kernels.Tensor) []byte {
	for i := range in {
		b = abi.AppendType(b, in[i].Type)
	}
	return b
}

func typesOf(in []kernels.Tensor) []tensor.Type {
	ts := make([]tensor.Type, len(in))
	for i := range in {
		ts[i] = in[i].Type
	}
	return ts
}

// publish adds the record of b to the tree of its input types.
func (m *Model) publish(b *Box) {
	if !b.rec.open {
		return
	}
	s := &m.plans
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trees == nil {
		s.trees, s.byID, s.unfit = map[string]*tree{}, map[key]*program{}, map[string]bool{}
	}
	k := string(appendTypes(nil, b.in))
	t := s.trees[k]
	if t == nil {
		t = &tree{key: k, inputs: typesOf(b.in)}
	}
	if t.nodes+t.lacks(b.rec.steps) > maxNodes {
		return
	}
	before := t.cost
	root, ok := t.add(t.root, b, b.rec.steps, 0)
	if !ok || t.cost == before {
		return
	}
	if t.root == nil { // who walks the tree reads it
		t.root = root
	}
	clear(s.unfit)
	if m.ledger.charge(t.cost-before) != nil {
		t.cost = before
		s.drop(m, t)
		return
	}
	s.put(m, t)
}

// put makes t the newest tree, and lets the oldest go if there are too many.
func (s *plans) put(m *Model, t *tree) {
	s.clock++
	t.used = s.clock
	s.trees[t.key] = t
	t.each(func(p *program) { s.byID[p.id] = p })
	if len(s.trees) <= maxTrees {
		return
	}
	oldest := t
	for _, u := range s.trees {
		if u.used < oldest.used {
			oldest = u
		}
	}
	s.drop(m, oldest)
}

func (s *plans) drop(m *Model, t *tree) {
	if s.trees[t.key] == t {
		m.ledger.release(t.cost)
		delete(s.trees, t.key)
		t.each(func(p *program) { delete(s.byID, p.id) })
	}
	t.gone = true
	s.leave(m, t)
}

// left ends a request's way through t.
func (m *Model) left(t *tree, w *walk) {
	m.plans.mu.Lock()
	defer m.plans.mu.Unlock()
	t.users--
	if len(t.idle) < maxIdle && w.waits() {
		t.idle = append(t.idle, w)
	}
	m.plans.leave(m, t)
}

// leave lets go of a tree that is not found any longer and that none uses.
func (s *plans) leave(m *Model, t *tree) {
	if t.gone && t.users == 0 {
		t.leave(m)
		t.root = nil
	}
}

// leave lets go of the programs of a tree, or of nil.
func (t *tree) leave(m *Model) {
	if t != nil {
		t.each(m.drop)
	}
}

// each calls f with every program of the tree.
func (t *tree) each(f func(*program)) {
	var walk func(*node)
	walk = func(n *node) {
		if n == nil {
			return
		}
		for i := range n.steps {
			if n.steps[i].prog != nil {
				f(n.steps[i].prog)
			}
		}
		for _, c := range n.next {
			walk(c)
		}
	}
	walk(t.root)
}

// lacks is how many nodes a path would add.
func (t *tree) lacks(steps []step) int {
	n, missing := t.root, 0
	if n == nil {
		missing = 1
	}
	for i := range steps {
		if steps[i].told == "" {
			continue
		}
		if n != nil {
			n = n.next[steps[i].told]
		}
		if n == nil {
			missing++
		}
	}
	return missing
}

// add extends the node n, at which steps begin, with the rest of b's path. It
// refuses a path that does not agree with what is there.
func (t *tree) add(n *node, b *Box, steps []step, first int32) (*node, bool) {
	k := 0
	for k < len(steps) && steps[k].told == "" {
		k++
	}
	leaf := k == len(steps)
	if n == nil {
		n = &node{first: first, steps: steps[:k:k]}
		if leaf {
			n.out, n.types = b.outRef, typesOf(b.out)
		} else {
			n.from, n.off, n.n = steps[k].from, steps[k].off, int64(len(steps[k].told))
			n.next = map[string]*node{}
		}
		t.count(n)
	}
	if leaf || n.next == nil {
		return n, leaf && n.next == nil && len(n.steps) == k
	}
	g := steps[k]
	if len(n.steps) != k || n.from != g.from || n.off != g.off || n.n != int64(len(g.told)) {
		return nil, false
	}
	child, ok := t.add(n.next[g.told], b, steps[k+1:], first+int32(k)+1)
	if !ok {
		return nil, false
	}
	n.next[g.told] = child
	return n, true
}

// count charges the tree for a new node.
func (t *tree) count(n *node) {
	t.nodes++
	for i := range n.steps {
		t.cost += stepCost + sourceCost*int64(len(n.steps[i].in))
		if p := n.steps[i].prog; p != nil {
			p.hold()
			t.cost += stepCost * int64(p.size())
		}
	}
}

// lookup finds the tree for these types, as published or by binding one that
// was published for other sizes, and a walk through it.
func (m *Model) lookup(ctx context.Context, in []kernels.Tensor) (*tree, *walk, error) {
	var buf [8 * abi.TypeSize]byte
	k := appendTypes(buf[:0], in)
	s := &m.plans
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.trees[string(k)]
	if t == nil && !s.unfit[string(k)] {
		var err error
		if t, err = m.rebound(ctx, string(k), in); err != nil {
			return nil, nil, err
		}
	}
	if t == nil {
		return nil, nil, nil
	}
	s.clock++
	t.used = s.clock
	t.users++
	n := len(t.idle)
	if n == 0 {
		return t, new(walk), nil
	}
	w := t.idle[n-1]
	t.idle = t.idle[:n-1]
	return t, w, nil
}

// rebound is a tree for other sizes, bound to these; nil, if none can be. The
// caller holds the lock of the plans, which others may have while a tree is
// bound. What that takes is charged before.
func (m *Model) rebound(ctx context.Context, k string, in []kernels.Tensor) (*tree, error) {
	s := &m.plans
	list := s.near(in)
	for _, t := range list {
		t.users++
	}
	defer func() {
		for _, t := range list {
			t.users--
			s.leave(m, t)
		}
	}()
	for _, t := range list {
		if m.ledger.charge(t.cost) != nil {
			return nil, nil
		}
		u := func(cost int64, root *node) *tree {
			defer m.ledger.release(cost)
			s.mu.Unlock()
			defer s.mu.Lock()
			return t.bind(ctx, root, k, typesOf(in))
		}(t.cost, t.root.clone())
		if err := stopped(ctx); err != nil {
			u.leave(m)
			return nil, err
		}
		if before := s.trees[k]; before != nil {
			u.leave(m)
			return before, nil
		}
		if u == nil {
			continue
		}
		if m.ledger.charge(u.cost) != nil {
			u.leave(m)
			return nil, nil
		}
		s.put(m, u)
		return u, nil
	}
	if len(s.unfit) >= maxUnfit {
		clear(s.unfit)
	}
	if len(list) > 0 {
		s.unfit[k] = true
	}
	return nil, nil
}

// near lists the most recently used trees whose inputs differ in sizes alone.
func (s *plans) near(in []kernels.Tensor) []*tree {
	var list []*tree
	for _, t := range s.trees {
		if alike(t.inputs, in) {
			list = append(list, t)
		}
	}
	for i := range list {
		for j := i; j > 0 && list[j].used > list[j-1].used; j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
	return list[:min(len(list), maxRebind)]
}

func alike(a []tensor.Type, in []kernels.Tensor) bool {
	if len(a) != len(in) {
		return false
	}
	for i := range a {
		if a[i].DType != in[i].DType || a[i].Rank != in[i].Rank {
			return false
		}
	}
	return true
}
