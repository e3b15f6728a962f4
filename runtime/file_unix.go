//go:build unix

package runtime

import "syscall"

// openFlags refuse a symbolic link, and keep a pipe from blocking the open.
const openFlags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK
