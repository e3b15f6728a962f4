package strictjson

import (
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

const hex = "0123456789abcdef"

// AppendString appends s as a JSON text, with no more escapes than there must
// be. Bytes that are not UTF-8 become the character that stands for them.
func AppendString(b []byte, s string) []byte {
	return appendString(b, s, func(r rune) bool { return r < ' ' })
}

// AppendPrintable is AppendString for a text that is shown: what cannot be
// printed, or turns around what is, is escaped.
func AppendPrintable(b []byte, s string) []byte {
	return appendString(b, s, func(r rune) bool { return !unicode.IsPrint(r) })
}

func appendString(b []byte, s string, escaped func(rune) bool) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case !escaped(r):
			b = utf8.AppendRune(b, r)
		case r < ' ' && short[r] != 0:
			b = append(b, '\\', short[r])
		case r <= 0xffff:
			b = appendUnit(b, r)
		default:
			high, low := utf16.EncodeRune(r)
			b = appendUnit(appendUnit(b, high), low)
		}
	}
	return append(b, '"')
}

// short are the letters of the escapes that have one.
var short = [' ']byte{'\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}

func appendUnit(b []byte, u rune) []byte {
	return append(b, '\\', 'u', hex[u>>12&15], hex[u>>8&15], hex[u>>4&15], hex[u&15])
}
