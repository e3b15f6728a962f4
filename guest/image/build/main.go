// Build compiles the guest, rewrites it and writes guest.wasm and guest.sum
// into guest/image. It is run from anywhere in the module:
//
//	go run ./guest/image/build
//
// The same sources give the same bytes on every machine.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

func run() error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	m, err := findModule(dir)
	if err != nil {
		return err
	}
	sum, err := m.sum()
	if err != nil {
		return err
	}
	wasm, err := m.build()
	if err != nil {
		return err
	}
	image := filepath.Join(m.root, "guest", "image")
	if err := os.WriteFile(filepath.Join(image, "guest.wasm"), wasm, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(image, "guest.sum"), []byte(sum), 0o644)
}
