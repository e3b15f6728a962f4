package export

import (
	"maps"
	"slices"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/layer"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// maxRanks is the rank up to which a network is tried: a batch of images with
// three spatial dims.
const maxRanks = 5

// attempt is network, after which the graph is as before where n is refused.
func (g *graph) attempt(n layer.Network, x value) (y value, fault *abi.Fault) {
	before := *g
	before.names, before.weights = maps.Clone(g.names), maps.Clone(g.weights)
	if fault = scan.Catch(func() { y = g.network(n, x) }); fault != nil {
		*g = before
	}
	return y, fault
}

// branch is a network for inputs of one rank.
type branch struct {
	rank  int
	nodes []byte
	out   value
}

// eachRank writes a network whose layers do different things for inputs of
// different ranks: once for each rank that it takes, of which the graph chooses
// as it runs. If there is one alone, the input is of that rank. None is a refusal
// for the reason that is given.
func (g *graph) eachRank(n layer.Network, x value, reason *abi.Fault) (value, value) {
	outer := g.nodes
	var list []branch
	for rank := 1; rank <= maxRanks; rank++ {
		g.nodes = nil
		of := x.with(slices.Repeat([]int64{free}, rank)...)
		y, fault := g.attempt(n, of)
		if fault == nil {
			list = append(list, branch{rank, g.nodes, y})
		}
	}
	if g.nodes = outer; len(list) == 0 {
		scan.Refuse(*reason)
	}
	last := list[len(list)-1]
	if len(list) == 1 {
		g.nodes = append(g.nodes, last.nodes...)
		return x.with(slices.Repeat([]int64{free}, last.rank)...), last.out
	}
	shape := g.op("Shape", []value{x})
	shape.dtype = tensor.Int64
	rank := g.op("Size", []value{shape})
	for _, b := range slices.Backward(list[:len(list)-1]) {
		same := g.op("Equal", []value{rank, g.ints(nil, int64(b.rank))})
		outer = g.nodes
		g.nodes = nil
		y := g.op("If", []value{same}, attr{"then_branch", b.graph()}, attr{"else_branch", last.graph()})
		y.dtype = b.out.dtype
		last = branch{nodes: slices.Clone(g.nodes), out: y}
		g.nodes = outer
	}
	g.nodes = append(g.nodes, last.nodes...)
	return x, last.out
}

// graph is b as a GraphProto without inputs.
func (b *branch) graph() []byte {
	out := abi.Port{Name: b.out.name, DType: uint8(b.out.dtype)}
	return append(text(slices.Clone(b.nodes), 2, "branch"), port(12, out)...)
}
