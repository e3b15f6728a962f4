package main

import (
	"os"
	"path/filepath"

	"github.com/glovebox-ml/glovebox/guest/vet"
)

// images are the files that package image embeds, by name.
func (m *module) images() (map[string][]byte, error) {
	sum, err := m.sum()
	if err != nil {
		return nil, err
	}
	raw, err := m.compile()
	if err != nil {
		return nil, err
	}
	complete, err := vet.Rewrite(raw, vet.Policy{Own: true})
	if err != nil {
		return nil, err
	}
	begun, err := begin(complete)
	if err != nil {
		return nil, err
	}
	whole, err := vet.Rewrite(raw, vet.Policy{Own: true, Bare: true})
	if err != nil {
		return nil, err
	}
	images := map[string][]byte{"guest.sum": []byte(sum), "guest.wasm": whole, "begun.bin": begun.Encode()}
	for _, part := range parts {
		list, err := os.ReadFile(filepath.Join(m.root, "guest", "image", part+".txt"))
		if err != nil {
			return nil, err
		}
		keep, err := listed(raw, list)
		if err != nil {
			return nil, err
		}
		if images[part+".wasm"], err = vet.Rewrite(raw, vet.Policy{Own: true, Bare: true, Keep: keep}); err != nil {
			return nil, err
		}
	}
	return images, nil
}

// named is guest.wasm with the names of its functions.
func (m *module) named() ([]byte, error) {
	raw, err := m.compile()
	if err != nil {
		return nil, err
	}
	wasm, err := vet.Rewrite(raw, vet.Policy{Own: true, Bare: true})
	if err != nil {
		return nil, err
	}
	section, err := nameSection(raw)
	return append(wasm, section...), err
}
