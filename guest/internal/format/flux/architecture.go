package flux

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/layer"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// Architecture is the one network of the file in blob 1, with a hole where a
// layer or a function of one is refused, and the arrays of the file.
func Architecture(box abi.Box, task abi.Task) (layer.Network, []weights.Tensor) {
	f := open(box, 1)
	s := f.survey(func(abi.Fault) {})
	if len(s.models) != 1 {
		scan.Refuse(abi.Fault{Kind: abi.FaultUnsupported, Blob: 1, Offset: 0, Text: fmt.Sprintf("a file of %d networks in place of one", len(s.models))})
	}
	b := builder{f: f, closures: task&abi.OptionKnownClosures != 0, holes: func(abi.Fault) {}}
	tree, fault := b.model(s.models[0])
	if fault != nil {
		scan.Refuse(*fault)
	}
	return newNetwork(tree).single(), s.arrays
}
