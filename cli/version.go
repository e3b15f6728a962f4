package cli

import (
	"encoding/hex"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	glovebox "github.com/glovebox-ml/glovebox/runtime"
)

func (s *session) versionCommand() *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "print the version, the digest of the guest, and what this system lacks",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print JSON", DisableDefaultText: true}},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("version takes no arguments")
			}
			digest := glovebox.GuestDigest()
			v := struct {
				Version string   `json:"version"`
				Go      string   `json:"go"`
				System  string   `json:"system"`
				Guest   string   `json:"guest_sha256"`
				Lacks   []string `json:"lacks"`
			}{"devel", runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, hex.EncodeToString(digest[:]), glovebox.Lacks()}
			if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
				v.Version = info.Main.Version
			}
			if c.Bool("json") {
				return writeJSON(s.out, v)
			}
			fmt.Fprintf(s.out, "glovebox %s\n%s %s\nguest %s\n", v.Version, v.Go, v.System, v.Guest)
			for _, l := range v.Lacks {
				fmt.Fprintln(s.out, "lacks:", l)
			}
			return nil
		},
	}
}
