package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/vet"
)

// begin runs the start-up code of a rewritten guest and answers with what the
// guest then remembers, so that no instance has to run it again. It is the same
// on every machine: the guest has one thread, a clock that stands still and
// random numbers from the seed zero.
func begin(wasm []byte) (*vet.Begun, error) {
	ctx := context.Background()
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer rt.Close(ctx)
	for _, imports := range [][]vet.Import{vet.Functions(), vet.WASI()} {
		b := rt.NewHostModuleBuilder(imports[0].Module)
		for _, imp := range imports {
			b.NewFunctionBuilder().WithGoModuleFunction(answer(imp), types(imp.Params), types(imp.Results)).Export(imp.Name)
		}
		if _, err := b.Instantiate(ctx); err != nil {
			return nil, err
		}
	}
	mod, err := rt.InstantiateWithConfig(ctx, wasm, wazero.NewModuleConfig().WithStartFunctions())
	if err != nil {
		return nil, err
	}
	fuel, ok := mod.ExportedGlobal(vet.Fuel).(api.MutableGlobal)
	start := mod.ExportedFunction("_initialize")
	if !ok || start == nil || mod.Memory() == nil {
		return nil, fmt.Errorf("the guest is not one that can be started")
	}
	fuel.Set(math.MaxInt64)
	if _, err := start.Call(ctx); err != nil {
		return nil, err
	}
	memory, ok := mod.Memory().Read(0, mod.Memory().Size())
	if !ok {
		return nil, fmt.Errorf("the guest has no memory to read")
	}
	var globals []uint64
	for {
		g := mod.ExportedGlobal(fmt.Sprint(vet.State, len(globals)))
		if g == nil {
			return vet.Begin(memory, globals), nil
		}
		globals = append(globals, g.Get())
	}
}

// answer is what start-up code gets from an import: no arguments, no
// environment, no files. All that a box would answer is refused.
func answer(imp vet.Import) api.GoModuleFunc {
	random := rand.NewPCG(0, 0)
	return func(_ context.Context, mod api.Module, stack []uint64) {
		if imp.Module == abi.Module {
			panic("start-up code asks for " + imp.Name)
		}
		errno := uint64(0)
		switch imp.Name {
		case "args_sizes_get", "environ_sizes_get":
			mod.Memory().WriteUint32Le(uint32(stack[0]), 0)
			mod.Memory().WriteUint32Le(uint32(stack[1]), 0)
		case "clock_time_get":
			mod.Memory().WriteUint64Le(uint32(stack[2]), 1)
		case "random_get":
			var word [8]byte
			for at := uint32(0); at < uint32(stack[1]); at += 8 {
				binary.LittleEndian.PutUint64(word[:], random.Uint64())
				mod.Memory().Write(uint32(stack[0])+at, word[:min(8, uint32(stack[1])-at)])
			}
		case "args_get", "environ_get", "sched_yield":
		case "fd_prestat_get", "fd_fdstat_get", "fd_fdstat_set_flags":
			errno = badFile
		default:
			panic("start-up code asks for " + imp.Name)
		}
		if len(imp.Results) > 0 {
			stack[0] = errno
		}
	}
}

// badFile is the errno of WASI for a file that is not open.
const badFile = 8

// types turns the letters of an import into types.
func types(letters string) []api.ValueType {
	t := make([]api.ValueType, len(letters))
	for i, c := range letters {
		t[i] = api.ValueTypeI32
		if c == 'I' {
			t[i] = api.ValueTypeI64
		}
	}
	return t
}
