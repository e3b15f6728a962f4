package cli

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// normalise moves flags before positional arguments, which the flag package
// needs, so that they may stand anywhere on the line. After -- nothing is a
// flag. A flag with one value that is given twice is refused: which of the two
// was meant cannot be known. The command help is the flag --help of another.
func normalise(app *cli.App, args []string) ([]string, error) {
	at := commandAt(app, args)
	if at < len(args) && args[at] == "help" {
		args = slices.Concat(args[:at], []string{"--help"}, args[at+1:])
		at = commandAt(app, args)
	}
	if at >= len(args) {
		return args, nil
	}
	command := app.Command(args[at])
	if command == nil {
		return nil, usagef("no command is called %q; see glovebox --help", args[at])
	}
	flags := flagsOf(command)
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
				return []string{args[0], command.Name, "--help"}, nil
			}
			return nil, usagef("%s has no flag %q; see glovebox %s --help", command.Name, a, command.Name)
		}
		_, many := f.(*cli.StringSliceFlag)
		if seen[f.Names()[0]] && !many {
			return nil, usagef("--%s is given twice", f.Names()[0])
		}
		seen[f.Names()[0]] = true
		given = append(given, a)
		if takesNext(f, joined) {
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

// commandAt is where the command stands on the line, or its end. Flags of any
// command may stand before it, with their values.
func commandAt(app *cli.App, args []string) int {
	flags := flagsOf(app.Commands...)
	for i := 1; i < len(args); i++ {
		if !strings.HasPrefix(args[i], "-") {
			return i
		}
		name, _, joined := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		if f := flags[name]; f != nil && takesNext(f, joined) {
			i++
		}
	}
	return len(args)
}

// flagsOf has the flags of commands by each of their names.
func flagsOf(commands ...*cli.Command) map[string]cli.Flag {
	flags := map[string]cli.Flag{}
	for _, c := range commands {
		for _, f := range c.Flags {
			for _, n := range f.Names() {
				flags[n] = f
			}
		}
	}
	return flags
}

// takesNext reports whether the value of a flag is the next argument.
func takesNext(f cli.Flag, joined bool) bool {
	_, isBool := f.(*cli.BoolFlag)
	return !isBool && !joined
}

// number reports whether an argument that starts with a dash is a value.
func number(a string) bool { return len(a) > 1 && (a[1] >= '0' && a[1] <= '9' || a[1] == '.') }
