//go:build !wasip1

package main

import "fmt"

func main() {
	fmt.Println("The guest is built for wasip1: GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared ./guest")
}
