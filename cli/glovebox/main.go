// Command glovebox runs machine-learning models that nobody has reason to
// trust. See package cli.
package main

import (
	"os"

	"github.com/glovebox-ml/glovebox/cli"
)

func main() { os.Exit(cli.Main(os.Args, os.Stdin, os.Stdout, os.Stderr)) }
