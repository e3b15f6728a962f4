// Package runtime runs machine-learning models that nobody has reason to
// trust. A model file is parsed inside a WebAssembly box; what leaves the box
// is a checked tensor program, whose cost is known before it runs and whose
// kernels never see the file.
//
//	rt, err := glovebox.New(ctx, glovebox.Config{})
//	model, err := rt.LoadFile(ctx, "model.onnx")
//	x, err := glovebox.Of(pixels, 1, 3, 224, 224)
//	result, err := model.Run(ctx, glovebox.Values{"input": x})
//
// The package shares its name with one of the standard library, and no
// exported name of the two is equal. It is meant to be imported as
//
//	import glovebox "github.com/glovebox-ml/glovebox/runtime"
//
// Every error it returns is a *Fault.
package runtime
