package trace

// fusion rewrites the nodes of one program.
type fusion struct {
	t     *Tracer
	nodes []*node
	uses  map[*result]int
	subst map[*result]*result
}

func newFusion(t *Tracer, nodes []*node, roots []*result) *fusion {
	return &fusion{t: t, nodes: nodes, subst: map[*result]*result{}}
}

func (f *fusion) fuse() {}

func (f *fusion) now(r *result) *result { return r }

func (f *fusion) live(roots []*result) []*node { return f.nodes }
