package cli

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxLabels  = 16 << 20 // bytes of a file of labels
	shownLabel = 256      // bytes of a label that is printed as it is
)

// readLabels reads a file with one label a line; no path is no labels.
func readLabels(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fileError(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxLabels+1))
	if err != nil {
		return nil, fileError(err)
	}
	if len(text) > maxLabels {
		return nil, &exit{exitRefused, fmt.Sprintf("labels %s: over %d bytes; give a file with one label a line", quoted(path), maxLabels)}
	}
	var labels []string
	for line := range strings.Lines(string(text)) {
		labels = append(labels, strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"))
	}
	return labels, nil
}

// printable is a label as it stands on a terminal: a label is text for people,
// in any script, but it comes from a file.
func printable(label string) string {
	if legible(label) {
		return label
	}
	return strconv.Quote(label[:min(len(label), shownLabel)])
}

// legible reports whether text can be printed as it is: it is one line, none
// of it is hidden or obeyed by a terminal, and it is short.
func legible(s string) bool {
	hidden := func(r rune) bool { return r != '\t' && !unicode.IsPrint(r) }
	return len(s) <= shownLabel && utf8.ValidString(s) && !strings.ContainsFunc(s, hidden)
}
