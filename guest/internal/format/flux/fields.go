package flux

import "strings"

// layouts are the fields of Flux's layers, in their order in a file. A layer
// that changed has one list for each number of fields that it had.
var layouts = map[string][]string{
	"Chain":          {"layers"},
	"SkipConnection": {"layers connection"},
	"Parallel":       {"connection layers"},
	"PairwiseFusion": {"connection layers"},
	"Maxout":         {"layers"},
	"Dropout":        {"p active", "p dims active", "p dims active rng"},
	"AlphaDropout":   {"p active", "p active rng"},

	"Dense":     {"weight bias σ"},
	"Bilinear":  {"weight bias σ"},
	"Diagonal":  {"α β"},
	"Scale":     {"scale bias σ"},
	"Embedding": {"weight"},

	"EmbeddingBag":       {"weight reduction"},
	"MultiHeadAttention": {"nheads q_proj k_proj v_proj attn_drop out_proj"},

	"Conv2D":        {"σ weight stride", "σ weight stride pad"},
	"Conv":          {"σ weight bias stride pad", "σ weight bias stride pad dilation", "σ weight bias stride pad dilation groups"},
	"CrossCor":      {"σ weight bias stride pad dilation"},
	"DepthwiseConv": {"σ weight bias stride pad", "σ weight bias stride pad dilation"},
	"ConvTranspose": {
		"σ weight bias stride pad dilation", "σ weight bias stride pad dilation groups", "σ weight bias stride pad outpad dilation groups",
	},
	"MaxPool":          {"k pad stride"},
	"MeanPool":         {"k pad stride"},
	"GlobalMaxPool":    {""},
	"GlobalMeanPool":   {""},
	"AdaptiveMaxPool":  {"out"},
	"AdaptiveMeanPool": {"out"},

	"Upsample":     {"scale", "scale size"},
	"PixelShuffle": {"r"},

	"BatchNorm":    {"λ β γ μ σ² ϵ momentum active", "λ β γ μ σ² ϵ momentum affine track_stats active chs"},
	"InstanceNorm": {"λ β γ μ σ² ϵ momentum active", "λ β γ μ σ² ϵ momentum affine track_stats active chs"},
	"GroupNorm":    {"G λ β γ μ σ² ϵ momentum active", "G λ β γ μ σ² ϵ momentum affine track_stats active chs"},
	"LayerNorm":    {"diag", "λ diag ϵ size affine"},

	"Recur":      {"cell state", "cell init state"},
	"Recurrence": {"cell"},
	"RNN":        {"cell"},
	"LSTM":       {"cell"},
	"GRU":        {"cell"},
	"GRUv3":      {"cell"},
	"RNNCell":    {"σ Wi Wh bias", "σ Wi Wh b state0"},
	"LSTMCell":   {"Wi Wh bias", "Wi Wh b state0", "Wi Wh b h c"},
	"GRUCell":    {"Wi Wh b", "Wi Wh b state0"},
	"GRUv3Cell":  {"Wi Wh b Wh_h̃", "Wi Wh b Wh_h̃ state0"},
}

// layerName is the name of a layer of Flux, or "".
func layerName(typ string) string {
	name, ok := strings.CutPrefix(typ, "Flux.")
	if _, known := layouts[name]; ok && known {
		return name
	}
	return ""
}

// isModel reports whether v is a layer, which may be a network by itself. A
// cell is none without what steps it.
func isModel(v value) bool {
	name := layerName(v.name)
	return v.form == formStruct && (name != "" && cells[name].kind == "" || v.name == composition)
}

// composition is the type of f ∘ g, whose fields are f and g.
const composition = "Base.ComposedFunction"

// fieldNames are the names of the fields of a struct, or nil.
func (f *file) fieldNames(v value) []string {
	if v.name == "Core.NamedTuple" {
		return f.tupleNames(v)
	}
	lists := layouts[layerName(v.name)]
	if v.name == composition {
		lists = []string{"outer inner"}
	}
	for _, l := range lists {
		if names := strings.Fields(l); len(names) == len(v.items) {
			return names
		}
	}
	return nil
}

// tupleNames are the names of a NamedTuple, which are a part of its type.
func (f *file) tupleNames(v value) []string {
	params := f.params(v.typ)
	if len(params) == 0 {
		return nil
	}
	list := f.value(&params[0])
	if list.form != formTuple || len(list.items) != len(v.items) {
		return nil
	}
	var names []string
	for i := range list.items {
		s := f.value(&list.items[i])
		if s.form != formSymbol {
			return nil
		}
		names = append(names, s.name)
	}
	return names
}
