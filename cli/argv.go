package cli

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// normalise moves flags before positional arguments, which the flag package
// needs, so that they may stand anywhere on the line. After -- nothing is a
// flag. A flag with one value that is given twice is refused: which of the two
// was meant cannot be known.
func normalise(app *cli.App, args []string) ([]string, error) {
	if len(args) < 2 {
		return args, nil
	}
	var command *cli.Command
	at := slices.IndexFunc(args[1:], func(a string) bool { return !strings.HasPrefix(a, "-") }) + 1
	if at > 0 {
		command = app.Command(args[at])
	}
	if command == nil {
		return args, nil
	}
	flags := map[string]cli.Flag{}
	for _, f := range command.Flags {
		for _, n := range f.Names() {
			flags[n] = f
		}
	}
	var given, rest []string
	seen := map[string]bool{}
	line := slices.Concat(args[1:at], args[at+1:])
	for i := 0; i < len(line); i++ {
		a := line[i]
		if a == "--" {
			rest = append(rest, line[i+1:]...)
			break
		}
		if !strings.HasPrefix(a, "-") || a == "-" || number(a) {
			rest = append(rest, a)
			continue
		}
		name, _, joined := strings.Cut(strings.TrimLeft(a, "-"), "=")
		f := flags[name]
		if f == nil {
			if name == "help" || name == "h" {
				given = append(given, a)
				continue
			}
			return nil, usagef("%s has no flag %q; see glovebox %s --help", command.Name, a, command.Name)
		}
		_, many := f.(*cli.StringSliceFlag)
		if seen[f.Names()[0]] && !many {
			return nil, usagef("--%s is given twice", f.Names()[0])
		}
		seen[f.Names()[0]] = true
		given = append(given, a)
		if _, isBool := f.(*cli.BoolFlag); !isBool && !joined {
			if i+1 == len(line) {
				return nil, usagef("--%s needs a value", name)
			}
			i++
			given = append(given, line[i])
		}
	}
	out := append([]string{args[0], command.Name}, given...)
	return append(append(out, "--"), rest...), nil
}

// number reports whether an argument that starts with a dash is a value.
func number(a string) bool { return len(a) > 1 && (a[1] >= '0' && a[1] <= '9' || a[1] == '.') }
