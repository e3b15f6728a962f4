//go:build wasip1

// The guest reads model files and turns them into tensor programs. It runs in
// a box: what it may ask of the host is written in package abi, and whatever
// it makes of a hostile file, it can do no more than that.
package main

import (
	"runtime/debug"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/box"
	"github.com/glovebox-ml/glovebox/guest/internal/decode"
	"github.com/glovebox-ml/glovebox/guest/internal/format"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// loaded is what load leaves for run. The host freezes the guest's memory
// after load, and each run begins with it as it was then.
var loaded format.Model

// main is not called: a reactor is entered by its exports.
func main() {}

// Most models are traced within 16 MiB, before the collector runs at all.
var _ = debug.SetGCPercent(400)

//go:wasmexport load
func load(task uint32) uint32 {
	host := box.New()
	return answer(host, func() {
		switch task := abi.Task(task); task & abi.TaskBits {
		case abi.TaskModel:
			loaded = format.Load(host, task)
		case abi.TaskInspect:
			format.Inspect(host, task)
		case abi.TaskDecode:
			loaded = decode.Load(host)
		default:
			loaded = format.Export(host, task)
		}
	})
}

//go:wasmexport run
func run() uint32 {
	host := box.New()
	return answer(host, func() { loaded.Run(host) })
}

// answer calls f and tells the host the fault that ended it, if one did.
func answer(host abi.Box, f func()) uint32 {
	fault := scan.Catch(f)
	if fault == nil {
		return 0
	}
	host.Emit(abi.EmitFault, abi.AppendFault(nil, *fault))
	return 1
}
