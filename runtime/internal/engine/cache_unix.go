//go:build linux || darwin

package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// private proves that nobody but this user, or root, can change what lies in
// dir: it is theirs alone, and nobody else can put another in its place.
func private(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if owner(info) != os.Geteuid() || info.Mode() != os.ModeDir|0o700 {
		return fmt.Errorf("%s is not a directory of this user alone", dir)
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	for at := real; at != filepath.Dir(at); {
		at = filepath.Dir(at)
		info, err := os.Lstat(at)
		if err != nil {
			return err
		}
		if o := owner(info); o != 0 && o != os.Geteuid() {
			return fmt.Errorf("%s belongs to another user", at)
		}
		// In a sticky directory, as /tmp is, others cannot move what is ours.
		if info.Mode()&0o022 != 0 && info.Mode()&os.ModeSticky == 0 {
			return fmt.Errorf("%s can be written by others", at)
		}
	}
	return nil
}

func owner(info os.FileInfo) int {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid)
	}
	return -1
}
