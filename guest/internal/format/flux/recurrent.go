package flux

import "github.com/glovebox-ml/glovebox/guest/internal/layer"

// cells are the cells that a recurrent layer may step.
var cells = map[string]struct {
	kind  layer.Kind
	reset bool
}{
	"RNNCell": {layer.RNN, false}, "LSTMCell": {layer.LSTM, false}, "GRUCell": {layer.GRU, true}, "GRUv3Cell": {layer.GRU, false},
}

// cell makes a recurrent layer of a cell. Flux has its gates in our order.
func (v part) cell() *layer.Layer {
	name := layerName(v.value.name)
	c, ok := cells[name]
	if !ok {
		v.refuse("%s in place of a cell", v.brief())
	}
	if v.b.f.fieldNames(v.value) == nil {
		v.refuse("a Flux.%s with %d fields", name, len(v.items))
	}
	l := &layer.Layer{Kind: c.kind, ResetAfter: c.reset}
	wi, wh := v.field("Wi").transposed(), v.field("Wh").transposed()
	l.In, l.Out = wi.Shape()[1], wh.Shape()[1]
	set(l, layer.WeightIH, wi)
	set(l, layer.WeightHH, wh)
	set(l, layer.BiasIH, v.field("b", "bias").weight())
	if n, ok := v.find("Wh_h̃"); ok {
		set(l, layer.WeightHN, n.transposed())
	}
	if f, ok := v.find("σ"); ok {
		l.Function = f.activation()
	}
	return l
}

// recur is the layer that keeps a state from call to call: a matrix is one
// step of a batch, a third axis is time. It begins with the state that was
// stored.
func recur(v part) *layer.Layer {
	l := v.field("cell").cell()
	l.Step = true
	state := v.field("state")
	if l.Kind != layer.LSTM {
		set(l, layer.Hidden, state.weight())
		return l
	}
	if state.form != formTuple && state.form != formList || len(state.items) != 2 {
		state.refuse("no pair of states")
	}
	for i, r := range [...]layer.Role{layer.Hidden, layer.Cell} {
		set(l, r, state.b.part(&state.items[i], state.p.at(i+1)).weight())
	}
	return l
}

// sequence is a recurrent layer since Flux 0.15: the second axis is time, the
// third one the batch, and it begins with zeros.
func sequence(v part) *layer.Layer {
	if p := v.b.f.params(v.typ); len(p) > 0 && p[0].kind == kindBool && p[0].bits == 1 {
		v.refuse("a layer that returns its state as well")
	}
	l := v.field("cell").cell()
	l.BatchFirst = true
	return l
}
