package trace

// Body is a piece of a model that runs again and again with values of the same
// types: it is traced and sealed once for each list of types.
type Body struct {
	t     *Tracer
	trace func(in []*Value) []*Value
}

// NewBody makes a body of what trace makes of its inputs.
func (t *Tracer) NewBody(trace func(in []*Value) []*Value) *Body { return &Body{t: t, trace: trace} }

// Run runs the body once.
func (b *Body) Run(in []*Value) []*Value { return b.trace(in) }

// Close frees what the body holds.
func (b *Body) Close() {}
