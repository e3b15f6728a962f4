// The arm64 program writes all assembly for arm64.
package main

import (
	"flag"
	"fmt"
	"os"

	. "github.com/glovebox-ml/glovebox/kernels/internal/simd/_asm/neon"
)

var files = []struct {
	name  string
	write func(file *File)
}{
	{"gemm", gemm},
	{"depthwise", depthwise},
	{"elementwise", elementwise},
	{"fold", fold},
	{"pool", pool},
	{"pack", pack},
	{"transpose", transpose},
	{"cast", cast},
	{"winograd", winograd},
}

func main() {
	dir := flag.String("out", "", "where to write")
	flag.Parse()
	for _, f := range files {
		file := NewFile(f.name)
		f.write(file)
		if err := file.Write(*dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
