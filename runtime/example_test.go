package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	glovebox "github.com/glovebox-ml/glovebox/runtime"
)

// Load a model, decode an image for it, run it, and find the likeliest class.
func Example() {
	ctx := context.Background()
	rt, err := glovebox.New(ctx, glovebox.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()
	model, err := rt.LoadFile(ctx, "../testdata/models/digits.onnx")
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()

	file, err := glovebox.OpenFile("../testdata/models/seven.png")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	input := model.Inputs()[0]
	spec, err := input.Image()
	if err != nil {
		log.Fatal(err)
	}
	image, err := rt.Decode(ctx, file.Part(), spec)
	if err != nil {
		log.Fatal(err)
	}

	result, err := model.Run(ctx, glovebox.Values{input.Name: image})
	if err != nil {
		log.Fatal(err)
	}
	output, err := result.Tensor("probabilities")
	if err != nil {
		log.Fatal(err)
	}
	scores, err := glovebox.Slice[float32](output)
	if err != nil {
		log.Fatal(err)
	}
	best := 0
	for i, p := range scores {
		if p > scores[best] {
			best = i
		}
	}
	fmt.Println("a picture of a", best)
	// Output: a picture of a 7
}

// A report says what is in a file, also when Load would refuse it.
func ExampleRuntime_Inspect() {
	ctx := context.Background()
	rt, err := glovebox.New(ctx, glovebox.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()
	file, err := glovebox.OpenFile("../testdata/models/digits.onnx")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	report, err := rt.Inspect(ctx, file.Part())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, refused for %d reasons\n", report.Format, len(report.Refusals))
	for _, op := range report.Ops {
		fmt.Println(op.Count, op.Type)
	}
	// Output:
	// onnx, refused for 0 reasons
	// 2 Conv
	// 3 Relu
	// 1 Flatten
	// 2 Gemm
	// 1 Softmax
}

// Limits may be lowered for one call; the error says which one was reached.
func ExampleWithLimits() {
	ctx := context.Background()
	rt, err := glovebox.New(ctx, glovebox.Config{Limits: glovebox.Limits{Time: 10 * time.Second}})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()
	low := glovebox.WithLimits(ctx, glovebox.Limits{Memory: 1 << 20})
	_, err = rt.LoadFile(low, "../testdata/models/digits.onnx")
	fmt.Println(errors.Is(err, glovebox.ErrMemory))
	fmt.Println(err)
	// Output:
	// true
	// load: memory limit reached: over 1 MiB; raise Limits.Memory
}

// Of shares the slice with the tensor, and Slice the tensor with the slice.
func ExampleOf() {
	t, err := glovebox.Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	if err != nil {
		log.Fatal(err)
	}
	data, err := glovebox.Slice[float32](t)
	fmt.Println(t.Type(), data, err)
	_, err = glovebox.Of([]float32{1, 2, 3}, 2, 2)
	fmt.Println(err)
	// Output:
	// float32[2, 3] [1 2 3 4 5 6] <nil>
	// run: the input does not fit: tensor float32[2, 2] has 4 elements, the data 3
}

// A model is rebuilt from what cannot hold code: its weights, as safetensors,
// and its layers, named in JSON.
func ExampleRuntime_Convert() {
	ctx := context.Background()
	rt, err := glovebox.New(ctx, glovebox.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()
	file, err := glovebox.OpenFile("../testdata/models/digits.onnx")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	weights, err := rt.Convert(ctx, glovebox.Safetensors, file.Part())
	if err != nil {
		log.Fatal(err)
	}
	layers, err := glovebox.OpenFile("../testdata/architecture/digits.json")
	if err != nil {
		log.Fatal(err)
	}
	defer layers.Close()
	model, err := rt.Load(ctx, layers.Part(), glovebox.Bytes("weights", weights))
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	fmt.Println(len(weights), "bytes of weights for", model.Inputs()[0])
	// Output: 70032 bytes of weights for "image" float32[batch, 1, 8, 8]
}
