package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// testCase is a model and one data set for it.
type testCase struct {
	name   string
	model  string
	folder string
}

const dataSet = "test_data_set_"

// findCases walks dirs for the ONNX test layout: a folder with one model and
// data sets of any name, or with several models and data sets named after
// their stems.
func findCases(dirs []string) ([]testCase, error) {
	var cases []testCase
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if !d.IsDir() {
				return nil
			}
			found, err := casesIn(dir, p)
			cases = append(cases, found...)
			return err
		})
		if err != nil {
			return nil, fileError(err)
		}
	}
	return cases, nil
}

func casesIn(root, dir string) ([]testCase, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var models, sets []string
	for _, e := range entries {
		switch name := e.Name(); {
		case e.IsDir() && strings.HasPrefix(name, dataSet):
			sets = append(sets, name)
		case e.Type().IsRegular() && strings.HasSuffix(name, ".onnx"):
			models = append(models, name)
		}
	}
	slices.Sort(sets)
	var cases []testCase
	for _, set := range sets {
		model := ""
		if len(models) == 1 {
			model = models[0]
		}
		for _, m := range models {
			stem := strings.TrimSuffix(m, ".onnx")
			rest, ok := strings.CutPrefix(strings.TrimPrefix(set, dataSet), stem)
			number, isNumber := strings.CutPrefix(rest, "_")
			_, err := strconv.Atoi(number)
			if ok && (rest == "" || isNumber && err == nil) {
				model = m
			}
		}
		if model == "" {
			continue
		}
		rel, err := filepath.Rel(root, dir)
		if err != nil || rel == "." {
			rel = filepath.Base(dir)
		}
		name := filepath.ToSlash(filepath.Join(rel, set))
		if len(models) > 1 {
			name = filepath.ToSlash(filepath.Join(rel, strings.TrimSuffix(model, ".onnx"), set))
		}
		cases = append(cases, testCase{name, filepath.Join(dir, model), filepath.Join(dir, set)})
	}
	return cases, nil
}

// numbered lists the files kind_0.pb, kind_1.pb … of a data set, by number. A
// number that is left out is an error: what has the next one is of no port.
func numbered(folder, kind string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fileError(err)
	}
	there := map[string]bool{}
	for _, e := range entries {
		if is, _ := filepath.Match(kind+"_*.pb", e.Name()); is {
			there[e.Name()] = true
		}
	}
	var files []string
	for i := range len(there) {
		name := kind + "_" + strconv.Itoa(i) + ".pb"
		if !there[name] {
			return nil, &exit{exitRefused, fmt.Sprintf("%s has no %s, but %d files of the kind", quoted(folder), name, len(there))}
		}
		files = append(files, filepath.Join(folder, name))
	}
	return files, nil
}

func sameFile(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}
