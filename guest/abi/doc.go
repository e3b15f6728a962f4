// Package abi is the contract between a guest and the host: op numbers, record
// layouts, errnos and counts. It builds on both sides and is the specification
// that a guest in another language is written from.
package abi
