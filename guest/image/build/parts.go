package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// nameSection is the custom section that holds the names of functions, whole.
func nameSection(wasm []byte) ([]byte, error) {
	const header = 8
	for at := header; at < len(wasm); {
		size, n := binary.Uvarint(wasm[at+1:])
		if n <= 0 || size > uint64(len(wasm)-at-1-n) {
			break
		}
		body := wasm[at+1+n:][:size]
		if wasm[at] == 0 && bytes.HasPrefix(body, []byte("\x04name")) {
			return wasm[at : at+1+n+int(size)], nil
		}
		at += 1 + n + int(size)
	}
	return nil, fmt.Errorf("the guest has no names")
}

// names lists the functions of a module by their index.
func names(wasm []byte) (map[int]string, error) {
	section, err := nameSection(wasm)
	if err != nil {
		return nil, err
	}
	b := bytes.NewBuffer(section[1:])
	binary.ReadUvarint(b)
	b.Next(len("\x04name"))
	for b.Len() > 0 {
		kind, _ := b.ReadByte()
		size, _ := binary.ReadUvarint(b)
		part := bytes.NewBuffer(b.Next(int(size)))
		if kind != functionNames {
			continue
		}
		list := map[int]string{}
		for count, _ := binary.ReadUvarint(part); count > 0; count-- {
			index, _ := binary.ReadUvarint(part)
			length, err := binary.ReadUvarint(part)
			if err != nil {
				return nil, err
			}
			list[int(index)] = string(part.Next(int(length)))
		}
		return list, nil
	}
	return nil, fmt.Errorf("the guest has no names of functions")
}

// functionNames is the part of the section that names functions.
const functionNames = 1

// numbers are what the compiler tells closures apart by. They change with every
// closure before them, so they do not count.
var numbers = regexp.MustCompile(`(func|\.|-range)[0-9]+`)

// parts are the images without some functions. A list of the others is beside
// each, one a line; a star at the end of a line is for whatever follows.
var parts = [...]string{"hot", "warm"}

// listed reports of each function whether its name is on the list.
func listed(wasm, list []byte) (func(int) bool, error) {
	byIndex, err := names(wasm)
	if err != nil {
		return nil, err
	}
	keep := map[string]bool{}
	var begins []string
	for line := range strings.Lines(string(list)) {
		name, many := strings.CutSuffix(strings.TrimSpace(line), "*")
		if many {
			begins = append(begins, name)
		}
		keep[numbers.ReplaceAllString(name, "$1")] = true
	}
	return func(k int) bool {
		return keep[numbers.ReplaceAllString(byIndex[k], "$1")] ||
			slices.ContainsFunc(begins, func(b string) bool { return strings.HasPrefix(byIndex[k], b) })
	}, nil
}
