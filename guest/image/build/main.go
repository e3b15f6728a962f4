// Build compiles the guest, rewrites it and writes it into guest/image: whole,
// as guest.wasm, and with the functions that hot.txt and warm.txt name, as
// hot.wasm and warm.wasm. It is run from anywhere in the module:
//
//	go run ./guest/image/build
//
// The same sources give the same bytes on every machine. With -named FILE it
// writes the whole guest with the names of its functions to that file instead.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	named := flag.String("named", "", "write the guest with names to `FILE`, and nothing else")
	flag.Parse()
	if err := run(*named); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

func run(named string) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	m, err := findModule(dir)
	if err != nil {
		return err
	}
	if named != "" {
		wasm, err := m.named()
		if err != nil {
			return err
		}
		return os.WriteFile(named, wasm, 0o644)
	}
	images, err := m.images()
	if err != nil {
		return err
	}
	for name, b := range images {
		if err := os.WriteFile(filepath.Join(m.root, "guest", "image", name), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}
